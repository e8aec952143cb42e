"""What the project uses of the `datacite` package, which has no types."""

from datacite import schema45

__all__ = ["schema45"]
