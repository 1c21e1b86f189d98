"""Recomputes a run in one process from its step records."""
