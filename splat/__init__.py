"""Photos to 3D Gaussian scenes: train, evaluate, render and export, with or without a GPU."""

__version__ = "0.1.0"
