"""Rain, snow and fog in a finished scene."""
