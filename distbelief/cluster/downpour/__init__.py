"""Downpour SGD on a real cluster: chief, replicas, parameter server."""
