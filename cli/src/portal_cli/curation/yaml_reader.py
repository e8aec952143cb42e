"""Reads YAML by the core schema of YAML 1.2, and remembers how plain values are written.

PyYAML itself resolves YAML 1.1: 0123 is 83 there, 2020_27 is 202027, 2.5e1 a text, yes a boolean.
"""

import math
import re
from typing import Any, Self, cast

import yaml
from portal_shared.contracts.jobs import MAX_JOB_BYTES
from portal_shared.runtime.errors import Invalid

MAX_ALIASES = 100  # each may stand for a large value
MAX_MERGED = 10_000  # fields of one mapping with those that `<<` adds
_NULL = re.compile(r"(?:~|null|Null|NULL|)$")
_BOOLEAN = re.compile(r"(?:true|True|TRUE|false|False|FALSE)$")
_INTEGER = re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$")
_FLOAT = re.compile(
    r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_PREFIX = "tag:yaml.org,2002:"


class PlainText(str):
    """A number or boolean without quotes: the text that is written, and its `value`.

    The value of a number with a leading zero is its text: YAML 1.1 and 1.2 disagree on it, and it
    is usually an identifier.
    """

    __slots__ = ("value",)
    value: str | float | bool  # slots of a str subclass

    def __new__(cls, text: str, value: str | float | bool) -> Self:  # noqa: FBT001
        made = super().__new__(cls, text)
        made.value = value
        return made

    @property
    def number(self) -> float | None:
        """The number as YAML 1.2 reads it: 600 for 0600. None for a boolean."""
        if _LEADING_ZERO.fullmatch(self):
            return int(self, 10)
        return None if isinstance(self.value, str | bool) else self.value


class _Loader(yaml.SafeLoader):
    """Resolves the core schema; limits aliases; refuses keys that are used twice."""

    aliases = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):  # pyright: ignore[reportUnknownMemberType]
            self.aliases += 1
            if self.aliases > MAX_ALIASES:
                mark = cast("Any", self.peek_event()).start_mark  # pyright: ignore[reportUnknownMemberType]
                raise yaml.MarkedYAMLError(problem="too many aliases", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:  # noqa: FBT001, FBT002
        seen: set[Any] = set()
        for key, _ in node.value:
            if isinstance(key.value, str) and key.value in seen:
                problem = f"the key {key.value[:100]!r} is used twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(key.value if isinstance(key.value, str) else id(key))
        return super().construct_mapping(node, deep=deep)

    def flatten_mapping(self, node: Any) -> None:
        """Adds the fields of `<<`; nested merges of aliases would double them at every level."""
        super().flatten_mapping(node)
        if len(node.value) > MAX_MERGED:
            problem = f"'<<' adds more than {MAX_MERGED} fields"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _construct_number(_: Any, node: Any) -> PlainText:
    text = str(node.value)
    if _LEADING_ZERO.fullmatch(text):
        return PlainText(text, text)
    if text.startswith(("0o", "0x")):
        return PlainText(text, int(text, 0))
    if _INTEGER.match(text):
        return PlainText(text, int(text))
    try:
        number = float(text)
    except ValueError:  # .inf and .nan: no numbers in a job
        number = math.inf
    return PlainText(text, number if math.isfinite(number) else text)


def _construct_boolean(_: Any, node: Any) -> PlainText:
    return PlainText(str(node.value), str(node.value).lower() == "true")


_Loader.yaml_implicit_resolvers = {}
_Loader.yaml_constructors = {  # without the types of YAML 1.1 that JSON does not have
    tag: construct
    for tag, construct in yaml.SafeLoader.yaml_constructors.items()
    if not str(tag).endswith((":binary", ":timestamp", ":set", ":omap", ":pairs"))
}
for _tag, _rule, _first in (
    ("null", _NULL, ["~", "n", "N", ""]),
    ("bool", _BOOLEAN, list("tTfF")),
    ("int", _INTEGER, list("-+0123456789")),
    ("float", _FLOAT, list("-+.0123456789")),
    ("merge", re.compile(r"(?:<<)$"), ["<"]),
):
    _Loader.add_implicit_resolver(f"{_PREFIX}{_tag}", _rule, _first)  # pyright: ignore[reportUnknownMemberType]
for _tag in ("int", "float"):
    _Loader.add_constructor(f"{_PREFIX}{_tag}", _construct_number)
_Loader.add_constructor(f"{_PREFIX}bool", _construct_boolean)


def load(text: str) -> Any:
    """Returns the content; numbers and booleans are PlainText. Raises Invalid with the place.

    What aliases stand for is counted at each of them, and limited to the size of a job.
    """
    try:
        found = yaml.load(text, _Loader)  # noqa: S506  # a SafeLoader
        _expanded_size(found, {})
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise Invalid(f"the YAML is not valid: {error.problem}{where}") from error
    except yaml.YAMLError as error:
        raise Invalid(f"the YAML is not valid: {error}") from error
    except RecursionError as error:
        raise Invalid("the YAML is nested too deeply, or an alias is inside its anchor") from error
    except ValueError as error:
        raise Invalid(f"the YAML cannot be used: {error}") from error
    return found


def _expanded_size(value: Any, known: dict[int, int]) -> int:
    """Returns the number of characters and values with all aliases expanded.

    `known` has the sizes of lists and mappings by their id. Raises Invalid above MAX_JOB_BYTES.
    """
    if not isinstance(value, list | dict):
        return len(value) + 1 if isinstance(value, str) else 1
    items = cast("list[Any] | dict[Any, Any]", value)
    if id(items) not in known:
        parts = items if isinstance(items, list) else [x for pair in items.items() for x in pair]
        known[id(items)] = 1 + sum(_expanded_size(part, known) for part in parts)
        if known[id(items)] > MAX_JOB_BYTES:
            raise Invalid(
                "the YAML is too large when its aliases (*name) are expanded; write fewer of them"
            )
    return known[id(items)]
