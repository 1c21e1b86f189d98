"""The papers' algorithms as pure functions on tensors, independent of any cluster."""
