"""Filters of the search API: parsed into a tree, evaluated on rows. No I/O."""
