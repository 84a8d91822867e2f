"""What can be done to selected Gaussians; pure functions of a scene, a selection and options."""
