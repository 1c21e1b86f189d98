"""Models and data as their users write them, small, of many kinds (catalog.py).

Each model is a function that returns a built model, each data set one of (split, seed):
as config.model.name and config.data.name take them.
"""
