"""A page that shows a scene while it is trained."""
