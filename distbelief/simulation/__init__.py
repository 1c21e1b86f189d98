"""A virtual clock: real gradients in simulated time, and replay of what was recorded."""
