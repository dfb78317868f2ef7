"""Generators of the documentation: what the code knows better than a page does."""
