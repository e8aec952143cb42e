"""Parses limit, skip, order and fields of a filter."""

from typing import Any, cast

from portal_gateway.errors import BadRequest
from portal_gateway.filters.ast import PageOptions
from portal_gateway.filters.schema import Entity


def parse_page_options(entity: Entity, raw: dict[str, Any], *, top: bool = False) -> PageOptions:
    skip = raw.get("skip")
    if skip is None:
        skip = raw.get("offset")
    only, without = _parse_fields(entity, raw.get("fields"))
    return PageOptions(
        order=_parse_order(entity, raw.get("order"), top=top),
        skip=_parse_count(skip, "offset/skip"),
        limit=_parse_count(raw.get("limit"), "limit") or None,
        included_fields=only,
        excluded_fields=without,
    )


def _parse_count(raw: Any, name: str) -> int:
    if raw is None or raw == "":
        return 0
    if isinstance(raw, str) and raw.isdecimal() and raw.isascii() and len(raw) < 16:  # noqa: PLR2004
        return int(raw)
    if isinstance(raw, float) and raw.is_integer() and raw < 2**53:
        raw = int(raw)
    if isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw < 2**53:
        return raw
    raise BadRequest(
        f"The {name} parameter {str(raw)[:100]} is not valid: expected a whole number from 0"
    )


def _parse_order(entity: Entity, raw: Any, *, top: bool) -> tuple[tuple[str, bool], ...]:
    if raw is None or raw == "":
        return ()
    listed: list[Any] = cast("list[Any]", raw) if isinstance(raw, list) else [raw]
    known = [n for n, kind in entity.fields.items() if kind != "strings"] + ["score"] * top
    found: list[tuple[str, bool]] = []
    for one in listed:
        words = one.split() if isinstance(one, str) else []
        direction = words[1].upper() if len(words) == 2 else "ASC"  # noqa: PLR2004  # field, direction
        if not words or len(words) > 2 or direction not in ("ASC", "DESC"):  # noqa: PLR2004
            raise BadRequest(
                f"The order {str(one)[:100]!r} is not valid: expected 'field ASC|DESC'"
            )
        if words[0] not in known:
            raise BadRequest(
                f"Unknown order field {words[0][:100]!r} of {entity.name}; "
                f"known are {', '.join(known)}"
            )
        found.append((words[0], direction == "DESC"))
    first: dict[str, bool] = {}
    for name, descending in found:
        first.setdefault(name, descending)  # a repeated field has no effect on the order
    return tuple(first.items())


def _parse_fields(entity: Entity, raw: Any) -> tuple[frozenset[str] | None, frozenset[str]]:
    """Returns the included fields (None for all) and the excluded fields."""
    if raw is None or raw in ("", [], {}):
        return None, frozenset()
    given: dict[Any, Any]
    if isinstance(raw, dict):
        given = cast("dict[Any, Any]", raw)
    else:
        listed: list[Any] = cast("list[Any]", raw) if isinstance(raw, list) else [raw]
        given = {name if isinstance(name, str) else repr(name): True for name in listed}
    known = {*entity.fields, *entity.relations, "id", "score"}
    for name, wanted in given.items():
        if name not in known:
            raise BadRequest(
                f"Unknown field {str(name)[:100]!r} of {entity.name}; "
                f"known are {', '.join(entity.fields)}"
            )
        if wanted not in (True, False, "true", "false"):
            raise BadRequest(f"The fields clause of {name} is not valid: expected true or false")
    only = frozenset(n for n, wanted in given.items() if wanted in (True, "true"))
    without = frozenset(n for n, wanted in given.items() if wanted in (False, "false"))
    return (only or None), (frozenset() if only else without)
