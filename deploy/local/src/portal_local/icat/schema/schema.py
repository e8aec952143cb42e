"""The ICAT schema, loaded from schema.txt: beans, fields, keys and inverse relations."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Literal

RelType = Literal["ATTRIBUTE", "ONE", "MANY"]
ATTRIBUTE_TYPES = frozenset({"String", "Date", "Long", "Integer", "Double", "boolean"})
DEFAULT_LENGTH = 255
VALUES = "Parameter"  # the abstract bean whose fields the five parameter beans share

_FIELD = re.compile(
    r"(?P<name>\w+) (?:"
    r"-> (?P<one>\w+)(?P<one_required>!)?"
    r"|=> (?P<many>\w+)\.(?P<inverse>\w+)"
    r"|(?P<type>\w+)(?:\((?P<length>\d+)\))?(?P<required>!)?"
    r")"
)


@dataclass(frozen=True)
class Field:
    name: str
    relation: RelType
    type: str  # an attribute type, the name of an enum, or the bean at the other end
    required: bool = False
    length: int | None = None
    inverse: str = ""  # of a one-to-many: the field of the other bean that refers to this one

    @cached_property
    def column(self) -> str:
        return f"{self.name}_id" if self.relation == "ONE" else self.name


BASE_FIELDS = (
    Field("createId", "ATTRIBUTE", "String"),
    Field("createTime", "ATTRIBUTE", "Date"),
    Field("id", "ATTRIBUTE", "Long"),
    Field("modId", "ATTRIBUTE", "String"),
    Field("modTime", "ATTRIBUTE", "Date"),
)


@dataclass(frozen=True)
class Bean:
    name: str
    key: tuple[str, ...]
    is_parameter: bool
    own: tuple[Field, ...]
    inherited: tuple[Field, ...]  # fields before its own: base, then values

    @cached_property
    def fields(self) -> dict[str, Field]:
        """All fields by name, in the order of the XML."""
        return {field.name: field for field in (*self.inherited, *self.own)}

    @cached_property
    def attributes(self) -> tuple[Field, ...]:
        return tuple(f for f in self.fields.values() if f.relation == "ATTRIBUTE")

    @cached_property
    def ones(self) -> tuple[Field, ...]:
        return tuple(f for f in self.fields.values() if f.relation == "ONE")

    @cached_property
    def manys(self) -> tuple[Field, ...]:
        return tuple(f for f in self.fields.values() if f.relation == "MANY")

    @cached_property
    def columns(self) -> tuple[Field, ...]:
        """The columns of a row: all attributes, then all many-to-one relations."""
        return (*self.attributes, *self.ones)

    @cached_property
    def written(self) -> tuple[Field, ...]:
        """The columns a client may set."""
        base = {field.name for field in BASE_FIELDS}
        return tuple(f for f in self.columns if f.name not in base)

    @cached_property
    def wire_name(self) -> str:
        return self.name[0].lower() + self.name[1:]


@dataclass(frozen=True)
class Schema:
    beans: dict[str, Bean]
    enums: dict[str, tuple[str, ...]]
    values: tuple[Field, ...]

    @cached_property
    def abstract_parameter(self) -> Bean:
        return Bean(VALUES, (), is_parameter=True, own=self.values, inherited=BASE_FIELDS)

    @cached_property
    def by_wire_name(self) -> dict[str, Bean]:
        return {bean.wire_name: bean for bean in self.beans.values()}

    @cached_property
    def enum_constants(self) -> frozenset[str]:
        return frozenset(name for names in self.enums.values() for name in names)


def load() -> Schema:
    text = files("portal_local.icat").joinpath("schema.txt").read_text(encoding="utf-8")
    return parse(text)


def parse(text: str) -> Schema:
    enums: dict[str, tuple[str, ...]] = {}
    beans: dict[str, Bean] = {}
    values: tuple[Field, ...] = ()
    for head, body in _sections(text):
        match head:
            case ["enum", name, *constants]:
                enums[name] = tuple(constants)
            case ["values"]:
                values = tuple(_field(line) for line in body)
            case ["bean", name, *rest]:
                beans[name] = _bean(name, rest, body, values)
            case _:
                raise ValueError(f"schema: {' '.join(head)!r} is not a section")
    schema = Schema(beans, enums, values)
    _check(schema)
    return schema


def _sections(text: str) -> Iterator[tuple[list[str], list[str]]]:
    head: list[str] = []
    body: list[str] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith(" "):
            body.append(line.strip())
            continue
        if head:
            yield head, body
        head, body = line.split(), []
    if head:
        yield head, body


def _bean(name: str, rest: list[str], body: list[str], values: tuple[Field, ...]) -> Bean:
    is_parameter = rest[:1] == ["parameter"]
    rest = rest[1:] if is_parameter else rest
    if rest and rest[0] != "key":
        raise ValueError(f"schema: bean {name}: {rest[0]!r} is not valid")
    inherited = (*BASE_FIELDS, *values) if is_parameter else BASE_FIELDS
    return Bean(
        name, tuple(rest[1:]), is_parameter, tuple(_field(line) for line in body), inherited
    )


def _field(line: str) -> Field:
    match = _FIELD.fullmatch(line)
    if match is None:
        raise ValueError(f"schema: {line!r} is not a field")
    name = match["name"]
    if match["one"]:
        return Field(name, "ONE", match["one"], required=bool(match["one_required"]))
    if match["many"]:
        return Field(name, "MANY", match["many"], inverse=match["inverse"])
    length = int(match["length"]) if match["length"] else DEFAULT_LENGTH
    return Field(
        name,
        "ATTRIBUTE",
        match["type"],
        required=bool(match["required"]),
        length=length if match["type"] == "String" else None,
    )


def _check(schema: Schema) -> None:
    """Raises ValueError for unknown types, key fields that do not exist, or missing inverses."""
    for bean in schema.beans.values():
        if missing := set(bean.key) - set(bean.fields):
            raise ValueError(f"schema: {bean.name} has no key field {sorted(missing)}")
        for field in bean.fields.values():
            known = (
                schema.beans if field.relation != "ATTRIBUTE" else {*ATTRIBUTE_TYPES, *schema.enums}
            )
            if field.type not in known:
                raise ValueError(f"schema: {bean.name}.{field.name}: no type {field.type}")
            if field.relation == "MANY":
                back = schema.beans[field.type].fields.get(field.inverse)
                if back is None or back.relation != "ONE" or back.type != bean.name:
                    raise ValueError(f"schema: {bean.name}.{field.name} has no inverse")
