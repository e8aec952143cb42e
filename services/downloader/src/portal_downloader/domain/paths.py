"""Normalizes paths of files in the archive."""


def normalize(path: str) -> str:
    """Returns the absolute path with single slashes; answers of archives are matched by it."""
    return "/" + "/".join(part for part in path.split("/") if part)
