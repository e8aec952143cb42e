"""The picture of a dashboard has every panel, with its lines, names and units."""

from typing import Any

import pytest
from defusedxml.ElementTree import fromstring

from tests.drivers.deployment.dashboard_drawing import drawing, formatted, lines_of, steps, thinned
from tests.drivers.deployment.prometheus import Series

SVG = "{http://www.w3.org/2000/svg}"


def panel(number: int, unit: str) -> dict[str, Any]:
    return {
        "id": number,
        "title": f"Panel <{number}>",
        "gridPos": {"x": 8 * number, "y": 0, "w": 8, "h": 8},
        "fieldConfig": {"defaults": {"unit": unit}},
    }


def texts(picture: str) -> list[str]:
    return [found.text or "" for found in fromstring(picture).iter(f"{SVG}text")]


def test_every_panel_is_drawn() -> None:
    series = [
        Series({"job": "doi"}, ((100.0, 1.0), (160.0, 0.0))),
        Series({"job": "ingest"}, ((100.0, 0.0), (160.0, 1500.0))),
    ]
    board = {"panels": [panel(0, "Bps"), panel(1, "short")]}
    picture = drawing(board, {0: lines_of(series, "{{job}} {{none}}")}, "A & B")
    found = texts(picture)
    assert {"A & B", "Panel <0>", "Panel <1>", "ingest", "doi", "1.5 kB/s", "0B/s"} <= set(found)
    assert found.count("none") == 1  # the second has no lines
    assert found.index("ingest") < found.index("doi")  # the highest first
    assert len(list(fromstring(picture).iter(f"{SVG}polyline"))) == len(series)


def test_names_without_room_are_counted() -> None:
    series = [Series({"queue": f"a-long-name-of-a-queue-{n}"}, ((0.0, 1.0),)) for n in range(20)]
    found = texts(drawing({"panels": [panel(0, "s")]}, {0: lines_of(series, "{{queue}}")}, "A"))
    shown = sum(text.startswith("a-long-name") for text in found)
    assert 0 < shown < len(series)
    assert f"+ {len(series) - shown}" in found


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.25, "percentunit", "25 %"), (2_500_000.0, "bytes", "2.5 MB"), (0.5, "ops", "0.5/s"),
        (1200.0, "s", "1.2e+03 s"), (3.0, "short", "3"),
    ],
)  # fmt: skip
def test_values_have_units(value: float, unit: str, text: str) -> None:
    assert formatted(value, unit) == text


@pytest.mark.parametrize("highest", [0.0, 0.3, 1.0, 29.0, 1e6])
def test_steps_are_round_and_reach_the_highest(highest: float) -> None:
    found = steps(highest)
    assert found[0] == 0
    assert found[-1] >= highest
    assert 2 <= len(found) <= 5


def test_points_on_a_level_line_are_left_out() -> None:
    points = [("0", "5"), ("1", "5"), ("2", "5"), ("3", "7"), ("4", "7")]
    assert thinned(points) == [("0", "5"), ("2", "5"), ("3", "7"), ("4", "7")]
