"""A filter as the engine takes it, over the fields that were prepared for it.

Whatever satisfies the filter satisfies what is compiled; where it is `exact`, also the other way
round. Where it is not, `sure` may select rows that satisfy it for certain: the others are the
doubtful ones. Values come in as digests and numbers alone: nothing of a reader's text reaches the
engine.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from portal_shared import units
from portal_shared.search import index_fields

from portal_gateway.engine import parameter_bounds, pattern_bounds
from portal_gateway.engine.parameter_bounds import LARGEST, MARGIN, shown
from portal_gateway.filters import coercion, techniques
from portal_gateway.filters.ast import EVERYTHING, All, Compare, Include, Node, Search, Some, Text
from portal_gateway.filters.schema import DATASET, Entity
from portal_gateway.filters.techniques import Names

_MEMBER_FIELDS = {
    "m.": ("role",),
    "m.person.": ("id", "fullName", "orcid", "lastName"),
    "m.affiliation.": ("id", "name", "country"),
}
_SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


@dataclass(frozen=True)
class Filter:
    text: str | None  # None: everything
    exact: bool
    nothing: bool = False
    sure: str | None = None  # of one that is not exact; None: of no row

    @property
    def known(self) -> str | None:
        return self.text if self.exact else self.sure

    @property
    def doubtful(self) -> str:
        """What may satisfy it, and not for certain."""
        certainly = f"NOT ({self.sure})"
        return certainly if self.text is None else f"({self.text}) AND {certainly}"


ALL = Filter(None, exact=True)
ANY = Filter(None, exact=False)  # nothing is known: all are candidates
NONE = Filter(None, exact=True, nothing=True)


def both(parts: Iterable[Filter]) -> Filter:
    listed = list(parts)
    if any(p.nothing for p in listed):
        return NONE
    exact = all(p.exact for p in listed)
    certainly = all(p.exact or p.sure for p in listed)
    return Filter(
        _joined((p.text for p in listed), "AND"),
        exact,
        sure=_joined((p.known for p in listed), "AND") if certainly and not exact else None,
    )


def either(parts: Iterable[Filter]) -> Filter:
    listed = [p for p in parts if not p.nothing]
    if not listed:
        return NONE
    if ALL in listed:
        return ALL
    exact = all(p.exact for p in listed)
    everything = any(p.text is None for p in listed)
    return Filter(
        None if everything else _joined((p.text for p in listed), "OR"),
        exact,
        sure=None if exact else _joined((p.known for p in listed), "OR"),
    )


def _joined(texts: Iterable[str | None], word: str) -> str | None:
    listed = [t for t in texts if t is not None]
    if len(listed) < 2:  # noqa: PLR2004  # nothing to join
        return listed[0] if listed else None
    return f"({f' {word} '.join(listed)})"


def loose(part: Filter, sure: str | None = None) -> Filter:
    """The same as candidates only, but for what is sure."""
    return part if part.nothing else Filter(part.text, exact=False, sure=sure)


def compiled(search: Search, names: Names) -> Filter:
    """Where and include conditions of a whole search."""
    leaf = _scalar(search.entity, "")
    parts = [_tree(search.where, leaf)]
    parts += [_include(search.entity, i, names, "") for i in search.include]
    return both(parts)


def below(one: Include) -> Search:
    """The search for the datasets that satisfy an include of datasets."""
    return Search(DATASET, where=one.where, include=tuple(i for i in one.include if i.conditional))


def _tree(node: Node, leaf: Callable[[Compare | Text], Filter]) -> Filter:
    if isinstance(node, All):
        return both(_tree(n, leaf) for n in node.nodes)
    if isinstance(node, Some):
        return either(_tree(n, leaf) for n in node.nodes)
    return leaf(node)


def _scalar(entity: Entity, prefix: str) -> Callable[[Compare | Text], Filter]:
    """Conditions on a record's own fields."""

    def leaf(node: Compare | Text) -> Filter:
        if not prefix and (isinstance(node, Text) or _matches(entity, node)):
            return _patterned(entity, node)
        if isinstance(node, Text):
            return ANY
        kind = entity.fields[node.field]
        if kind == "boolean":
            return _public(node)
        if kind in ("number", "date"):
            return _number(f"{prefix}n.{node.field}", node)
        return _text(f"{prefix}eq.{node.field}", node)

    return leaf


def _matches(entity: Entity, node: Compare) -> bool:
    return node.test is not None and pattern_bounds.prepares(entity, node.field)


def _patterned(entity: Entity, node: Compare | Text) -> Filter:
    by_text = isinstance(node, Text)
    may, sure = pattern_bounds.text(entity, node) if by_text else pattern_bounds.compare(node)
    return Filter(may, exact=False, sure=sure)


