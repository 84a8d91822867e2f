"""Weather out of photos: what is there, pictures without it, and masks of what is on the lens."""
