"""Metadata files as spreadsheets and editors of any country save them: right, or refused by place.

YAML is read by the core schema of 1.2; parameters that are texts keep what is written.
"""

import codecs
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from portal_cli.curation import metadata
from portal_shared import profile as profiles
from portal_shared.runtime.errors import Invalid

from .test_curating import described, run, volume

HOA = profiles.load("human-organs")
HEADER = "name,title,created,organ,voxel_size[um],shape_x,document.title"
LINE = "a,A,2026-01-01T00:00:00Z,kidney,25.14,6,T"


def values(content: str | bytes, name: str = "m.csv") -> dict[str, Any]:
    """The parameters of the first dataset, by name; there are no problems."""
    raw = content if isinstance(content, bytes) else content.encode()
    parts, problems = metadata.read(name, raw, HOA)
    assert problems == []
    return {p["name"]: p["value"] for p in parts["datasets"][0]["parameters"]}


def reported(content: str, name: str = "m.csv") -> list[tuple[str, str]]:
    return [(p.field, p.reason) for p in metadata.read(name, content.encode(), HOA)[1]]


def table(*lines: str, separator: str = ",", header: str = HEADER) -> str:
    return "\n".join(line.replace(",", separator) for line in (header, *lines)) + "\n"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("first", ["", "sep={}\n", '"sep={}"\r\n'])
def test_the_separator_is_recognised_or_reported_by_the_first_line(
    separator: str, first: str
) -> None:
    whole = first.format(separator) + table(LINE, separator=separator)
    assert values(whole) == {"organ": "kidney", "voxel_size": 25.14, "shape_x": 6}
    wrong = first.format(separator) + table(LINE + ",more", separator=separator)
    [(place, reason)] = reported(wrong)
    assert place == f"m.csv, line {3 if first else 2}"
    assert "separated by" in reason


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode(),
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    ],
    ids=["utf-8", "with its mark", "utf-16", "big-endian"],
)
def test_encodings_that_name_themselves_are_read(encode: Any) -> None:
    texts = {"m.json": '{"datasets": [{"parameters": {"voi": "\u00b5"}}]}'}
    texts["m.yaml"] = "datasets: [{parameters: {voi: \u00b5}}]"
    for name, text in texts.items():
        assert values(encode(text), name) == {"voi": "\u00b5"}
    found = values(encode(table(LINE.replace("25.14", "25.14 \u00b5m"))))
    assert found["voxel_size"] == 25.14


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (table(LINE.replace("25.14", "25.14 \u00b5m")).encode("cp1252"), "line 2, column 39"),
        (table(LINE.replace("25.14", "25.14 \u00b5m")).encode("cp1252"), "CSV UTF-8"),
        (table(LINE).encode("utf-16-le"), "NUL character.* in line 1, column 2"),
        (table(LINE.replace("kidney", "kidn\ufffdy")).encode(), "lost .* in line 2, column"),
    ],
)
def test_other_encodings_are_refused_by_line_and_column(content: bytes, reason: str) -> None:
    with pytest.raises(Invalid, match=reason) as refused:
        metadata.read("m.csv", content, HOA)
    assert refused.value.field == "m.csv"


EUROPEAN = HEADER.replace(",", ";")


@pytest.mark.parametrize(
    ("cell", "other", "number"),
    [
        ("25,14", "6", 25.14),
        ("25,14 \u00b5m", "6", 25.14),
        ("2,514E1", "25,5", 25.14),
        ("1,024", "2,5", 1.024),  # another number proves the decimal comma
        ("1.024,5", "6", 1024.5),
        ("1,024.5", "6", 1024.5),
        ("25.14", "6", 25.14),
        ("1.024", "2.5", 1.024),
    ],
)
def test_a_decimal_mark_that_the_table_proves_is_read(cell: str, other: str, number: float) -> None:
    second = f"b;B;2026-01-01T00:00:00Z;kidney;{other};6;T"
    whole = f"{EUROPEAN}\na;A;2026-01-01T00:00:00Z;kidney;{cell};6;T\n{second}\n"
    assert values(whole)["voxel_size"] == number


@pytest.mark.parametrize(
    ("cell", "other", "reason"),
    [
        ("1.024", "6", "may be thousands"),
        ("1,024", "6", "may be thousands"),
        ("1.024", "2,5", "may be thousands"),
        ("1,024", "2.5", "may be thousands"),
        ("25.14", "2,5", "decimal points and with decimal commas"),
        ("1.024.000", "6", "may be thousands"),
        ("1.02.3,5", "2,5", "not a number"),
    ],
)
def test_a_number_that_is_not_certain_is_reported_by_line_and_column(
    cell: str, other: str, reason: str
) -> None:
    second = f"b;B;2026-01-01T00:00:00Z;kidney;{other};6;T"
    found = reported(f"{EUROPEAN}\na;A;2026-01-01T00:00:00Z;kidney;{cell};6;T\n{second}\n")
    assert found[0][0] == "m.csv, line 2, column 5"
    assert reason in found[0][1]


def test_with_commas_between_columns_a_point_is_a_decimal_point() -> None:
    assert values(table(LINE.replace("25.14", "1.024")))["voxel_size"] == 1.024
    quoted = LINE.replace("25.14", '"25,14"')
    assert values(f"{HEADER}\n{quoted}\n")["voxel_size"] == 25.14
    unclear = LINE.replace("25.14", '"1,024"')
    assert reported(f"{HEADER}\n{unclear}\n")[0][0] == "m.csv, line 2, column 5"


