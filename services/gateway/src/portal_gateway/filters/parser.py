"""Reads a filter as it arrived into the tree; refuses what it does not know by name."""

import json
from typing import Any, cast

from portal_gateway.errors import TOO_DEEP, Refused
from portal_gateway.filters import coercion, parameters, patterns
from portal_gateway.filters.ast import (
    EVERYTHING,
    All,
    Compare,
    Include,
    Node,
    Search,
    Some,
    Test,
    Text,
)
from portal_gateway.filters.coercion import Unfit
from portal_gateway.filters.paging import read_shape
from portal_gateway.filters.schema import ENTITIES, PARAMETER, Entity, Kind

WHERE_LEVELS = 16  # of and/or; fourteen must do
INCLUDE_LEVELS = 4
MOST_CLAUSES = 2000
MOST_INCLUDES = 100  # each looks at all rows of its relation
MOST_PATTERNS = 100  # each is tried on the text of every candidate
MOST_WILDCARDS = 1000  # of all of them: what they cost grows with these

_PLAIN = {"eq", "neq", "gt", "gte", "lt", "lte"}
_LISTS = {"inq", "nin"}
_PATTERNS = {"like", "nlike", "ilike", "nilike", "regexp"}
_PRESENCE = {"exists", "isnull"}
OPERATORS = sorted(_PLAIN | _LISTS | _PATTERNS | _PRESENCE | {"between"})
_BOOLEAN = {"eq", "neq", "inq", "nin"} | _PRESENCE
FILTER_KEYS = ("where", "include", "limit", "skip", "offset", "order", "fields", "query")
SCOPE_KEYS = FILTER_KEYS[:-1]


def too_deep() -> Refused:
    return Refused("The query object exceeds maximum depth 14", code=TOO_DEEP)


def shown(raw: Any) -> str:
    """What was sent, as it is quoted in a refusal."""
    return json.dumps(raw, ensure_ascii=False)[:200]


def read_search(entity: Entity, raw: dict[str, Any]) -> Search:
    """The whole filter of a list, count or record."""
    known_keys(raw, FILTER_KEYS, "filter")
    reader = Reader()
    query: Any = raw.get("query")
    if query is not None and isinstance(query, bool | dict | list):
        raise Refused(f"The query {shown(query)} is not a text")
    return Search(
        entity=entity,
        where=reader.where(entity, raw.get("where")),
        include=reader.includes(entity, raw.get("include"), 1),
        shape=read_shape(entity, raw, top=True),
        query="" if query is None else coercion.text(query).strip(),
    )


def known_keys(raw: dict[str, Any], known: tuple[str, ...], what: str) -> None:
    for key in raw:
        if key not in known:
            raise Refused(f"Unknown {what} key {shown(key)}; known are {', '.join(known)}")


