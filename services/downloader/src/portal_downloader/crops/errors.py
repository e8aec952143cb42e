"""Why the voxels of a volume cannot be read."""


class InvalidChunk(ValueError):
    """A chunk cannot be decoded, or holds more than its array allows."""


class FileEvicted(OSError):
    """A file has left the cache while it was being read."""
