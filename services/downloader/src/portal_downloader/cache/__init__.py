"""The disk cache: verified files, eviction, recovery."""
