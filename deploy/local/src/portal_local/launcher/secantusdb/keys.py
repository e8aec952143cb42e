"""Patches of WiredTiger's Python binding: keys and values are packed without reading formats.

The binding is written in Python. For each key and value that goes to or comes from the engine it
reads the format (`SSSu`) character by character, through two generators, and appends piece by
piece. A statement does this 10 to 200 times, and it was a third of the time of a write. Here each
format of SecantusDB's tables has a function, and the strings at the start of a key, which name
database, collection and index, are packed once. The bytes are the same; whatever is unusual goes
to the original functions.
"""
# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportMissingTypeStubs=false
# pyright: reportUnknownVariableType=false

from collections.abc import Callable, Sequence
from typing import Any

from wiredtiger import Cursor  # pyright: ignore[reportAttributeAccessIssue]
from wiredtiger.intpacking import pack_int, unpack_int
from wiredtiger.packing import pack as original_pack
from wiredtiger.packing import unpack as original_unpack

MAX_STARTS = 20_000  # starts of keys in memory: collections and indexes
MULTI_BYTE_MIN = 2**13 + 2**6  # smaller integers have shorter forms
MULTI_BYTE_MARKER = 0xE0
_starts: dict[tuple[Any, ...], bytes] = {}


class UnusualValueError(Exception):
    """The value has another type than SecantusDB's: the original function packs or refuses it."""


def _start(*names: Any) -> bytes:
    """Returns strings as they are packed, each with a zero byte at its end."""
    try:
        return _starts[names]
    except KeyError:
        if not all(type(name) is str and "\0" not in name for name in names):
            raise UnusualValueError from None
        if len(_starts) >= MAX_STARTS:
            _starts.clear()
        found = _starts[names] = b"".join(name.encode() + b"\0" for name in names)
        return found


def _number(value: Any) -> Any:
    if type(value) is not int or not MULTI_BYTE_MIN < value < 1 << 63:
        packed: Any = pack_int(value)
        return packed
    rest = value - MULTI_BYTE_MIN
    size = (rest.bit_length() + 7) >> 3
    return bytes((MULTI_BYTE_MARKER | size,)) + rest.to_bytes(size, "big")


def _item(value: Any) -> bytes:
    if type(value) is not bytes:
        raise UnusualValueError
    return value


def _names_and_item(*values: Any) -> bytes:
    return _start(*values[:-1]) + _item(values[-1])


def _names_and_number(*values: Any) -> Any:
    return _start(*values[:-1]) + _number(values[-1])


PACK: dict[str, tuple[int, Callable[..., Any]]] = {  # with the number of values
    "S": (1, _start),
    "SS": (2, _start),
    "SSS": (3, _start),
    "SSu": (3, _names_and_item),
    "SSq": (3, _names_and_number),
    "SSSu": (4, _names_and_item),
    "q": (1, _number),
    "u": (1, _item),
}


def pack(form: str, *values: Any) -> Any:
    """Returns what the original `pack` returns."""
    count, function = PACK.get(form, (None, None))
    if function and len(values) == count:
        try:
            return function(*values)
        except UnusualValueError:
            pass
    packed: Any = original_pack(form, *values)
    return packed


def _strings(packed: bytes, count: int) -> list[Any]:
    """Returns `count` strings and the bytes behind them."""
    parts: list[Any] = packed.split(b"\0", count)
    for position in range(count):
        parts[position] = parts[position].decode()
    return parts


def _strings_alone(packed: bytes, count: int) -> list[Any]:
    return _strings(packed, count)[:count]


def _strings_and_number(packed: bytes, count: int) -> list[Any]:
    parts = _strings(packed, count)
    parts[count] = _unpacked_number(parts[count])
    return parts


def _unpacked_number(packed: bytes) -> int:
    if packed[0] >= MULTI_BYTE_MARKER:
        return MULTI_BYTE_MIN + int.from_bytes(packed[1 : 1 + (packed[0] & 0xF)], "big")
    number: int = unpack_int(packed)[0]
    return number


UNPACK: dict[str, Callable[[Any], list[Any]]] = {
    "S": lambda packed: _strings_alone(packed, 1),
    "SS": lambda packed: _strings_alone(packed, 2),
    "SSS": lambda packed: _strings_alone(packed, 3),
    "SSu": lambda packed: _strings(packed, 2),
    "SSq": lambda packed: _strings_and_number(packed, 2),
    "SSSu": lambda packed: _strings(packed, 3),
    "q": lambda packed: [_unpacked_number(packed)],
    "u": lambda packed: [b"" if packed is None else packed],
}


def unpack(form: str, packed: bytes) -> Sequence[Any]:
    """Returns what the original `unpack` returns."""
    function = UNPACK.get(form)
    found: Sequence[Any] = function(packed) if function else original_unpack(form, packed)
    return found


def set_key(cursor: Any, *args: Any) -> None:
    """Replaces `Cursor.set_key`: the format is read from the engine once per cursor."""
    form = cursor.packed_key_format or _formats(cursor)[0]
    if not form:
        original_set_key(cursor, *args)
        return
    if len(args) == 1 and type(args[0]) is tuple:
        args = args[0]
    cursor._key = packed = pack(form, *args)  # noqa: SLF001  # the engine uses it: no copy
    cursor._set_key(packed)  # noqa: SLF001


def set_value(cursor: Any, *args: Any) -> None:
    """Replaces `Cursor.set_value` likewise."""
    form = cursor.packed_value_format or _formats(cursor)[1]
    if not form:
        original_set_value(cursor, *args)
        return
    if len(args) == 1 and type(args[0]) is tuple:
        args = args[0]
    cursor._value = packed = pack(form, *args)  # noqa: SLF001
    cursor._set_value(packed)  # noqa: SLF001


def get_keys(cursor: Any) -> Sequence[Any]:
    """Replaces `Cursor.get_keys` likewise."""
    form = cursor.packed_key_format or _formats(cursor)[0]
    return unpack(form, cursor._get_key()) if form else original_get_keys(cursor)  # noqa: SLF001


def get_values(cursor: Any) -> Sequence[Any]:
    """Replaces `Cursor.get_values` likewise."""
    form = cursor.packed_value_format or _formats(cursor)[1]
    return unpack(form, cursor._get_value()) if form else original_get_values(cursor)  # noqa: SLF001


def _formats(cursor: Any) -> tuple[str, str]:
    """Returns the formats of an ordinary cursor, and empty ones for those of other kinds."""
    if not (cursor.is_json or cursor.is_column or cursor.is_version_cursor):
        cursor.packed_key_format = cursor.key_format
        cursor.packed_value_format = cursor.value_format
    return cursor.packed_key_format, cursor.packed_value_format


original_set_key, original_get_keys = Cursor.set_key, Cursor.get_keys
original_set_value, original_get_values = Cursor.set_value, Cursor.get_values


def apply(cursor: Any = Cursor) -> None:
    """Replaces the methods of the class of cursors that pack and unpack."""
    cursor.packed_key_format = cursor.packed_value_format = ""
    cursor.set_key, cursor.get_keys = set_key, get_keys
    cursor.set_value, cursor.get_values = set_value, get_values
