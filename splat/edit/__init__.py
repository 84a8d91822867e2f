"""Changing a scene: which Gaussians, what happens to them, and the record of it."""
