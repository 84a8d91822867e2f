"""COLMAP's own files: models in binary and text form."""
