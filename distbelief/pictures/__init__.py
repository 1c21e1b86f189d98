"""What runs look like; needs matplotlib (the extra `plots`), which nothing else does."""
