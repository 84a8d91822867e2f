"""Teachers by name."""
