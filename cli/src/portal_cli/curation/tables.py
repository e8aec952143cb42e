"""Reads a table with a row for each dataset: CSV and TSV, as spreadsheets of any country save it.

Separator and decimal mark are recognised where the table proves them. What is not certain is a
problem with its line and column.
"""

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from portal_shared import units
from portal_shared.contracts.jobs import DatasetIn, DocumentIn, Problem
from portal_shared.profile import Profile
from portal_shared.runtime.errors import Invalid
from portal_shared.validation.rules import SPREADSHEET_ERROR, closest_name

from portal_cli.curation import quantities

COLUMN = re.compile(r"([^\[\]]++)(?:\[([^\[\]]*+)\])?")
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
LIST_FIELDS = {"keywords"}
INTEGER_FIELDS = {"size"}
BOOLEANS = {"true": True, "yes": True, "false": False, "no": False}
_TEXT_FORMULA = re.compile(r'="((?:[^"]|"")*)"')  # how Excel keeps the zeros of ="0123"
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\r?\n?', re.IGNORECASE)
_Cells = list[str]


@dataclass
class Column:
    number: int  # from 1
    name: str  # of a field or parameter
    unit: str | None
    numeric: bool  # its cells are numbers by the profile
    is_parameter: bool
    whole: bool = False  # its numbers are counts


@dataclass
class Table:
    """What is read from one table; `parts` have the form of a job."""

    name: str  # of the file
    profile: Profile
    problems: list[Problem] = field(default_factory=list[Problem])
    datasets: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    places: list[str] = field(default_factory=list[str])  # of each dataset: file and line
    document: dict[str, Any] = field(default_factory=dict[str, Any])
    document_lines: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])

    def place(self, line: int) -> str:
        return f"{self.name}, line {line}"

    def add_problem(
        self, line: int, column: int | None, reason: str, suggestion: str | None = None
    ) -> None:
        where = self.place(line) + (f", column {column}" if column else "")
        self.problems.append(Problem(field=where, reason=reason, suggestion=suggestion))


def read_table(
    name: str, text: str, profile: Profile, places: list[str] | None = None
) -> tuple[dict[str, Any], list[Problem]]:
    """Returns `document` and `datasets` of the table in the form of a job, and its problems.

    The file and line of each dataset are appended to `places`. Raises Invalid if it is no table.
    """
    first = _SEPARATOR_LINE.match(text)
    body, skipped = (text[first.end() :], 1) if first else (text, 0)
    separator = first[1] if first else find_separator(name, body, profile)
    table = Table(name, profile)
    rows = _rows(name, body, separator, skipped)
    line, header = next(rows, (1, _Cells()))
    lines = list(rows)
    columns = _columns(table, line, header, [cells for _, cells in lines])
    whole: list[tuple[int, _Cells]] = []
    for number, cells in lines:
        fitted = _fitted(cells, header)
        if fitted:
            whole.append((number, fitted))
        else:
            reason = f"the line has {len(cells)} cells, but the header has {len(header)}; columns"
            table.add_problem(number, None, f"{reason} are separated by {_word(separator)}")
    _unify_numbers(table, columns, whole, separator)
    for number, cells in whole:
        _add_row(table, columns, number, cells)
    if places is not None:
        places += table.places
    parts = {"datasets": table.datasets, **({"document": table.document} if table.document else {})}
    return parts, table.problems


def _fitted(cells: _Cells, header: Sequence[str]) -> _Cells | None:
    """Returns the line with as many cells as the header; None if more than empty ends differ.

    Spreadsheets write empty cells at the end of some lines and leave them out of others.
    """
    names = list(header)
    while names and not names[-1].strip():
        names.pop()
    found = list(cells)
    while len(found) > len(names) and not found[-1].strip():
        found.pop()
    if not len(names) <= len(found) <= len(header):
        return None
    return found + [""] * (len(header) - len(found))


def _word(separator: str) -> str:
    return SEPARATORS.get(separator, repr(separator))


