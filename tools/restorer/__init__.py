"""Trains the network that `splat clean` takes rain and snow out with."""
