"""Puts valid values in place of invalid ones, so that the rules can check the rest of a part."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from portal_shared.contracts.jobs import Problem

M = TypeVar("M", bound=BaseModel)
VALUES: tuple[Any, ...] = ("x", 1, "2000-01-01T00:00:00Z", True, {}, [])  # tried one by one
ROUNDS = 2  # a value {} may itself need values
MAX_ERRORS = 1000  # of a part; with more, its rules are not checked


def stand_in(model: type[M], raw: Any) -> M | None:
    """Returns the part with other values where its own are invalid; None if nothing helps.

    What rules find at such a place says nothing: see `without_repeated`.
    """
    if not isinstance(raw, dict):
        return None
    draft = deepcopy(cast("dict[str, Any]", raw))
    for value in VALUES * ROUNDS:
        try:
            return model.model_validate(draft)
        except ValidationError as error:
            if error.error_count() > MAX_ERRORS:
                return None
            for one in error.errors():
                _replace(draft, one["loc"], one["type"], deepcopy(value))
    return None


def without_repeated(found: Sequence[Problem], known: Sequence[Problem]) -> list[Problem]:
    """Returns the problems found that are not at, or inside, the field of a known problem."""
    fields = {problem.field for problem in known}
    return [problem for problem in found if not _is_inside(problem.field, fields)]


def _is_inside(field: str, fields: set[str]) -> bool:
    return any(
        field == one or (field.startswith(one) and field[len(one)] in ".[") for one in fields
    )


def _replace(draft: Any, path: Sequence[int | str], kind: str, value: Any) -> None:
    """Sets the value at a path of pydantic, or removes a field that is not known.

    A path may end with members of a union, which are no fields.
    """
    here, parents = draft, list[tuple[Any, int | str]]()
    for key in path:
        if not _has(here, key):
            break
        parents.append((here, key))
        here = here[key]
    if kind == "missing" and isinstance(here, dict):
        here[path[-1]] = value
    elif parents:
        parent, key = parents[-1]
        if kind == "extra_forbidden":
            del parent[key]
        else:
            parent[key] = value


def _has(value: Any, key: int | str) -> bool:
    if isinstance(value, list):
        return isinstance(key, int) and key < len(cast("list[Any]", value))
    return isinstance(value, dict) and key in value