@pytest.mark.parametrize(
    ("header", "lines", "place", "reason"),
    [
        (HEADER + ",organ", [LINE + ",lung"], "line 1, column 8", "there twice"),
        (HEADER, [LINE, LINE.replace(",T", ",U")], "line 3, column 7", "'T' in line 2"),
        (HEADER, [LINE.replace("25.14", "25.14 mm")], "line 2, column 5", "another unit"),
        (HEADER, [LINE.replace("kidney", "#REF!")], "line 2, column 4", "error of the spreadsheet"),
    ],
)
def test_a_table_that_contradicts_itself_is_reported(
    header: str, lines: list[str], place: str, reason: str
) -> None:
    found = reported(table(*lines, header=header))
    assert [f[0] for f in found] == [f"m.csv, {place}"]
    assert reason in found[0][1]


def test_empty_columns_of_a_spreadsheet_are_ignored() -> None:
    assert values(table(LINE + ",,", ",,,,,,,,", header=HEADER + ",,"))["shape_x"] == 6


YAML = """
document: {{name: 007, title: 2020, keywords: [1.10, no]}}
datasets:
- name: 0123
  title: yes
  proposal: 1e5
  is_public: false
  size: 10
  parameters: {parameters}
  details: {{scan: {{number: 0123, flag: true, ratio: 2.50, off: off, time: 1:30}}}}
"""


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("{donor: 0123}", "0123"),
        ("{donor: 1.10}", "1.10"),
        ("{voi: 2020_27}", "2020_27"),
        ("{voi: 1:30}", "1:30"),
        ("{organ_infilled: yes}", "yes"),
        ("{organ_infilled: true}", "true"),
        ("{n_projections: 0600}", 600),
        ("{n_projections: 1e3}", 1000.0),
        ("{exposure_time: 1e-3 s}", 0.001),
        ("[{name: donor, value: 0123}]", "0123"),
        ("[{name: donor, value: 12}]", "12"),
        ("[{name: n_projections, value: 0600, unit: ''}]", 600),
        ("[{name: voxel_size, value: 2.5e1, unit: um}]", 25.0),
        ("[{name: exposure_time, value: 1e-3, unit: s}]", 0.001),
        ("[{name: shape_x, value: 0x10, unit: ''}]", 16),
        ("[{name: shape_x, value: 0o17, unit: ''}]", 15),
        ("{voxel_size: '25,14 um'}", "25,14 um"),
    ],
)
def test_yaml_is_that_of_version_1_2_and_texts_stay_texts(written: str, value: Any) -> None:
    parts, _ = metadata.read("m.yaml", YAML.format(parameters=written).encode(), HOA)
    [dataset] = parts["datasets"]
    [parameter] = dataset["parameters"]
    assert (parameter["value"], type(parameter["value"])) == (value, type(value))
    assert parts["document"] == {"name": "007", "title": "2020", "keywords": ["1.10", "no"]}
    fields = ("name", "title", "proposal", "is_public", "size")
    assert [dataset[f] for f in fields] == ["0123", "yes", "1e5", False, 10]
    scan = {"number": "0123", "flag": True, "ratio": 2.5, "off": "off", "time": "1:30"}
    assert dataset["details"] == {"scan": scan}


def test_the_metadata_file_is_found_in_any_case_and_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    volume(data)
    columns = {
        "name": "overview", "title": "T", "created": "2026-11-20T09:30:00Z",
        "instrument.pid": "ESRF-BM18", "instrument.name": "BM18", "instrument.facility": "ESRF",
        "techniques.pid": described()["datasets"][0]["techniques"][0]["pid"],
        "techniques.name": "PPC-SrCT", "samples.pid": "D1", "samples.name": "D1",
        "members.person.id": "p", "members.person.full_name": "Ada Lovelace",
        "organ": "kidney", "voxel_size[um]": "25.14",
    }  # fmt: skip
    (data / "Metadata.CSV").write_text(f"{','.join(columns)}\n{','.join(columns.values())}\n")
    code, result = run(data, "--output", tmp_path / "job.json")
    assert (code, result["problems"], result["warnings"]) == (0, [], [])
    (data / "metadata.xlsx").write_bytes(b"PK")
    code, result = run(data, "--output", tmp_path / "job.json")
    assert [p["field"] for p in result["problems"]] == ["metadata.xlsx"]


@pytest.mark.parametrize("place", ["data/sizes.xlsx", "data.XLSX", "metadata.ods"])
def test_a_spreadsheet_alone_is_reported_with_what_to_do(tmp_path: Path, place: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / place).write_bytes(b"PK")
    code, result = run(tmp_path / "data", "--output", tmp_path / "job.json")
    assert code == 2
    reason = result["problems"][0]["reason"]
    assert Path(place).name in reason
    assert "CSV UTF-8" in reason


def test_curate_warns_of_what_a_doi_lacks_and_lists_what_was_left_out(tmp_path: Path) -> None:
    import json  # noqa: PLC0415

    volume(tmp_path / "data/overview")
    given = described(details={"donor": {"id": "D1", "ward": "7"}})
    (tmp_path / "data/metadata.json").write_text(json.dumps(given))
    code, result = run(tmp_path / "data", "--output", tmp_path / "job.json")
    assert code == 0
    assert [w["field"] for w in result["warnings"]] == ["datasets[0].members"]
    assert result["dropped_fields"] == ["datasets[0].details.donor.ward"]


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
