"""Parses a metadata file into the parts of a job: JSON, YAML, or a table with a row per dataset.

Errors have line and column. Values are checked later, by the validation of the job.
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

MAX_ALIASES = 100  # of YAML: each may stand for a large value
COLUMN = re.compile(r"([^\[\]]++)(?:\[([^\[\]]*+)\])?")
QUANTITY = re.compile(r"([-+]?(?:\d++\.?+\d*+|\.\d++)(?:[eE][-+]?\d++)?)(?:\s*+([^\d\s].*))?")
LIST_FIELDS = {"keywords"}
INTEGER_FIELDS = {"size"}
BOOLEANS = {"true": True, "yes": True, "false": False, "no": False}


def read(name: str, content: bytes, profile: Profile) -> tuple[dict[str, Any], list[Problem]]:
    """Returns `document` and `datasets` in the form of a job, and problems of a table.

    Raises Invalid if the file cannot be read.
    """
    if len(content) > MAX_JOB_BYTES:
        raise Invalid(
            f"the file has {len(content)} bytes, the limit of a job is {MAX_JOB_BYTES}", field=name
        )
    suffix = name.rsplit(".", 1)[-1].lower()
    if suffix == "json":
        return _expand_parameters(parse_job(content), profile), []
    if suffix in ("yaml", "yml"):
        return _expand_parameters(_parse_yaml(content), profile), []
    if suffix in ("csv", "tsv"):
        return _parse_table(_text(content), "\t" if suffix == "tsv" else ",", profile)
    raise Invalid("the file name must end with .json, .yaml, .yml, .csv or .tsv", field=name)


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Invalid(f"not UTF-8 at byte {error.start}, line {line}") from error


class _Loader(yaml.SafeLoader):
    """Leaves dates as text, so that their time zone is validated; refuses duplicate keys.

    The number of aliases is limited.
    """

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


_Loader.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if not tag.endswith(":timestamp")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _parse_yaml(content: bytes) -> dict[str, Any]:
    try:
        found = yaml.load(_text(content), _Loader)  # noqa: S506  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise Invalid(f"the YAML is not valid: {error.problem}{where}") from error
    except yaml.YAMLError as error:
        raise Invalid(f"the YAML is not valid: {error}") from error
    except (RecursionError, ValueError) as error:
        raise Invalid(f"the YAML cannot be used: {error}") from error
    try:  # as strict as for JSON: NaN, depth, and the size with all aliases expanded
        return parse_job(json.dumps(found).encode())
    except (TypeError, RecursionError, ValueError) as error:
        raise Invalid(f"the YAML cannot be used: {error}") from error


def _expand_parameters(found: dict[str, Any], profile: Profile) -> dict[str, Any]:
    """Replaces `parameters` that are a mapping (voxel_size: 25.14 um) by a list."""
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
    """Returns a parameter; a text such as "25.14 um" is split if the profile expects a number."""
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


def _parse_table(
    text: str, delimiter: str, profile: Profile
) -> tuple[dict[str, Any], list[Problem]]:
    rows = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    try:
        header = next(rows, list[str]())
        problems = _check_header(header, profile)
        datasets: list[Any] = []
        document: dict[str, Any] = {}
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                reason = f"the line has {len(row)} cells, but the header has {len(header)}"
                problems.append(Problem(field=f"line {rows.line_num}", reason=reason))
                continue
            dataset, document_fields = _parse_row(header, row, profile)
            datasets.append(dataset)
            document |= document_fields
    except csv.Error as error:
        raise Invalid(f"the table is not valid: {error} in line {rows.line_num}") from error
    return {"datasets": datasets, **({"document": document} if document else {})}, problems


def _check_header(header: list[str], profile: Profile) -> list[Problem]:
    known = [*DatasetIn.model_fields, *profile.parameters]
    problems: list[Problem] = []
    for number, cell in enumerate(header, start=1):
        name = _split_column(cell)[0]
        top, _, rest = name.partition(".")
        if top == "document" and rest.split(".")[0] in DocumentIn.model_fields:
            continue
        if top not in known:
            reason = f"{cell[:80]!r} is not a known field or parameter"
            where = f"line 1, column {number}"
            suggestion = closest_name(name, known)
            problems.append(Problem(field=where, reason=reason, suggestion=suggestion))
    return problems


def _split_column(cell: str) -> tuple[str, str | None]:
    """Splits a column title such as voxel_size[um] into name and unit."""
    found = COLUMN.fullmatch(cell.strip())
    return (found[1].rstrip(), found[2]) if found else (cell.strip(), None)


def _parse_row(
    header: list[str], row: list[str], profile: Profile
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the dataset of a row, and the fields of the document in it."""
    dataset: dict[str, Any] = {"parameters": []}
    for cell, raw in zip(header, row, strict=True):
        (name, unit), value = _split_column(cell), raw.strip()
        if not value:
            continue
        if name.split(".")[0] in DatasetIn.model_fields or name.startswith("document."):
            _set_field(dataset, name.split("."), _parse_cell(name, value))
        elif name in profile.parameters:
            dataset["parameters"].append(_parameter(name, unit, value, profile))
    return dataset, dataset.pop("document", {})


def _parse_cell(name: str, value: str) -> Any:
    last = name.rsplit(".", 1)[-1]
    if last in LIST_FIELDS:
        return [part.strip() for part in value.split(";") if part.strip()]
    if last in INTEGER_FIELDS and value.isdecimal():
        return int(value)
    if last == "is_public":
        return BOOLEANS.get(value.casefold(), value)
    return value


def _set_field(tree: dict[str, Any], path: list[str], value: Any) -> None:
    """Sets a nested field; in a list, `samples.pid` is a field of the first element."""
    here: Any = tree
    for name in path[:-1]:
        new: Any = [{}] if name in ("samples", "techniques", "members") else {}
        below: Any = here.setdefault(name, new)
        here = cast("list[Any]", below)[0] if isinstance(below, list) else below
    here[path[-1]] = value
