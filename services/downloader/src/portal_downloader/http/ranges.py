"""Parses the Range header (RFC 9110, section 14)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

MAX_RANGES = 16  # in one request
MAX_HEADER_CHARS = 2000
_SPEC = re.compile(r"(\d*)-(\d*)", re.ASCII)


class Unsatisfiable(Exception):
    """No range lies within the file, or there are too many."""


@dataclass(frozen=True)
class Span:
    """A range of bytes; both ends belong to it."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


Spans: TypeAlias = tuple[Span, ...]


def parse_range(header: str | None, size: int) -> Spans | None:
    """Returns the ranges, or None for the whole file. Raises Unsatisfiable.

    A header that is not a valid range of bytes is ignored. Ranges that overlap or touch are merged,
    so that no response is longer than the file by more than the headers of its parts.
    """
    if header is None:
        return None
    unit, sign, value = header.partition("=")
    if not sign or unit.strip().lower() != "bytes":
        return None
    if len(header) > MAX_HEADER_CHARS:
        raise Unsatisfiable
    specs = [spec.strip() for spec in value.split(",") if spec.strip()]
    if not specs:
        return None
    if len(specs) > MAX_RANGES:
        raise Unsatisfiable
    bounds_list = [_parse_spec(spec) for spec in specs]
    valid = [bounds for bounds in bounds_list if bounds is not None]
    if len(valid) < len(bounds_list):
        return None
    found = [span for b in valid if (span := _clip(*b, size)) is not None]
    if not found:
        raise Unsatisfiable
    return _merge(found)


def _parse_spec(spec: str) -> tuple[str, str] | None:
    """Returns first and last byte as written, one perhaps empty; None for an invalid range."""
    match = _SPEC.fullmatch(spec)
    if match is None or spec == "-":
        return None
    first, last = match.groups()
    return None if first and last and int(first) > int(last) else (first, last)


def _clip(first: str, last: str, size: int) -> Span | None:
    """Returns the part of the range that lies within the file, or None."""
    if not first:
        length = min(int(last), size)
        return Span(size - length, size - 1) if length else None
    start = int(first)
    end = min(int(last), size - 1) if last else size - 1
    return Span(start, end) if start < size else None


def _merge(found: Sequence[Span]) -> Spans:
    """Returns the ranges in the requested order, unless some had to be merged."""
    ordered = sorted(found, key=lambda s: s.first)
    merged: list[Span] = []
    for span in ordered:
        if merged and span.first <= merged[-1].last + 1:
            merged[-1] = Span(merged[-1].first, max(merged[-1].last, span.last))
        else:
            merged.append(span)
    return tuple(found) if len(merged) == len(found) else tuple(merged)


def content_range(span: Span, size: int) -> str:
    """Returns the value of the Content-Range header."""
    return f"bytes {span.first}-{span.last}/{size}"
