"""Which bytes a GET asks for (RFC 9110 §14). Pure."""

import re

SINGLE = re.compile(r"bytes=\s*(\d*)-(\d*)\s*", re.ASCII | re.IGNORECASE)


class Unsatisfiable(Exception):
    """No byte of the range exists."""


def span(header: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte, None for the whole file: no range, or one that may be ignored.

    Several ranges, other units and what is no range at all are ignored.
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
