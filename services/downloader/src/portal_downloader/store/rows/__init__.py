"""Rows of the collections as values."""
