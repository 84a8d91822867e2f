"""Scenes that answer words: teachers' 2D features, lifted onto Gaussians, compressed, and asked."""
