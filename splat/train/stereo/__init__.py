"""Where surfaces are, from the training photos alone: plane sweeping, smoothing, and what several photos agree on.

Known points stand only where photos have texture. Depth between them is what the first Gaussians are placed at: at a
wrong depth each photo grows its own surfaces, which stand before the lens of every other camera.
"""
