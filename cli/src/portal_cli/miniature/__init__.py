"""Generates small volumes in place of the measured volumes, which are too large to import."""
