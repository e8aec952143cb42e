"""Names and sizes of files of a job: what is refused, and what is a warning."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any, cast

import pytest
from portal_ingest.records.file_list import FileList, FileListReader
from portal_ingest.records.inbox import Inbox
from portal_shared import profile
from portal_shared.contracts.jobs import DatasetIn, Problem
from portal_shared.validation.file_names import (
    name_problem,
    name_warnings,
    system_file_warnings,
)
from portal_shared.validation.validator import validate_dataset

EMPTY = hashlib.sha256(b"").hexdigest()
GIVEN: dict[str, Any] = {
    "name": "a",
    "title": "A",
    "created": "2021-01-01T00:00:00Z",
    "folder": "d",
}


def problems(*names: str, size: int = 1, rules: str = "human-organs", **more: Any) -> list[Problem]:
    files = [file(name, size) for name in names]
    raw = {**GIVEN, "files": files, **more}
    found = validate_dataset(raw, "datasets[0]", profile.load(rules)).problems
    return [p for p in found if ".files" in p.field or p.field.endswith(("folder", "manifest"))]


def file(location: str, size: int | None) -> dict[str, Any]:
    path, _, name = location.rpartition("/")
    return {"name": name, "path": path or None, "size": size, "sha256": EMPTY}


def read(folder: Path, *names: str, manifest: bool = False, size: int | None = None) -> FileList:
    """Returns the list of the files, which are written below the folder `d`: each has 0 bytes."""
    for name in names:
        (folder / "d" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "d" / name).touch()
    if manifest:
        lines = "".join(f"{EMPTY}  {name}\n" for name in sorted(names))
        (folder / "d/SUMS").write_text(lines, "utf-8")
        raw = {**GIVEN, "manifest": "SUMS"}
    else:
        raw = {**GIVEN, "files": [file(name, size) for name in names]}
    given = DatasetIn.model_validate(raw)
    reader = FileListReader(cast("Any", None), Inbox(folder))
    return asyncio.run(reader.read(given, "datasets[0]", current=None))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a\u200bb.raw", "invisible character U+200B"),
        ("a\ufeff.raw", "U+FEFF"),
        ("a\u202eb.raw", "control or direction"),
        ("a\x07.raw", "control or direction"),
        ("#REF!", "error of a spreadsheet"),
        ("#NV.tif", "'#NV.tif'"),
        ("\u00e9" * 128, "more than 255 bytes"),
        ("../a.raw", "'..' is not allowed"),
        ("/a.raw", "absolute path"),
        ("C:/a.raw", "absolute path"),
        ("a\\b.raw", "backslash"),
        ("a//b.raw", "empty part"),
        ("\udcff.raw", "not UTF-8"),
    ],
)
def test_a_name_that_cannot_be_archived_is_refused(name: str, reason: str) -> None:
    assert reason in (name_problem(name) or "")


@pytest.mark.parametrize("rules", ["human-organs", "panosc"])
def test_ingest_refuses_the_names_that_curate_refuses(rules: str) -> None:
    found = problems("v/a\u200bb.raw", "#REF!", "w\u202e/c.raw", "good.raw", rules=rules)
    assert [(p.field, p.suggestion) for p in found] == [
        ("datasets[0].files[0].name", "ab.raw"),
        ("datasets[0].files[1].name", None),
        ("datasets[0].files[2].path", "w"),
    ]
    assert all("rename it" in p.reason or "give the name" in p.reason for p in found)
    assert "'v/a\\u200bb.raw'" in found[0].reason
    hidden = problems(rules=rules, folder="d\u200b")
    assert [p.field for p in hidden] == ["datasets[0].folder"]


@pytest.mark.parametrize("name", ["s_1.tif", "v.zarr/0/c/0/0", "v.zarr/zarr.json", "x.H5"])
def test_an_empty_file_that_cannot_be_valid_is_refused(tmp_path: Path, name: str) -> None:
    assert [p.field for p in problems(name, size=0)] == ["datasets[0].files[0].size"]
    assert problems("notes.txt", size=0) == []
    for manifest in (False, True):
        found = read(tmp_path / str(manifest), name, "z.txt", manifest=manifest)
        assert [p.reason for p in found.problems] == [
            f"{name!r} is empty: copy it again, or remove it"
        ]


def test_a_hidden_character_in_a_manifest_is_refused(tmp_path: Path) -> None:
    found = read(tmp_path, "a\u200bb.raw", manifest=True).problems
    assert [p.field for p in found] == ["datasets[0].manifest[1]"]
    assert "U+200B" in found[0].reason
    assert "a\\u200bb.raw" in found[0].reason


@pytest.mark.parametrize("manifest", [False, True])
def test_suspicious_files_are_warnings(tmp_path: Path, *, manifest: bool) -> None:
    names = (
        *("v/Thumbs.db", "w/Thumbs.db", ".DS_Store", "~$a.docx", "__MACOSX/a.txt"),
        *("x/One.txt", "x/one.txt", "con.txt", "blank /b.txt", "dot./b.txt"),
    )
    found = read(tmp_path, *names, manifest=manifest)
    assert found.problems == ()
    assert {w.field for w in found.warnings} == {"datasets[0].files"}
    text = "\n".join(w.reason for w in found.warnings)
    assert "'v/Thumbs.db' is a preview or setting of Windows and would be published" in text
    for part in ("so are w/Thumbs.db", "'.DS_Store' is a setting", "'~$a.docx' is a lock",
                 "so are __MACOSX", "'x/One.txt' and 'one.txt' differ only", "is empty; so are",
                 "'blank ' is 'blank%20'", "con.txt", "dot."):  # fmt: skip
        assert part in text, part


def test_ordinary_names_are_no_warnings(tmp_path: Path) -> None:
    names = ("a.tif", "v.zarr/0/c/0/0/0", "\u00fcber/\u00e4 b.txt", ".zattrs", "x.tar.gz", "...a")
    assert problems(*names) == []
    assert name_warnings(names) == []
    assert system_file_warnings(names, "is left out") == []


def test_a_size_that_the_job_does_not_give_is_that_on_disk(tmp_path: Path) -> None:
    assert read(tmp_path, "a.txt", "b.txt").warnings[0].reason == "'a.txt' is empty; so are b.txt"
