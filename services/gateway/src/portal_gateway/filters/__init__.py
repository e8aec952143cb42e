"""The filter of the search API: read once into a tree, then compiled and evaluated. Pure."""
