"""What a scene does not need: which Gaussians those are, and the colours of the others once they are gone."""
