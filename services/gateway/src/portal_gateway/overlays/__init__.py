"""Registrations of zooms to overviews: matrices, corners, states of viewers, transform files."""
