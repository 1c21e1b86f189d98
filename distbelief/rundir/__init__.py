"""A run's directory: what keeps it while a run is under way, under every clock."""
