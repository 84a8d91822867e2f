"""Selecting in the page: how selections combine, and the ways to point at what is meant."""
