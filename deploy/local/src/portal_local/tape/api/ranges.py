"""Parses the Range header of a GET (RFC 9110, section 14)."""

import re

SINGLE = re.compile(r"bytes=\s*(\d*)-(\d*)\s*", re.ASCII | re.IGNORECASE)


class Unsatisfiable(Exception):
    """The range has no byte of the file."""


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Returns first and last byte; None for the whole file or a range that may be ignored.

    Several ranges, other units and invalid ranges are ignored.
    """
    found = SINGLE.fullmatch(header) if header and len(header) < 100 else None  # noqa: PLR2004
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        return _suffix(int(last), size)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise Unsatisfiable
    return int(first), min(int(last), size - 1) if last else size - 1


def _suffix(length: int, size: int) -> tuple[int, int]:
    if length == 0 or size == 0:
        raise Unsatisfiable
    return max(size - length, 0), size - 1
