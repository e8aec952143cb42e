"""Parses a filter into its syntax tree. Unknown names and operators are errors."""

import json
from typing import Any, cast

from portal_gateway.errors import QUERY_TOO_DEEP, BadRequest
from portal_gateway.filters import coercion, parameters, patterns
from portal_gateway.filters.ast import (
    EVERYTHING,
    And,
    Compare,
    Include,
    Node,
    Or,
    Search,
    Test,
    Text,
)
from portal_gateway.filters.coercion import InvalidOperand
from portal_gateway.filters.page_options import parse_page_options
from portal_gateway.filters.schema import ENTITIES, PARAMETER, Entity, Kind

MAX_WHERE_LEVELS = 16  # of and/or; the search API promises 14
MAX_INCLUDE_LEVELS = 4
MAX_CLAUSES = 2000
MAX_INCLUDES = 100  # each reads all rows of its relation
MAX_PATTERNS = 100  # each is tested on the text of every candidate
MAX_WILDCARDS = 1000  # in all patterns together; they determine the cost

_PLAIN = {"eq", "neq", "gt", "gte", "lt", "lte"}
_LISTS = {"inq", "nin"}
_PATTERNS = {"like", "nlike", "ilike", "nilike", "regexp"}
_PRESENCE = {"exists", "isnull"}
OPERATORS = sorted(_PLAIN | _LISTS | _PATTERNS | _PRESENCE | {"between"})
_BOOLEAN = {"eq", "neq", "inq", "nin"} | _PRESENCE
FILTER_KEYS = ("where", "include", "limit", "skip", "offset", "order", "fields", "query")
SCOPE_KEYS = FILTER_KEYS[:-1]


def too_deep() -> BadRequest:
    return BadRequest("The query object exceeds maximum depth 14", code=QUERY_TOO_DEEP)


def quote(raw: Any) -> str:
    """Returns a part of the request as text for an error message."""
    return json.dumps(raw, ensure_ascii=False)[:200]


def parse_search(entity: Entity, raw: dict[str, Any]) -> Search:
    """Parses the filter of a list, a count or one record. Raises BadRequest."""
    check_keys(raw, FILTER_KEYS, "filter")
    reader = FilterParser()
    query: Any = raw.get("query")
    if query is not None and isinstance(query, bool | dict | list):
        raise BadRequest(f"The query {quote(query)} is not valid: expected a text")
    return Search(
        entity=entity,
        where=reader.parse_where(entity, raw.get("where")),
        include=reader.parse_includes(entity, raw.get("include"), 1),
        paging=parse_page_options(entity, raw, top=True),
        query="" if query is None else coercion.to_text(query).strip(),
    )


def check_keys(raw: dict[str, Any], known: tuple[str, ...], what: str) -> None:
    """Raises BadRequest for keys that are not known."""
    for key in raw:
        if key not in known:
            raise BadRequest(f"Unknown {what} key {quote(key)}; known are {', '.join(known)}")


