"""Volumes as readers look at them: their levels, slices as pictures, thumbnails."""
