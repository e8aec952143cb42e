"""The local database packs keys and values as the Python binding of its storage engine does."""

import random
from typing import Any

import pytest

pytest.importorskip("secantus")

from portal_local.launcher.secantusdb import keys
from wiredtiger.packing import pack as original_pack
from wiredtiger.packing import unpack as original_unpack

NAMES = ("", "jobs", "a.b", "größe", "x" * 200)
ITEMS = (b"", b"\0", b"a\0\xff\0", bytes(range(256)))
EDGES = [0, *(sign * (1 << bits) + step for bits in range(63) for sign in (1, -1)
              for step in (-1, 0, 1)), 2**13 + 2**6, 2**63 - 1, -(2**63)]  # fmt: skip
UNUSUAL: list[tuple[str, tuple[Any, ...]]] = [
    ("SS", ("a\0b", "c")),  # ends at the zero
    ("SSu", ("a", "b", "text")),
    ("q", (True,)),
    ("u", ("text",)),
    ("SS", ("a", "b", "surplus")),
    ("SQ", ("a", 5)),
]


def values_of(form: str, chance: random.Random) -> tuple[Any, ...]:
    choices: dict[str, Any] = {"S": NAMES, "u": ITEMS, "q": EDGES}
    return tuple(chance.choice(choices[kind]) for kind in form)


@pytest.mark.parametrize("form", keys.PACK)
def test_keys_are_packed_and_unpacked_as_by_the_original(form: str) -> None:
    chance = random.Random(form)  # noqa: S311
    for _ in range(500):
        values = values_of(form, chance)
        packed = keys.pack(form, *values)
        assert packed == original_pack(form, *values)
        assert list(keys.unpack(form, packed)) == list(original_unpack(form, packed)), values


def test_every_integer_near_a_change_of_form_is_packed_as_by_the_original() -> None:
    for number in EDGES:
        packed = keys.pack("q", number)
        assert packed == original_pack("q", number)
        assert keys.unpack("q", packed) == [number]


@pytest.mark.parametrize(("form", "values"), UNUSUAL)
def test_unusual_values_are_packed_by_the_original(form: str, values: tuple[Any, ...]) -> None:
    assert keys.pack(form, *values) == original_pack(form, *values)


def test_what_the_original_refuses_is_refused() -> None:
    for form, values in (("SS", ("a",)), ("SSq", ("a", "b", "c"))):
        with pytest.raises(Exception) as expected:  # noqa: PT011  # whatever it is
            original_pack(form, *values)
        with pytest.raises(expected.type):
            keys.pack(form, *values)
