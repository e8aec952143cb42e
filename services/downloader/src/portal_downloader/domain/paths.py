"""Paths of files in the archive."""


def normal(path: str) -> str:
    """Returns the absolute path with single slashes; answers of archives are matched on it."""
    return "/" + "/".join(part for part in path.split("/") if part)
