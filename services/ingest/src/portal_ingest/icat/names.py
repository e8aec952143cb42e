"""Names that fit ICAT's columns and stay different in its database.

A name that is too long is cut with a digest.

ICAT's database takes look-alikes for one (see `collation`): `mW` equals `MW`. A name that cannot
stand beside its look-alike gets a name of its own:
`NAME ~DIGEST`, where the digest is the first 8 hexadecimal digits of the SHA-256 of the name, or of
its whole key: name, null byte, unit. What stands before the last ` ~` is the name as it was sent.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import TypeVar

from portal_ingest.icat.collation import fold

T = TypeVar("T")

SHORT, LONG = 255, 4000  # characters of text columns
DIGEST_DIGITS = 8


def cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def cut_name(text: str, length: int = SHORT) -> str:
    """Returns a text of at most that length, different for different names."""
    if len(text) <= length:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return f"{text[: length - 14]}… {digest}"


def own_name(name: str, *context: str) -> str:
    """Returns the name of something whose name is taken by a look-alike.

    `context` is what else belongs to its key in ICAT, such as the unit of a parameter.
    """
    digest = hashlib.sha256("\0".join((name, *context)).encode()).hexdigest()[:DIGEST_DIGITS]
    return f"{cut_name(name, SHORT - DIGEST_DIGITS - 2)} ~{digest}"


def one_of_each(items: Iterable[T], key: Callable[[T], str]) -> tuple[T, ...]:
    """Returns the items without later ones whose key is a look-alike of an earlier one's."""
    found: dict[str, T] = {}
    for item in items:
        found.setdefault(fold(key(item)), item)
    return tuple(found.values())


def distinct_names(names: Iterable[str]) -> dict[str, str]:
    """Returns a name for each of these that has no look-alike among them: the first, in order of
    code points, has its own; later ones get `own_name`.
    """
    taken: set[str] = set()
    found: dict[str, str] = {}
    for name in sorted(set(names)):
        folded = fold(name)
        found[name] = own_name(name) if folded in taken else name
        taken.add(folded)
    return found
