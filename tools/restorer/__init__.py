"""Trains the network that takes rain and snow out of photos."""
