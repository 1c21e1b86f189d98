"""What a run learns: its data and its objective, under whatever clock."""
