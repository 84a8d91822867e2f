"""The viewer: a page in the browser that shows a scene, and drives what the commands do."""
