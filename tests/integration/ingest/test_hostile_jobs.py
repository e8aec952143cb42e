"""Names, lists and files that try to break ingest or ICAT."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import icat
import pytest
from portal_ingest.records import inbox
from portal_shared.contracts.jobs import DatasetIn

from tests.builders import dataset_part, job
from tests.drivers.services.ingest import Ingest, results

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
QUOTED = "L'ESRF \"x\" / {id} %s \\ '' OR 1=1 心"


async def test_names_with_quotes_slashes_and_braces_are_found_again_in_icat(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    instrument = {"pid": QUOTED, "name": "BM'05", "facility": "L'ESRF"}
    given = dataset_part(QUOTED, pid="quoted", proposal="md'1", instrument=instrument,
                    samples=[{"pid": "s", "name": "L'organe"}],
                    techniques=[{"pid": "t'1", "name": "x'ray"}],
                    parameters=[{"name": "it's", "value": "L'ESRF", "unit": "it's"}])  # fmt: skip
    answer = await ingest.run(job(given, job_id="j1", profile="panosc"))
    assert answer.result == "done", answer
    for number in (2, 3):  # looked up by their names, and changed
        again = await ingest.run(
            job({**given, "title": f"T{number}"}, job_id=f"j{number}", profile="panosc")
        )
        assert [o.version for o in again.outcomes if o.kind == "dataset"] == [number]
    found = catalogue.assertedSearch(
        "SELECT o FROM Dataset o INCLUDE o.investigation AS i, o.sample, o.parameters AS p,"
        " p.type, o.datasetInstruments AS di, di.instrument"
    )[0]
    assert (found.name, found.description) == (QUOTED, "T3")
    assert (found.investigation.name, found.sample.name) == ("md'1", "L'organe")
    assert found.datasetInstruments[0].instrument.name == "BM'05"
    only = found.parameters[0]
    assert (only.type.name, only.type.units, only.stringValue) == ("it's", "it's", "L'ESRF")


async def test_names_with_hidden_characters_are_refused_and_nothing_is_registered(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    names = ["a\u202eb", "a\x07b", "a\nb"]
    answer = await ingest.run(
        job(*(dataset_part(n, pid=f"p{i}", title="T") for i, n in enumerate(names)), job_id="j1")
    )
    assert answer.result == "partial"  # the document is good
    assert [p.field for o in answer.outcomes for p in o.problems] == [
        f"datasets[{n}].name" for n in range(3)
    ]
    assert catalogue.search("SELECT COUNT(o) FROM Dataset o") == [0]


async def test_more_files_than_fit_into_one_request_are_all_written_before_it_is_complete(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    """600 folders with one file each cannot be grouped."""
    files = [ingest.file("hoa/x", f"{n:03d}/f", str(n).encode()) for n in range(600)]
    answer = await ingest.run(job(dataset_part("a", folder="hoa/x", files=files), job_id="j1"))
    assert answer.result == "done"
    found = catalogue.assertedSearch("SELECT o FROM Dataset o INCLUDE o.datafiles")[0]
    assert (found.complete, found.fileCount, len(found.datafiles)) == (True, 600, 600)
    assert sorted(f.name for f in found.datafiles)[7] == "007/f"
    assert all(f.checksum for f in found.datafiles)
    parts = [e.body for e in await ingest.all_events() if e.key == "dataset.files-listed.v1"]
    assert [(b["part"], b["parts"], len(b["files"])) for b in parts] == [(0, 2, 300), (1, 2, 300)]


async def test_a_stack_of_slices_is_one_file_in_icat_and_many_in_the_portal(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    files = [ingest.file("hoa/x", f"s_{n:04d}.jp2", str(n).encode()) for n in range(601)]
    answer = await ingest.run(job(dataset_part("a", folder="hoa/x", files=files), job_id="j1"))
    assert results(answer)["a"] == "registered"
    rows = catalogue.search("SELECT o FROM Datafile o")
    assert [(r.name, r.fileSize) for r in rows] == [
        ("s_#.jp2", sum(len(str(n)) for n in range(601)))
    ]
    body = await ingest.published("dataset.registered.v1", "a", 1)
    assert body["dataset"]["files"]["count"] == 601


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda file: file.write_bytes(b"longer than before"), id="rewritten"),
        pytest.param(lambda file: file.write_bytes(b"efgh"), id="rewritten at the same length"),
        pytest.param(lambda file: file.write_bytes(file.read_bytes() + b"x"), id="appended to"),
    ],
)
def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], Any]
) -> None:
    (tmp_path / "d").mkdir()
    file = tmp_path / "d/f"
    file.write_bytes(b"abcd")
    real = inbox._sha256  # pyright: ignore[reportPrivateUsage]

    def change_after(descriptor: int) -> str:
        digest = real(descriptor)
        change(file)
        return digest

    monkeypatch.setattr(inbox, "_sha256", change_after)
    given = DatasetIn.model_validate({
        "name": "a", "title": "A", "created": "2026-01-01T00:00:00Z", "folder": "d",
        "files": [{"name": "f", "sha256": "0" * 64}],
    })  # fmt: skip
    found = inbox.Inbox(tmp_path).problems(given, "datasets[0]")
    assert [(p.field, p.reason) for p in found] == [
        ("datasets[0].files[0].name", "'f' changed while it was read")
    ]


@pytest.mark.parametrize("where", ["linked", "d/round", "d/pipe", "d/missing", "d/f"])
def test_a_folder_that_is_a_link_or_not_a_folder_is_refused(tmp_path: Path, where: str) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/f").write_bytes(b"x")
    (tmp_path / "linked").symlink_to("/etc")
    (tmp_path / "d/round").symlink_to(tmp_path / "d")
    (tmp_path / "d/pipe").symlink_to("/dev/zero")
    given = DatasetIn.model_validate({
        "name": "a", "title": "A", "created": "2026-01-01T00:00:00Z", "folder": where,
        "files": [{"name": "passwd", "sha256": "0" * 64}],
    })  # fmt: skip
    found = inbox.Inbox(tmp_path).problems(given, "datasets[0]")
    assert [p.field for p in found] == ["datasets[0].folder"]
