"""Pictures of runs; only these need matplotlib (the extra `plots`)."""
