"""Recomputes a schedule of steps and pushes, independent of any clock."""
