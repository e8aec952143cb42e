"""Builds an ingest job from a folder and its metadata."""
