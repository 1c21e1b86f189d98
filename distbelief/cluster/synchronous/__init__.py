"""Synchronous SGD on a real cluster, and one process alone."""