def find_separator(name: str, text: str, profile: Profile) -> str:
    """Returns the separator with which most columns of the header are known."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    first = "\t" if name.lower().endswith(".tsv") else ","
    known = _known(profile)

    def recognised(separator: str) -> tuple[int, bool]:
        try:
            cells = next(csv.reader([header], delimiter=separator), _Cells())
        except csv.Error:
            return 0, separator == first
        names = [_split_column(cell)[0] for cell in cells]
        count = sum(n.partition(".")[0] in known or n.startswith("document.") for n in names)
        return count, separator == first

    return max(SEPARATORS, key=recognised)


def _known(profile: Profile) -> set[str]:
    return {*DatasetIn.model_fields, *profile.parameters}


def _rows(name: str, text: str, separator: str, skipped: int) -> Iterator[tuple[int, _Cells]]:
    """Yields line numbers and cells of the lines that are not empty."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 0
    try:
        for cells in reader:
            line = reader.line_num + skipped
            if any(cell.strip() for cell in cells):
                yield line, cells
    except csv.Error as error:
        raise Invalid(
            f"the table is not valid: {error} in line {reader.line_num + skipped}", field=name
        ) from error


def _columns(
    table: Table, line: int, header: Sequence[str], rows: Sequence[Sequence[str]]
) -> list[Column]:
    """Returns the known columns; reports the others. Empty columns at the end are ignored."""
    known = _known(table.profile)
    found: list[Column] = []
    for number, cell in enumerate(header, start=1):
        name, unit = _split_column(cell)
        top, _, rest = name.partition(".")
        is_empty = not any(len(r) >= number and r[number - 1].strip() for r in rows)
        of_document = top == "document" and rest.split(".")[0] in DocumentIn.model_fields
        if not name and is_empty:
            continue
        if any(c.name == name for c in found):
            reason = f"the column {cell[:80]!r} is there twice; remove one of them"
            table.add_problem(line, number, reason)
        elif of_document or top in DatasetIn.model_fields:
            found.append(Column(number, name, unit, name in INTEGER_FIELDS, is_parameter=False))
        elif name in table.profile.parameters:
            rule = table.profile.parameters[name]
            numeric = rule.unit is not None
            found.append(Column(number, name, unit, numeric, is_parameter=True, whole=rule.whole))
        elif not name:
            table.add_problem(line, number, "the column has no name; give it one, or remove it")
        else:
            reason = f"{cell[:80]!r} is not a known field or parameter"
            table.add_problem(line, number, reason, closest_name(name, known))
    return found


def _split_column(cell: str) -> tuple[str, str | None]:
    """Splits a column title such as voxel_size[um] into name and unit."""
    found = COLUMN.fullmatch(cell.strip())
    return (found[1].strip(), found[2]) if found else (cell.strip(), None)


def _unify_numbers(
    table: Table, columns: Sequence[Column], rows: list[tuple[int, _Cells]], separator: str
) -> None:
    """Writes the numbers of all rows with decimal points; reports those that are not certain.

    A reported cell becomes empty.
    """
    numeric = [c for c in columns if c.numeric]
    places = [(line, cells, c) for line, cells in rows for c in numeric]
    for _, cells, column in places:
        cells[column.number - 1] = quantities.without_blanks(cells[column.number - 1])
    mark = quantities.decimal_mark(cells[c.number - 1] for _, cells, c in places)
    for line, cells, column in places:
        text = cells[column.number - 1].strip()
        if not quantities.has_point_or_comma(text):
            continue
        reason = _doubt(text, mark, separator, whole=column.whole)
        unified = None
        if reason is None:
            unified = quantities.with_decimal_point(text, cast("Any", mark or "."))
            reason = f"{text[:40]!r} is not a number" if unified is None else None
        if reason:
            table.add_problem(line, column.number, f"{column.name}: {reason}")
        cells[column.number - 1] = unified or ""


