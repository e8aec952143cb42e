"""Paths as clients send them, and the files they may reach. Pure but for looking at the disk."""

from pathlib import Path

from portal_local.tape.problems import DASH, Problem

LONGEST = 4096  # bytes


def sanitised(sent: str) -> str:
    """The path with one slash where there were several; refused if it could leave the archive."""
    try:
        size = len(sent.encode())
    except UnicodeEncodeError as error:
        raise _refused(sent, "is not valid Unicode") from error
    if size > LONGEST:
        raise _refused(sent[:80], f"is longer than {LONGEST} bytes")
    if any(ord(character) < 32 or ord(character) == 127 for character in sent):  # noqa: PLR2004
        raise _refused(sent, "contains control characters")
    steps = [step for step in sent.split("/") if step not in ("", ".")]
    if ".." in steps:
        raise _refused(sent, "contains '..'")
    if not steps:
        raise _refused(sent, "names no file")
    return "/" + "/".join(steps)


def _refused(sent: str, reason: str) -> Problem:
    return Problem(400, "Invalid path", f"path {DASH} {sent!r} {reason}")


def file_at(root: Path, path: str) -> Path | None:
    """The regular file under `root`, None if there is none or a symbolic link leads out."""
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