class FilterParser:
    """Parses one filter and limits its cost."""

    def __init__(self) -> None:
        self._clauses = 0
        self._includes = 0
        self._patterns = 0
        self._wildcards = 0

    def _count_pattern(self) -> None:
        self._patterns += 1
        if self._patterns > MAX_PATTERNS:
            raise BadRequest(f"The filter has more than {MAX_PATTERNS} patterns")

    def _compile_like(self, pattern: str, *, case: bool) -> Test:
        self._wildcards += pattern.count("_") + pattern.count("%")
        if self._wildcards > MAX_WILDCARDS:
            raise BadRequest(f"The patterns have more than {MAX_WILDCARDS} wildcards (% and _)")
        return patterns.compile_like(pattern, case=case)

    def _count_clauses(self, clauses: int = 1) -> None:
        self._clauses += clauses
        if self._clauses > MAX_CLAUSES:
            raise BadRequest(f"The filter has more than {MAX_CLAUSES} clauses")

    def parse_where(self, entity: Entity, raw: Any) -> Node:
        """Parses a where clause; for parameters, units are bound to values."""
        if raw is None:
            return EVERYTHING
        node = self._parse_object(entity, raw, 0)
        return parameters.bind_units(node) if entity is PARAMETER else node

    def _parse_object(self, entity: Entity, raw: Any, level: int) -> Node:
        if not isinstance(raw, dict):
            raise BadRequest(f"The where clause {quote(raw)} is not an object")
        if level > MAX_WHERE_LEVELS:
            raise too_deep()
        nodes: list[Node] = []
        for key, value in cast("dict[str, Any]", raw).items():
            self._count_clauses()
            if key in ("and", "or"):
                nodes.append(self._parse_list(entity, key, value, level))
            elif key == "text":
                nodes.append(self._parse_text(value))
            elif key in entity.fields:
                nodes += self._parse_property(key, entity.fields[key], value)
            else:
                raise BadRequest(
                    f"Unknown property {quote(key)} of {entity.name}; known are "
                    f"{', '.join(entity.fields)}, and, or, text"
                )
        return nodes[0] if len(nodes) == 1 else And(tuple(nodes))

    def _parse_list(self, entity: Entity, key: str, raw: Any, level: int) -> Node:
        if not isinstance(raw, list):
            raise BadRequest(f"The {key} operator has invalid clause {quote(raw)}: expected a list")
        members = cast("list[Any]", raw)
        nodes = tuple(self._parse_object(entity, member, level + 1) for member in members)
        return And(nodes) if key == "and" else Or(nodes)

    def _parse_text(self, raw: Any) -> Node:
        if not isinstance(raw, str):
            raise BadRequest(
                f"The text property has invalid clause {quote(raw)}: expected a string"
            )
        self._count_pattern()
        return Text(raw, self._compile_like(raw, case=False))

    def _parse_property(self, name: str, kind: Kind, raw: Any) -> list[Node]:
        operators: dict[str, Any] = (
            cast("dict[str, Any]", raw) if isinstance(raw, dict) else {"eq": raw}
        )
        if not operators:
            raise BadRequest(f"The {name} property has invalid clause {{}}: expected an operator")
        found: list[Node] = []
        for op, operand in operators.items():
            if op not in OPERATORS:
                raise BadRequest(
                    f"Unknown operator {quote(op)} of {name}; known are {', '.join(OPERATORS)}"
                )
            if kind == "boolean" and op not in _BOOLEAN:
                raise BadRequest(f"The {name} property is a boolean and takes no {op}")
            try:
                found.append(self._parse_compare(name, kind, op, operand))
            except InvalidOperand as error:
                clause = quote({op: operand} if isinstance(raw, dict) else operand)
                raise BadRequest(
                    f"The {name} property has invalid clause {clause}: {error}"
                ) from error
        return found

    def _parse_compare(self, name: str, kind: Kind, op: str, raw: Any) -> Node:
        if op in _PRESENCE:
            there = coercion.to_boolean(raw) is (op == "exists")
            return Compare(name, "neq" if there else "eq", None)
        if op in _LISTS:
            values = _require_list(raw)
            self._count_clauses(len(values))
            return Compare(name, op, tuple(coercion.coerce(kind, v) for v in values))
        if op == "between":
            values = _require_list(raw)
            if len(values) != 2:  # noqa: PLR2004  # lower and upper bound
                raise InvalidOperand("expected exactly two bounds")
            return Compare(name, op, tuple(coercion.coerce(kind, v) for v in values))
        if op in _PATTERNS:
            self._count_pattern()
            if not isinstance(raw, str):
                if raw is None or isinstance(raw, dict | list):
                    raise InvalidOperand("expected a string")
                raw = coercion.to_text(raw)
            if op == "regexp":
                return Compare(name, op, raw, patterns.compile_regexp(raw))
            case = op in ("like", "nlike") and kind != "doi"  # DOIs ignore case
            return Compare(name, op, raw, self._compile_like(raw, case=case))
        return Compare(name, op, coercion.coerce(kind, raw))

    def parse_includes(self, entity: Entity, raw: Any, level: int) -> tuple[Include, ...]:
        if raw is None:
            return ()
        listed: list[Any] = cast("list[Any]", raw) if isinstance(raw, list) else [raw]
        if listed and level > MAX_INCLUDE_LEVELS:
            raise too_deep()
        return tuple(self._parse_include(entity, one, level) for one in listed)

    def _parse_include(self, entity: Entity, raw: Any, level: int) -> Include:
        self._includes += 1
        if self._includes > MAX_INCLUDES:
            raise BadRequest(f"The filter has more than {MAX_INCLUDES} includes")
        given: dict[str, Any]
        if isinstance(raw, dict):
            given = cast("dict[str, Any]", raw)
        elif isinstance(raw, str) and raw:
            given = {"relation": raw}
        else:
            raise BadRequest(f"The include {quote(raw)} has no relation")
        check_keys(given, ("relation", "scope"), "include")
        name = given.get("relation")
        if not isinstance(name, str) or name not in entity.relations:
            known = ", ".join(entity.relations) or "none"
            raise BadRequest(
                f"Relation {quote(name)} is not defined for {entity.name}; known are {known}"
            )
        relation = entity.relations[name]
        scope = given.get("scope")
        if scope is None:
            return Include(relation)
        if not isinstance(scope, dict):
            raise BadRequest(f"The scope {quote(scope)} of {name} is not an object")
        scoped = cast("dict[str, Any]", scope)
        check_keys(scoped, SCOPE_KEYS, "scope")
        target = ENTITIES[relation.entity]
        return Include(
            relation,
            where=self.parse_where(target, scoped.get("where")),
            include=self.parse_includes(target, scoped.get("include"), level + 1),
            paging=parse_page_options(target, scoped),
            has_where=bool(scoped.get("where")),
        )


def _require_list(raw: Any) -> list[Any]:
    if not isinstance(raw, list):
        raise InvalidOperand("expected a list")
    return cast("list[Any]", raw)
