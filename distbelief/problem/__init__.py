"""The problem that a run trains on: its data and its objective, under every clock."""
