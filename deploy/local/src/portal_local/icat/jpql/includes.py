"""The tree of relations that an INCLUDE clause adds to the result."""

from collections.abc import Sequence
from typing import TypeAlias

from portal_local.icat.errors import bad_parameter
from portal_local.icat.jpql.syntax import Include, Query
from portal_local.icat.schema.schema import Bean, Schema

IncludeTree: TypeAlias = "dict[str, IncludeTree]"


def include_tree(schema: Schema, query: Query, bean: Bean, *, by_bean: bool) -> IncludeTree:
    """Returns the tree for a query of `bean`; `by_bean`: the old form, with names of beans."""
    if query.includes_ones:
        return {field.name: {} for field in bean.ones}
    if by_bean:
        return _bean_includes(schema, query.includes, bean)
    return _path_includes(schema, query, bean)


def _path_includes(schema: Schema, query: Query, bean: Bean) -> IncludeTree:
    tree: IncludeTree = {}
    variables: dict[str, tuple[Bean, IncludeTree]] = {query.variable: (bean, tree)}
    for include in query.includes:
        head, *steps = include.path
        if not steps:
            raise bad_parameter(f"Path {head} must contain a '.'")
        if head not in variables:
            raise bad_parameter(
                f"variable {head.upper()} mentioned in INCLUDE clause is not defined"
            )
        here, branch = variables[head]
        for index, name in enumerate(steps):
            field = here.fields.get(name)
            if field is None or field.relation == "ATTRIBUTE":
                raise bad_parameter(
                    f"Problem with INCLUDE clause: {name} is not a field of {here.name}"
                )
            if name in branch and index == len(steps) - 1:
                raise bad_parameter(f"INCLUDE clause contains redundant path to {name}")
            branch = branch.setdefault(name, {})
            here = schema.beans[field.type]
        if include.variable in variables:
            raise bad_parameter(f"the variable {include.variable} is declared twice")
        if include.variable:
            variables[include.variable] = (here, branch)
    return tree


def _bean_includes(schema: Schema, includes: Sequence[Include], bean: Bean) -> IncludeTree:
    """Attaches each bean of the clause to the first bean of the tree that relates to it."""
    tree: IncludeTree = {}
    reached: list[tuple[Bean, IncludeTree]] = [(bean, tree)]
    waiting = [include.path for include in includes]
    while waiting:
        for path in waiting:
            if len(path) != 1 or path[0] not in schema.beans:
                raise bad_parameter(f"{'.'.join(path)} is not an ICAT entity")
            if _attach(schema.beans[path[0]], reached):
                waiting.remove(path)
                break
        else:
            raise bad_parameter(f"INCLUDE {waiting[0][0]}: {bean.name} is not related to it")
    return tree


def _attach(target: Bean, reached: list[tuple[Bean, IncludeTree]]) -> bool:
    for here, branch in reached:
        for field in (*here.manys, *here.ones):
            if field.type == target.name and field.name not in branch:
                branch[field.name] = {}
                reached.append((target, branch[field.name]))
                return True
    return False
