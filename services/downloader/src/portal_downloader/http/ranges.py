"""The Range header (RFC 9110, section 14): which bytes are asked for. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

MOST = 16  # ranges in one request
LONGEST = 2000  # characters
_SPEC = re.compile(r"(\d*)-(\d*)", re.ASCII)


class Unsatisfiable(Exception):
    """None of it lies within the file, or it is too much to ask."""


@dataclass(frozen=True)
class Span:
    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


Spans: TypeAlias = tuple[Span, ...]


def spans(header: str | None, size: int) -> Spans | None:
    """None: the whole file, also for what is no range of bytes. Raises Unsatisfiable.

    Ranges that overlap or touch are joined, so that no answer is longer than the file by more than
    its own headers.
    """
    if header is None:
        return None
    unit, sign, given = header.partition("=")
    if not sign or unit.strip().lower() != "bytes":
        return None
    if len(header) > LONGEST:
        raise Unsatisfiable
    specs = [spec.strip() for spec in given.split(",") if spec.strip()]
    if not specs:
        return None
    if len(specs) > MOST:
        raise Unsatisfiable
    read = [_read(spec) for spec in specs]
    given_spans = [bounds for bounds in read if bounds is not None]
    if len(given_spans) < len(read):
        return None
    found = [span for b in given_spans if (span := _span(*b, size)) is not None]
    if not found:
        raise Unsatisfiable
    return _joined(found)


def _read(spec: str) -> tuple[str, str] | None:
    """First and last byte as written, one of them maybe empty; None for what is no range."""
    match = _SPEC.fullmatch(spec)
    if match is None or spec == "-":
        return None
    first, last = match.groups()
    return None if first and last and int(first) > int(last) else (first, last)


def _span(first: str, last: str, size: int) -> Span | None:
    """The part of it that the file has."""
    if not first:
        length = min(int(last), size)
        return Span(size - length, size - 1) if length else None
    start = int(first)
    end = min(int(last), size - 1) if last else size - 1
    return Span(start, end) if start < size else None


def _joined(found: Sequence[Span]) -> Spans:
    """In the order asked for, unless some had to be joined."""
    ordered = sorted(found, key=lambda s: s.first)
    joined: list[Span] = []
    for span in ordered:
        if joined and span.first <= joined[-1].last + 1:
            joined[-1] = Span(joined[-1].first, max(joined[-1].last, span.last))
        else:
            joined.append(span)
    return tuple(found) if len(joined) == len(found) else tuple(joined)


def content_range(span: Span, size: int) -> str:
    return f"bytes {span.first}-{span.last}/{size}"
