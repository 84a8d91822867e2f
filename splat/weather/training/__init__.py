"""Training through weather: what lies between the camera and the scene is explained, and left out of the scene."""