def _public(node: Compare) -> Filter:
    """Only public records are indexed: isPublic is true of all."""
    asked = True in node.asked()
    return ALL if asked is (node.op in ("eq", "inq")) else NONE


def _text(field: str, node: Compare) -> Filter:
    """Equality by digest is exact; of patterns and order nothing is known."""
    return _equality(field, node, lambda value: f'"{index_fields.digest(value)}"')


def _equality(field: str, node: Compare, value: Callable[[Any], str]) -> Filter:
    if node.op not in ("eq", "neq", "inq", "nin"):
        return ANY if node.op in ("nlike", "nilike") else Filter(f"{field} EXISTS", exact=False)
    asked = node.asked()
    parts = [f"{field} NOT EXISTS"] if None in asked else []
    values = sorted({value(v) for v in asked if v is not None})
    if values:
        parts.append(f"{field} IN [{', '.join(values)}]")
    positive = node.op in ("eq", "inq")
    if not parts:
        return NONE if positive else ALL
    text = parts[0] if len(parts) == 1 else f"({' OR '.join(parts)})"
    return Filter(text if positive else f"NOT ({text})", exact=True)


def _number(field: str, node: Compare) -> Filter:
    asked = node.asked()
    if node.op in ("eq", "neq", "inq", "nin"):
        large = any(v is not None and abs(v) >= LARGEST for v in asked)
        return ANY if large else _equality(field, node, repr)
    if node.test:
        return ANY
    if any(v is None for v in asked):
        return NONE
    if any(abs(v) >= LARGEST for v in asked):
        return Filter(f"{field} EXISTS", exact=False)
    if node.op == "between":
        low, high = asked
        inside = f"{field} {shown(low)} TO {shown(high)}"
        return NONE if low > high else Filter(inside, exact=True)
    return Filter(f"{field} {_SIGNS[node.op]} {shown(asked[0])}", exact=True)


def _include(entity: Entity, one: Include, names: Names, prefix: str) -> Filter:
    """Candidates that have a related row as the include wants it."""
    found = ANY
    match one.relation.entity if one.conditional else "":
        case "":
            found = ALL
        case "Technique" if one.where != EVERYTHING:
            found = _tree(one.where, _technique(f"{prefix}t", names))
        case "Parameter":
            found = _parameters(one.where, prefix)
        case "Dataset" if entity.name == "Document":
            found = _below(one, names)
        case "Instrument":
            found = _machine(one, f"{prefix}i.")
        case "Sample":
            found = _exists(one.where, _flat(f"{prefix}s."))
        case "Member":
            found = _member(one)
        case _:
            pass
    return found


def _machine(one: Include, prefix: str) -> Filter:
    """One instrument at most: all conditions are on the same."""
    there = Filter(f"{prefix}pid EXISTS", exact=True)
    found = both([there, _tree(one.where, _flat(prefix))])
    return loose(found) if any(i.conditional for i in one.include) else found


def _below(one: Include, names: Names) -> Filter:
    """Datasets of a document: where it has one, all is of that one. Else each condition is met by
    some dataset, maybe not by the same.
    """
    nested = [i for i in one.include if i.conditional]
    parts = [_include(DATASET, i, names, "d.") for i in nested]
    alone = both([Filter("nd = 1", exact=True), *parts, _tree(one.where, _scalar(DATASET, "d."))])
    if any(_negative(i.where) for i in (one, *nested)):
        return either([alone, Filter("NOT nd = 1", exact=False)])
    if one.where != EVERYTHING:
        parts.append(_exists(one.where, _scalar(DATASET, "d.")))
    whole = both(parts)
    of_one_row = all(_single(i.where) or i.relation.entity == "Parameter" for i in nested)
    if len(parts) == 1 and of_one_row:
        return whole
    return loose(whole, alone.known)


def _exists(node: Node, leaf: Callable[[Compare | Text], Filter]) -> Filter:
    """Some row satisfies it: exact for one positive condition, or for one of several."""
    if _negative(node):
        return ANY
    found = _tree(node, leaf)
    if found.text is None and not found.nothing:
        return ANY  # true of every row: whether there is a row is not known
    return found if _single(node) else loose(found)


def _single(node: Node) -> bool:
    if isinstance(node, All):
        return len(node.nodes) == 1 and _single(node.nodes[0])
    if isinstance(node, Some):
        return all(_single(n) for n in node.nodes)
    return isinstance(node, Compare) and node.op in ("eq", "inq") and None not in node.asked()


def _negative(node: Node) -> bool:
    """It may be true of rows for what they lack: nothing follows for all rows together."""
    if isinstance(node, All | Some):
        return any(_negative(n) for n in node.nodes)
    return isinstance(node, Compare) and (
        node.op in ("neq", "nin", "nlike", "nilike") or None in node.asked()
    )


