"""Declarations that files make: names, and fields of the config."""
