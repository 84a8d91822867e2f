"""Poses that are a little wrong: refined while training, and held-out ones refined for scoring."""
