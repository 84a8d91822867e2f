"""Scale, up and origin of a scene: from GPS, known points, a distance, markers or another run."""
