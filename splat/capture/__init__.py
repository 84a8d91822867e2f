"""Captures: photos with known cameras, from every kind of input people have."""
