"""Edits that follow pictures: the selected Gaussians are optimised until they show them, the others stay."""
