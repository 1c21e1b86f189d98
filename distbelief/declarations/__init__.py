"""What files declare of themselves: names, and fields of the config."""
