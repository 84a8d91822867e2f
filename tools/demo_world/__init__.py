"""A small furnished room corner, rendered with known geometry: the project's own capture with ground truth."""
