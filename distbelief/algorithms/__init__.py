"""What the papers define, as pure functions on tensors: no cluster in sight."""
