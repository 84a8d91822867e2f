"""Trains the demo teacher: a small CLIP-style model that knows what the demo generator can make."""
