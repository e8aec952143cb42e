"""The inverted index: tokens, facets, settings, storage."""
