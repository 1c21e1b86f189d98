"""The virtual clock: real gradients in simulated time."""
