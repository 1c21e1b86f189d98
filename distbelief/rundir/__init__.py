"""A run's directory, and the code that keeps it during a run, under every clock."""
