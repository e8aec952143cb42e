"""Cells of exports: nothing that a reader or a record writes becomes a formula."""

import csv
import io
from typing import Any

import pytest
from portal_gateway.filters.schema import DATASET
from portal_gateway.search import export

TITLE = export.Column("title", field="title")
FORMULAS = ("=1+1", "+1", "-1+2", "@SUM(A1)", "\uff1d1", "=cmd|' /C calc'!A0")
SEPARATORS = (",", ";", "\t", "|")


def cells(text: str, delimiter: str) -> list[str]:
    """The cells that a spreadsheet with this separator sees, as it compares them."""
    rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    return [cell.strip(' "') for row in rows for cell in row]


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize(
    "before", ["", " ", "a;", "a; ", "a,", "a|", "a\t", "a\n", 'a;"', '"', "a,b; "]
)
def test_no_cell_is_a_formula_whatever_the_separator(formula: str, before: str) -> None:
    written = export.cell(TITLE, {"title": before + formula})
    for table_format in export.FORMATS.values():
        line = export.encode([[1, written, "x"]], table_format).decode()
        for delimiter in SEPARATORS:
            assert not [c for c in cells(line, delimiter) if c.startswith(tuple("=+-@\uff1d"))]


@pytest.mark.parametrize("name", ["=cmd", "@x", "a;=1+1", "+1", " =1", "-2"])
def test_a_header_is_neutral_like_a_cell(name: str) -> None:
    columns = export.parse_columns(DATASET, f"parameter:{name}")
    line = export.encode([export.header(columns)], export.FORMATS["csv"]).decode()
    for delimiter in SEPARATORS:
        assert not [c for c in cells(line, delimiter) if c.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("left kidney", "left kidney"), ("a; b", "a; b"), ("x-ray, 5 = 5", "x-ray, 5 = 5"), (-5, -5)],
)
def test_other_texts_and_numbers_are_unchanged(value: Any, expected: Any) -> None:
    assert export.cell(TITLE, {"title": value}) == expected


@pytest.mark.parametrize("text", ["=1", " =1", "'=1", "a; =1"])
def test_one_apostrophe_is_enough(text: str) -> None:
    assert str(export.cell(TITLE, {"title": text})).count("'") == 1


def test_negative_numbers_in_a_list_stay_numbers() -> None:
    column = export.Column("t", parameter="t")
    rows = [{"name": "t", "value": value} for value in (1, -2)]
    assert export.cell(column, {"parameters": rows}) == "1; -2"
