"""The commands end to end: files made, jobs sent, outcomes printed, exit codes."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from portal_cli.commands.import_ import import_hoa, import_panosc
from portal_cli.commands.submit import submit
from portal_cli.miniature.folder import list_files
from typer.testing import CliRunner, Result

from tests.drivers.services.answering_ingest import AnsweringIngest

app = typer.Typer()
app.command("hoa")(import_hoa)
app.command("panosc")(import_panosc)
app.command("submit")(submit)


@pytest.fixture
def portal(ingest: AnsweringIngest, monkeypatch: pytest.MonkeyPatch) -> Iterator[AnsweringIngest]:
    """Listens in a thread of its own: a command runs its own loop."""
    monkeypatch.setenv("PORTAL_AMQP_URL", ingest.url)
    ready, end = threading.Event(), threading.Event()

    async def listen() -> None:
        async with ingest.listening():
            ready.set()
            while not end.is_set():
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=asyncio.run, args=(listen(),))
    thread.start()
    assert ready.wait(30)
    yield ingest
    end.set()
    thread.join(30)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def parse_output(result: Result) -> dict[str, Any]:
    return json.loads(result.stdout)


async def test_the_atlas_of_one_donor_is_imported_with_files(
    portal: AnsweringIngest, tmp_path: Path
) -> None:
    command = ("hoa", "--donor", "LADAF-2022-16", "--archive", tmp_path, "--json")
    result = await asyncio.to_thread(run, *command)
    assert result.exit_code == 0, result.output
    facts = parse_output(result)
    assert (facts["documents"], facts["datasets"], facts["folders_made"]) == (2, 2, 2)
    assert facts["done"] == 2
    for job in portal.jobs:
        for dataset in job.datasets:
            assert dataset.folder == f"hoa/{dataset.name}"
            listed = list_files(tmp_path / dataset.folder)
            assert sorted(listed, key=str) == sorted(dataset.files, key=str)
    again = parse_output(await asyncio.to_thread(run, *command))
    assert (again["folders_made"], again["folders_kept"]) == (0, 2)
    assert [j["job_id"] for j in again["jobs"]] == [j["job_id"] for j in facts["jobs"]]
    assert portal.jobs[:2] == portal.jobs[2:]


async def test_without_files_nothing_is_written(portal: AnsweringIngest, tmp_path: Path) -> None:
    result = await asyncio.to_thread(
        run, "hoa", "--limit", 2, "--no-files", "--archive", tmp_path / "a"
    )
    assert result.exit_code == 0, result.output
    assert "2 jobs: 2 done" in result.stdout
    assert not (tmp_path / "a").exists()
    assert all(d.folder is None and d.files == () for j in portal.jobs for d in j.datasets)


async def test_a_whole_import_sends_88_jobs_the_atlas_last(portal: AnsweringIngest) -> None:
    result = await asyncio.to_thread(run, "hoa", "--no-files")
    assert result.exit_code == 0, result.output
    types = [j.document.type for j in portal.jobs if j.document]
    assert types == ["publication"] * 83 + ["proposal"] * 4 + ["atlas"]
    assert sum(len(j.datasets) for j in portal.jobs) == 378


async def test_an_unknown_donor_is_wrong_use(portal: AnsweringIngest) -> None:
    result = await asyncio.to_thread(run, "hoa", "--donor", "nobody")
    assert result.exit_code == 2
    assert "nobody" in result.stderr


async def test_a_corpus_is_imported(portal: AnsweringIngest, tmp_path: Path) -> None:
    corpus = tmp_path / "c.json"
    document = {"pid": "d", "isPublic": True, "type": "Proposal", "title": "t", "datasets": []}
    corpus.write_text(json.dumps({"documents": [document]}))
    result = await asyncio.to_thread(run, "panosc", corpus)
    assert result.exit_code == 0, result.output
    assert portal.jobs[0].document is not None
    assert portal.jobs[0].document.type == "Proposal"
    corpus.write_text(json.dumps({"documents": [document, {**document, "pid": None}]}))
    result = await asyncio.to_thread(run, "panosc", corpus)
    assert result.exit_code == 1
    assert "documents[1].pid: required" in result.stderr
    assert len(portal.jobs) == 2  # the other record, sent again
    corpus.write_text("{")
    assert (await asyncio.to_thread(run, "panosc", corpus)).exit_code == 2


async def test_the_results_of_submitted_jobs_are_printed(
    portal: AnsweringIngest, tmp_path: Path
) -> None:
    good, bad = Path("examples/job.json"), tmp_path / "bad.json"
    bad.write_text('{"version": 1, "job_id": "b", "nonsense": 1}')
    assert (await asyncio.to_thread(run, "submit", good)).exit_code == 0
    result = await asyncio.to_thread(run, "submit", good, bad, "--json")
    assert result.exit_code == 1
    answers = {j["label"]: j["answer"]["result"] for j in parse_output(result)["jobs"]}
    assert answers == {str(good): "done", str(bad): "refused"}
    shown = await asyncio.to_thread(run, "submit", bad)
    assert f"{bad} (?): refused" in shown.stdout


@pytest.mark.parametrize("content", ["", "[]", "{"])
async def test_a_file_that_is_no_job_is_not_sent(
    portal: AnsweringIngest, tmp_path: Path, content: str
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(content)
    result = await asyncio.to_thread(run, "submit", "examples/job.json", bad)
    assert result.exit_code == 2
    assert str(bad) in result.stderr
    assert portal.received == []


async def test_no_answer_in_time_is_exit_code_4(portal: AnsweringIngest) -> None:
    portal.silent = lambda _: True
    result = await asyncio.to_thread(run, "submit", "examples/job.json", "--timeout", 8)
    assert result.exit_code == 4
    assert "portal jobs example-" in result.stdout


def test_no_instance_is_exit_code_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORTAL_AMQP_URL", raising=False)
    result = run("submit", "examples/job.json", "--data", tmp_path)
    assert result.exit_code == 3
    assert "portal up" in result.stderr
    monkeypatch.setenv("PORTAL_AMQP_URL", "amqp://guest:guest@127.0.0.1:1/")
    assert run("submit", "examples/job.json").exit_code == 3


def test_a_missing_file_is_wrong_use(tmp_path: Path) -> None:
    assert run("submit", tmp_path / "none.json").exit_code == 2
    assert run("panosc", tmp_path / "none.json").exit_code == 2
