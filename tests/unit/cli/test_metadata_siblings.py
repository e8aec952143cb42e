"""Further spellings of metadata files: thousands, formulas, uneven lines, YAML that grows."""

from itertools import pairwise

import pytest
from portal_cli.curation import metadata
from portal_shared.runtime.errors import Invalid

from .test_metadata_files import HOA, reported, values

DATASET = "datasets:\n- name: d1\n  title: T\n"


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("1 024", 1024),
        ("1\u00a0024", 1024),
        ("1\u202f024", 1024),
        ("1\u2009024", 1024),
        ("1'024", 1024),
        ("1\u2019024\u2019000", 1_024_000),
        ("1 024,5", 1024.5),
        ("1 024 um", 1024),
        ("\u22122,5", -2.5),
        ('="25"', 25),
    ],
)
def test_blanks_and_apostrophes_between_thousands_are_certain(cell: str, number: float) -> None:
    quoted = cell if cell.startswith("=") else f'"{cell}"'
    assert values(f"name;voxel_size[um]\na;{quoted}\nb;2,5\n") == {"voxel_size": number}


@pytest.mark.parametrize("separator", [",", ";"])
def test_empty_cells_at_the_end_of_a_line_do_not_matter(separator: str) -> None:
    for header, line in (
        ("name,organ", "a,kidney,,"),
        ("name,organ,,", "a,kidney"),
        ("name,organ,,", "a,kidney,"),
    ):
        table = f"{header}\n{line}\n".replace(",", separator)
        assert values(table) == {"organ": "kidney"}


@pytest.mark.parametrize(
    ("content", "place", "reason"),
    [
        ("name,organ\na,kidney,,x\n", "m.csv, line 2", "4 cells"),
        ("name,organ\na\n", "m.csv, line 2", "1 cells"),
        ("name,,organ\na,x,kidney\n", "m.csv, line 1, column 2", "has no name"),
        ("name,organ\na,=B2\n", "m.csv, line 2, column 2", "is a formula"),
        ("name,voxel_size[um]\na,=2*12.57\n", "m.csv, line 2, column 2", "is a formula"),
        (
            "name,n_projections,voxel_size[um]\na,6.000,25.14\n",
            "m.csv, line 2, column 2",
            "may be thousands, and it is a count",
        ),
    ],
)
def test_what_is_not_certain_is_reported_with_its_place(
    content: str, place: str, reason: str
) -> None:
    [(where, why)] = reported(content)
    assert where == place
    assert reason in why


@pytest.mark.parametrize("text", ["1:30 s", "2x10^3", "0x10", "1_000", "2.5\u00b10.1"])
def test_a_text_after_a_number_that_is_no_unit_leaves_the_value_a_text(text: str) -> None:
    assert values(f"{DATASET}  parameters: {{exposure_time: '{text}'}}\n", "m.yaml") == {
        "exposure_time": text
    }


def test_infinity_is_a_text_so_that_its_field_is_reported() -> None:
    found = values(f"{DATASET}  parameters: {{exposure_time: .inf, voxel_size: .NaN}}\n", "m.yaml")
    assert found == {"exposure_time": ".inf", "voxel_size": ".NaN"}


def _levels(first: str, level: str) -> str:
    names = "abcdefghij"
    lines = [f"a: &a {first}"]
    for before, name in pairwise(names):
        lines.append(f"{name}: &{name} " + level.replace("?", ",".join([f"*{before}"] * 9)))
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_levels("[x, x, x, x, x, x, x, x]", "[?]"), "too large when its aliases"),
        (_levels("{x: 1}", "{<<: [?]}"), "'<<' adds more than"),
        ("a: &a [*a]", "an alias is inside its anchor"),
        ("", "is empty"),
        ("- a", "has no fields at its top"),
        ("a: !!binary aGVsbG8=", "line 1, column 4"),
        ("a: !!timestamp 2020-01-01", "line 1, column 4"),
    ],
)
def test_yaml_that_grows_or_is_no_job_is_refused_at_once(content: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        metadata.read("m.yaml", content.encode(), HOA)
