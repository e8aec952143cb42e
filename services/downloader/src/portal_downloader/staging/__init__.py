"""Workers that bring files from the archive into the cache."""
