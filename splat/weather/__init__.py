"""Weather: out of photos, and into scenes."""
