"""What is drawn per replica and step, the same under every clock."""
