"""Exposure and colours that differ from photo to photo: measured before training, learned beside the scene."""
