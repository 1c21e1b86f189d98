"""A run, recomputed in one process from its step records."""
