"""How features are kept on Gaussians: one interface, four ways."""