def _doubt(text: str, mark: str | None, separator: str, *, whole: bool) -> str | None:
    """Returns why the number is not certain; None if it is."""
    advice = "write it with a decimal point and without separators of thousands"
    shown = repr(text[:40])
    if mark == "both":
        marks = "decimal points and with decimal commas"
        return f"{shown}: the table has numbers with {marks}; use one of them"
    if mark is None and ("," in text or separator == ";"):
        why = "and no other number of the table shows which"
        return f"{shown} may be thousands or decimals, {why}; {advice}"
    if whole and mark and mark in text and quantities.is_grouped(text):
        return f"{shown} may be thousands, and it is a count; {advice}"
    other = "," if mark in (".", None) else "."
    if other in text and (mark is None or mark not in text):
        return f"{shown} may be thousands or a mistyped decimal; {advice}"
    return None


def _add_row(table: Table, columns: Sequence[Column], line: int, cells: Sequence[str]) -> None:
    dataset: dict[str, Any] = {"parameters": []}
    for column in columns:
        value = cells[column.number - 1].strip()
        if quoted := _TEXT_FORMULA.fullmatch(value):
            value = quoted[1].replace('""', '"')
        if not value:
            continue
        if value.startswith("=") and len(value) > 1:
            reason = f"{column.name}: {value[:40]!r} is a formula; save the table with its values"
            table.add_problem(line, column.number, reason)
        elif SPREADSHEET_ERROR.fullmatch(value):
            reason = f"{column.name}: {value} is an error of the spreadsheet; correct its formula"
            table.add_problem(line, column.number, reason)
        elif column.is_parameter:
            dataset["parameters"].append(_parameter(table, column, line, value))
        elif column.name.startswith("document."):
            _add_to_document(table, column, line, value)
        else:
            set_field(dataset, column.name.split("."), _parse_cell(column.name, value))
    table.datasets.append(dataset)
    table.places.append(table.place(line))


def _add_to_document(table: Table, column: Column, line: int, value: str) -> None:
    """Sets a field of the document; every line that has it must have the same value."""
    before = table.document_lines.setdefault(column.name, (line, value))
    if before[1] != value:
        reason = (
            f"{column.name} is {value[:40]!r} here and {before[1][:40]!r} in line {before[0]}; a"
            " table has one document"
        )
        table.add_problem(line, column.number, reason)
        return
    path = column.name.split(".")[1:]
    set_field(table.document, path, _parse_cell(column.name, value))


def _parameter(table: Table, column: Column, line: int, value: str) -> dict[str, Any]:
    found = parameter(column.name, column.unit, value, table.profile)
    unit = found.get("unit")
    given = column.unit
    factor = units.convert(1.0, unit, given, column.name) if given and unit else 1.0
    if factor is None or not math.isclose(factor, 1.0):
        reason = f"{column.name}: {value[:40]!r} has another unit than its column, {given!r}"
        table.add_problem(line, column.number, reason)
    return found


def parameter(name: str, unit: str | None, value: Any, profile: Profile) -> dict[str, Any]:
    """Returns a parameter; a text such as "25.14 um" is split if the profile expects a number."""
    rule = profile.parameters.get(name)
    is_number = unit is not None if rule is None else rule.unit is not None
    if isinstance(value, str) and is_number and (found := quantities.parse_quantity(value)):
        value = found[0]
        unit = found[1] or unit or (rule.unit if rule and rule.unit == "" else None)
    if rule and rule.unit == "" and not isinstance(value, str):
        unit = unit or ""
    return {"name": name, "value": value, **({"unit": unit} if unit is not None else {})}


def _parse_cell(name: str, value: str) -> Any:
    last = name.rsplit(".", 1)[-1]
    if last in LIST_FIELDS:
        return [part.strip() for part in value.split(";") if part.strip()]
    if last in INTEGER_FIELDS and value.isascii() and value.isdecimal():
        return int(value)
    if last in ("is_public", "organisation"):
        return BOOLEANS.get(value.casefold(), value)
    return value


def set_field(tree: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Sets a nested field; in a list, `samples.pid` is a field of the first element."""
    here: Any = tree
    for name in path[:-1]:
        new: Any = [{}] if name in ("samples", "techniques", "members") else {}
        below: Any = here.setdefault(name, new)
        here = cast("list[Any]", below)[0] if isinstance(below, list) else below
    here[path[-1]] = value
