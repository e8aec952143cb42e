"""Search results: hits, highlighting, facet counts."""