class Reader:
    """Reads one filter, counting what it costs."""

    def __init__(self) -> None:
        self._clauses = 0
        self._includes = 0
        self._patterns = 0
        self._wildcards = 0

    def _pattern(self) -> None:
        self._patterns += 1
        if self._patterns > MOST_PATTERNS:
            raise Refused(f"The filter has more than {MOST_PATTERNS} patterns")

    def _like(self, pattern: str, *, case: bool) -> Test:
        self._wildcards += pattern.count("_") + pattern.count("%")
        if self._wildcards > MOST_WILDCARDS:
            raise Refused(f"The patterns have more than {MOST_WILDCARDS} wildcards (% and _)")
        return patterns.like(pattern, case=case)

    def _spend(self, clauses: int = 1) -> None:
        self._clauses += clauses
        if self._clauses > MOST_CLAUSES:
            raise Refused(f"The filter has more than {MOST_CLAUSES} clauses")

    def where(self, entity: Entity, raw: Any) -> Node:
        """The condition on rows of an entity; with units bound to values for parameters."""
        if raw is None:
            return EVERYTHING
        node = self._object(entity, raw, 0)
        return parameters.bound(node) if entity is PARAMETER else node

    def _object(self, entity: Entity, raw: Any, level: int) -> Node:
        if not isinstance(raw, dict):
            raise Refused(f"The where clause {shown(raw)} is not an object")
        if level > WHERE_LEVELS:
            raise too_deep()
        nodes: list[Node] = []
        for key, value in cast("dict[str, Any]", raw).items():
            self._spend()
            if key in ("and", "or"):
                nodes.append(self._list(entity, key, value, level))
            elif key == "text":
                nodes.append(self._text(value))
            elif key in entity.fields:
                nodes += self._property(key, entity.fields[key], value)
            else:
                raise Refused(
                    f"Unknown property {shown(key)} of {entity.name}; known are "
                    f"{', '.join(entity.fields)}, and, or, text"
                )
        return nodes[0] if len(nodes) == 1 else All(tuple(nodes))

    def _list(self, entity: Entity, key: str, raw: Any, level: int) -> Node:
        if not isinstance(raw, list):
            raise Refused(f"The {key} operator has invalid clause {shown(raw)}: expected a list")
        members = cast("list[Any]", raw)
        nodes = tuple(self._object(entity, member, level + 1) for member in members)
        return All(nodes) if key == "and" else Some(nodes)

    def _text(self, raw: Any) -> Node:
        if not isinstance(raw, str):
            raise Refused(f"The text property has invalid clause {shown(raw)}: expected a string")
        self._pattern()
        return Text(raw, self._like(raw, case=False))

    def _property(self, name: str, kind: Kind, raw: Any) -> list[Node]:
        operators: dict[str, Any] = (
            cast("dict[str, Any]", raw) if isinstance(raw, dict) else {"eq": raw}
        )
        if not operators:
            raise Refused(f"The {name} property has invalid clause {{}}: expected an operator")
        found: list[Node] = []
        for op, operand in operators.items():
            if op not in OPERATORS:
                raise Refused(
                    f"Unknown operator {shown(op)} of {name}; known are {', '.join(OPERATORS)}"
                )
            if kind == "boolean" and op not in _BOOLEAN:
                raise Refused(f"The {name} property is a boolean and takes no {op}")
            try:
                found.append(self._compare(name, kind, op, operand))
            except Unfit as error:
                clause = shown({op: operand} if isinstance(raw, dict) else operand)
                raise Refused(
                    f"The {name} property has invalid clause {clause}: {error}"
                ) from error
        return found

    def _compare(self, name: str, kind: Kind, op: str, raw: Any) -> Node:
        if op in _PRESENCE:
            there = coercion.boolean(raw) is (op == "exists")
            return Compare(name, "neq" if there else "eq", None)
        if op in _LISTS:
            values = _listed(raw)
            self._spend(len(values))
            return Compare(name, op, tuple(coercion.coerced(kind, v) for v in values))
        if op == "between":
            values = _listed(raw)
            if len(values) != 2:  # noqa: PLR2004  # lower and upper bound
                raise Unfit("expected exactly two bounds")
            return Compare(name, op, tuple(coercion.coerced(kind, v) for v in values))
        if op in _PATTERNS:
            self._pattern()
            if not isinstance(raw, str):
                if raw is None or isinstance(raw, dict | list):
                    raise Unfit("expected a string")
                raw = coercion.text(raw)
            if op == "regexp":
                return Compare(name, op, raw, patterns.regexp(raw))
            return Compare(name, op, raw, self._like(raw, case=op in ("like", "nlike")))
        return Compare(name, op, coercion.coerced(kind, raw))

    def includes(self, entity: Entity, raw: Any, level: int) -> tuple[Include, ...]:
        if raw is None:
            return ()
        listed: list[Any] = cast("list[Any]", raw) if isinstance(raw, list) else [raw]
        if listed and level > INCLUDE_LEVELS:
            raise too_deep()
        return tuple(self._include(entity, one, level) for one in listed)

    def _include(self, entity: Entity, raw: Any, level: int) -> Include:
        self._includes += 1
        if self._includes > MOST_INCLUDES:
            raise Refused(f"The filter has more than {MOST_INCLUDES} includes")
        given: dict[str, Any]
        if isinstance(raw, dict):
            given = cast("dict[str, Any]", raw)
        elif isinstance(raw, str) and raw:
            given = {"relation": raw}
        else:
            raise Refused(f"The include {shown(raw)} names no relation")
        known_keys(given, ("relation", "scope"), "include")
        name = given.get("relation")
        if not isinstance(name, str) or name not in entity.relations:
            known = ", ".join(entity.relations) or "none"
            raise Refused(
                f"Relation {shown(name)} is not defined for {entity.name}; known are {known}"
            )
        relation = entity.relations[name]
        scope = given.get("scope")
        if scope is None:
            return Include(relation)
        if not isinstance(scope, dict):
            raise Refused(f"The scope {shown(scope)} of {name} is not an object")
        scoped = cast("dict[str, Any]", scope)
        known_keys(scoped, SCOPE_KEYS, "scope")
        target = ENTITIES[relation.entity]
        return Include(
            relation,
            where=self.where(target, scoped.get("where")),
            include=self.includes(target, scoped.get("include"), level + 1),
            shape=read_shape(target, scoped),
            limited=bool(scoped.get("where")),
        )


def _listed(raw: Any) -> list[Any]:
    if not isinstance(raw, list):
        raise Unfit("expected a list")
    return cast("list[Any]", raw)