def _flat(prefix: str) -> Callable[[Compare | Text], Filter]:
    def leaf(node: Compare | Text) -> Filter:
        return ANY if isinstance(node, Text) else _text(prefix + node.field, node)

    return leaf


def _member(one: Include) -> Filter:
    parts = [loose(_exists(one.where, _prepared_only("m.")))]
    for nested in one.include:
        where = f"m.{nested.relation.name}."
        parts.append(loose(_exists(nested.where, _prepared_only(where))))
    return loose(both(parts))


def _prepared_only(prefix: str) -> Callable[[Compare | Text], Filter]:
    kept = _MEMBER_FIELDS[prefix]

    def leaf(node: Compare | Text) -> Filter:
        if isinstance(node, Text) or node.field not in kept:
            return ANY
        return _text(prefix + node.field, node)

    return leaf


def _technique(field: str, names: Names) -> Callable[[Compare | Text], Filter]:
    """Descendants of a term are those that have it among their broader terms."""

    def leaf(node: Compare | Text) -> Filter:
        if isinstance(node, Text) or not techniques.is_deep(node):
            return ANY
        terms = sorted(techniques.terms(node, names))
        positive = node.op in ("eq", "inq")
        if not terms:
            return NONE if positive else ALL
        listed = ", ".join(quoted(t) for t in terms)
        text = f"{field} IN [{listed}]"
        return Filter(text if positive else f"NOT ({text})", exact=True)

    return leaf


def quoted(text: str) -> str:
    """A string of the filter language: only terms are ever written so."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _parameters(node: Node, prefix: str) -> Filter:
    """Per conjunction: the name says in which field to look, value and unit for what."""
    if isinstance(node, Some):
        return either(_parameters(n, prefix) for n in node.nodes)
    parts: Sequence[Node] = node.nodes if isinstance(node, All) else (node,)
    named = [p for p in parts if isinstance(p, Compare) and p.field == "name"]
    wanted = [n for p in named if p.op in ("eq", "inq") for n in p.asked() if n is not None]
    nested = [_parameters(p, prefix) for p in parts if isinstance(p, Some)]
    if not wanted or len([p for p in named if p.op in ("eq", "inq")]) != 1:
        return both([ANY, *nested])
    values = [p for p in parts if isinstance(p, Compare) and p.field == "value"]
    found = either(
        loose(
            both([_has(name, prefix), *(_value(name, v, prefix) for v in values)]),
            parameter_bounds.parameters(name, parts, prefix),
        )
        for name in wanted
    )
    return both([found, *nested])


def _has(name: str, prefix: str) -> Filter:
    """It has such a parameter, or the two ends of a range of it."""
    listed = ", ".join(f'"{index_fields.digest(n)}"' for n in (name, f"{name}_min"))
    return Filter(f"{prefix}pn IN [{listed}]", exact=False)


def _value(name: str, node: Compare, prefix: str) -> Filter:
    if node.test or node.op in ("neq", "nin"):
        return ANY
    field = f"{prefix}p.{index_fields.parameter_key(name)}"
    unit = units.find(node.unit, name) if node.unit else None
    if node.unit and unit is None:
        return ANY  # rows in the same unknown unit
    part = index_fields.dimension_key(unit) if unit else "v"
    ranged = f'{prefix}pn = "{index_fields.digest(f"{name}_min")}"'
    asked = [coercion.asked_number(v) for v in node.asked()]
    texts = [f"{field}.{part} {a}" for a in _intervals(node.op, asked, unit)]
    texts += [
        f'{field}.s = "{index_fields.digest(coercion.text(v))}"'
        for v in node.asked()
        if node.op in ("eq", "inq") and v is not None
    ]
    if node.op not in ("eq", "inq") and any(a is None for a in asked):
        texts.append(f"{field}.s EXISTS")
    return Filter(f"({' OR '.join([*texts, ranged])})", exact=False)


def _intervals(op: str, asked: list[float | None], unit: units.Unit | None) -> list[str]:
    """Where the stored numbers may be, a little wider."""
    numbers = [unit.to_si(a) if unit else float(a) for a in asked if a is not None]
    zero = abs(unit.offset * unit.factor) if unit else 0.0

    def wide(value: float, way: int) -> str:
        return shown(value + way * MARGIN * (abs(value) + zero))

    if op in ("eq", "inq"):
        return [f"{wide(n, -1)} TO {wide(n, 1)}" for n in numbers]
    if len(numbers) != len(asked):
        return []
    if op == "between":
        return [f"{wide(numbers[0], -1)} TO {wide(numbers[1], 1)}"]
    if op in ("gt", "gte"):
        return [f">= {wide(numbers[0], -1)}"]
    return [f"<= {wide(numbers[0], 1)}"]
