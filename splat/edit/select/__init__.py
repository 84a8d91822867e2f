"""Which Gaussians an edit is about: by geometry, pictures, words, or an expression of all of them."""
