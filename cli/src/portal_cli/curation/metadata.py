"""A metadata file as parts of a job: JSON, YAML, or a table with a row for each dataset. Pure.

Errors name line and column; nothing is guessed that the judge could not check again.
"""

import csv
import io
import json
import math
import re
from typing import Any, cast

import yaml
from portal_shared.contracts.jobs import MAX_JOB_BYTES, DatasetIn, DocumentIn, Problem
from portal_shared.profile import Profile
from portal_shared.runtime.errors import Invalid
from portal_shared.validation.job_parser import parse_job
from portal_shared.validation.rules import closest_name

MOST_ALIASES = 100  # of YAML: each may stand for much
COLUMN = re.compile(r"([^\[\]]++)(?:\[([^\[\]]*+)\])?")
QUANTITY = re.compile(r"([-+]?(?:\d++\.?+\d*+|\.\d++)(?:[eE][-+]?\d++)?)(?:\s*+([^\d\s].*))?")
LISTS = {"keywords"}
WHOLE = {"size"}
YES_NO = {"true": True, "yes": True, "false": False, "no": False}


def read(name: str, content: bytes, profile: Profile) -> tuple[dict[str, Any], list[Problem]]:
    """`document` and `datasets` as a job gives them. Raises Invalid for what cannot be read."""
    if len(content) > MAX_JOB_BYTES:
        raise Invalid(
            f"{len(content)} bytes are more than the {MAX_JOB_BYTES} of a job", field=name
        )
    ending = name.rsplit(".", 1)[-1].lower()
    if ending == "json":
        return _shaped(parse_job(content), profile), []
    if ending in ("yaml", "yml"):
        return _shaped(_yaml(content), profile), []
    if ending in ("csv", "tsv"):
        return _table(_text(content), "\t" if ending == "tsv" else ",", profile)
    raise Invalid("is neither .json, .yaml, .csv nor .tsv", field=name)


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Invalid(f"not UTF-8: byte {error.start}, in line {line}") from error


class _Loader(yaml.SafeLoader):
    """Dates stay text, for the judge to see their zone; no key twice; few aliases."""

    aliases = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):  # pyright: ignore[reportUnknownMemberType]
            self.aliases += 1
            if self.aliases > MOST_ALIASES:
                mark = cast("Any", self.peek_event()).start_mark  # pyright: ignore[reportUnknownMemberType]
                raise yaml.MarkedYAMLError(problem="too many aliases", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:  # noqa: FBT001, FBT002
        seen: set[Any] = set()
        for key, _ in node.value:
            if isinstance(key.value, str) and key.value in seen:
                problem = f"{key.value[:100]!r} stands twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(key.value if isinstance(key.value, str) else id(key))
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if not tag.endswith(":timestamp")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _yaml(content: bytes) -> dict[str, Any]:
    try:
        found = yaml.load(_text(content), _Loader)  # noqa: S506  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise Invalid(f"not YAML: {error.problem}{where}") from error
    except yaml.YAMLError as error:
        raise Invalid(f"not YAML: {error}") from error
    except (RecursionError, ValueError) as error:
        raise Invalid(f"not YAML that can be kept: {error}") from error
    try:  # the same strictness as for JSON: NaN, depth, size when aliases are written out
        return parse_job(json.dumps(found).encode())
    except (TypeError, RecursionError, ValueError) as error:
        raise Invalid(f"not YAML that can be kept: {error}") from error


def _shaped(found: dict[str, Any], profile: Profile) -> dict[str, Any]:
    """`parameters` may be a mapping: voxel_size: 25.14 um."""
    datasets: Any = found.get("datasets")
    parts: list[Any] = [found.get("document")]
    parts += cast("list[Any]", datasets) if isinstance(datasets, list) else []
    for part in parts:
        given = cast("dict[str, Any]", part).get("parameters") if isinstance(part, dict) else None
        if isinstance(given, dict):
            rows = cast("dict[str, Any]", given).items()
            cast("dict[str, Any]", part)["parameters"] = [
                _parameter(n, None, v, profile) for n, v in rows
            ]
    return found


def _parameter(name: str, unit: str | None, value: Any, profile: Profile) -> dict[str, Any]:
    """Text that is a number, with its unit, where the profile has a number."""
    rule = profile.parameters.get(name)
    if isinstance(value, str) and (unit is not None or (rule and rule.unit is not None)):
        found = QUANTITY.fullmatch(value.strip())
        number = float(found[1]) if found else math.inf
        if found and math.isfinite(number):
            value = int(number) if number.is_integer() and "." not in found[1] else number
            unit = found[2] or unit or (rule.unit if rule and rule.unit == "" else None)
    if rule and rule.unit == "" and not isinstance(value, str):
        unit = unit or ""
    return {"name": name, "value": value, **({"unit": unit} if unit is not None else {})}


def _table(text: str, delimiter: str, profile: Profile) -> tuple[dict[str, Any], list[Problem]]:
    rows = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    try:
        header = next(rows, list[str]())
        problems = _columns(header, profile)
        datasets: list[Any] = []
        document: dict[str, Any] = {}
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                reason = f"has {len(row)} cells, the header has {len(header)}"
                problems.append(Problem(field=f"line {rows.line_num}", reason=reason))
                continue
            dataset, more = _row(header, row, profile)
            datasets.append(dataset)
            document |= more
    except csv.Error as error:
        raise Invalid(f"not a table: {error} in line {rows.line_num}") from error
    return {"datasets": datasets, **({"document": document} if document else {})}, problems


def _columns(header: list[str], profile: Profile) -> list[Problem]:
    known = [*DatasetIn.model_fields, *profile.parameters]
    found: list[Problem] = []
    for number, cell in enumerate(header, start=1):
        name = _named(cell)[0]
        top, _, rest = name.partition(".")
        if top == "document" and rest.split(".")[0] in DocumentIn.model_fields:
            continue
        if top not in known:
            reason = f"{cell[:80]!r} is no field and no parameter that is known"
            where = f"line 1, column {number}"
            found.append(Problem(field=where, reason=reason, suggestion=closest_name(name, known)))
    return found


def _named(cell: str) -> tuple[str, str | None]:
    found = COLUMN.fullmatch(cell.strip())
    return (found[1].rstrip(), found[2]) if found else (cell.strip(), None)


def _row(
    header: list[str], row: list[str], profile: Profile
) -> tuple[dict[str, Any], dict[str, Any]]:
    dataset: dict[str, Any] = {"parameters": []}
    for cell, raw in zip(header, row, strict=True):
        (name, unit), value = _named(cell), raw.strip()
        if not value:
            continue
        if name.split(".")[0] in DatasetIn.model_fields or name.startswith("document."):
            _put(dataset, name.split("."), _cell(name, value))
        elif name in profile.parameters:
            dataset["parameters"].append(_parameter(name, unit, value, profile))
    return dataset, dataset.pop("document", {})


def _cell(name: str, value: str) -> Any:
    last = name.rsplit(".", 1)[-1]
    if last in LISTS:
        return [part.strip() for part in value.split(";") if part.strip()]
    if last in WHOLE and value.isdecimal():
        return int(value)
    if last == "is_public":
        return YES_NO.get(value.casefold(), value)
    return value


def _put(tree: dict[str, Any], path: list[str], value: Any) -> None:
    """`samples.pid` is a field of the first of a list."""
    here: Any = tree
    for name in path[:-1]:
        new: Any = [{}] if name in ("samples", "techniques", "members") else {}
        below: Any = here.setdefault(name, new)
        here = cast("list[Any]", below)[0] if isinstance(below, list) else below
    here[path[-1]] = value
