"""Validates paths sent by clients, and finds the files they may access."""

from pathlib import Path

from portal_local.tape.problems import DASH, Problem

MAX_PATH_BYTES = 4096


def sanitize(sent: str) -> str:
    """Returns the path with single slashes. Raises Problem if it could leave the archive."""
    try:
        size = len(sent.encode())
    except UnicodeEncodeError as error:
        raise _invalid_path(sent, "is not valid Unicode") from error
    if size > MAX_PATH_BYTES:
        raise _invalid_path(sent[:80], f"is longer than {MAX_PATH_BYTES} bytes")
    if any(ord(character) < 32 or ord(character) == 127 for character in sent):  # noqa: PLR2004
        raise _invalid_path(sent, "contains control characters")
    steps = [step for step in sent.split("/") if step not in ("", ".")]
    if ".." in steps:
        raise _invalid_path(sent, "contains '..'")
    if not steps:
        raise _invalid_path(sent, "names no file")
    return "/" + "/".join(steps)


def _invalid_path(sent: str, reason: str) -> Problem:
    return Problem(400, "Invalid path", f"path {DASH} {sent!r} {reason}")


def file_at(root: Path, path: str) -> Path | None:
    """Returns the regular file below `root`; None if there is none or a link leads out."""
    try:
        found = (root / path.lstrip("/")).resolve(strict=True)
    except (OSError, RuntimeError):
        return None
    return found if found.is_relative_to(root) and found.is_file() else None


def is_directory(root: Path, path: str) -> bool:
    try:
        found = (root / path.lstrip("/")).resolve(strict=True)
    except (OSError, RuntimeError):
        return False
    return found.is_relative_to(root) and found.is_dir()
