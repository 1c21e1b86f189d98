"""Random draws per replica and step, the same under every clock."""
