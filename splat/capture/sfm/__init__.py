"""Cameras and points from photos alone, by COLMAP: features, matching, mapping, triangulation."""
