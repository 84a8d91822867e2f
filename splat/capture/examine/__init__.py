"""Whether the cameras of a capture can be right, by what is known without training."""
