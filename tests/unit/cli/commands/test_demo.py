"""What `portal demo` prints while the Atlas is imported, and what its web site says."""

import json
from pathlib import Path
from typing import Any

import pytest
from portal_cli.commands import demo
from portal_cli.commands.demo import import_failure, stages
from portal_cli.instance.status import InstanceStatus
from portal_cli.main import app
from typer.testing import CliRunner


def test_a_stage_never_has_more_than_its_total() -> None:
    """doi and indexer answer after ingest: they may know records that its answer lacks."""
    found = InstanceStatus(
        services={
            "ingest": {"jobs_finished": 2, "jobs_working": 1, "datasets": 36, "documents": 6},
            "doi": {"identifiers": {"minted": 43, "adopted": 40}},
            "indexer": {"datasets": 50, "documents": 10, "pending": 4},
        },
        queues={"ingest.jobs": 5},
    )
    assert stages(found) == {
        "jobs answered": (2, 8),
        "registered": (42, 83),
        "DOIs": (83, 83),
        "indexed": (56, 83),
    }


def test_an_import_that_failed_is_reported_in_a_few_lines() -> None:
    answers = [{"result": "done"}, {"result": "refused"}, *[None] * 7]
    jobs = [
        {"job_id": f"hoa-{n}", "label": f"document-{n}", "stored": True, "answer": answer}
        for n, answer in enumerate(answers)
    ]
    report = json.dumps({"source": "hoa-tools", "jobs": jobs}, indent=1)
    waiting = ", ".join(f"document-{n}" for n in range(2, 7))
    assert import_failure(report, "").splitlines() == [
        f"7 of 9 jobs have no answer yet: {waiting}, ….",
        "1 of 9 jobs were refused, whole or in part: document-1.",
        "Run the same command again: it goes on where it was.",
    ]
    assert import_failure("", "The broker does not answer.\n") == "The broker does not answer.\n"


@pytest.mark.usefixtures("signal_handlers")
def test_the_web_site_is_given_the_sentence_that_pictures_are_generated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the footer of each page, and beside slices."""
    given: list[str] = []

    def start(_: object, *, env: dict[str, str], **__: Any) -> None:
        given.append(env["PORTAL_SITE_NOTE"])
        raise OSError

    monkeypatch.delenv("PORTAL_SITE_NOTE", raising=False)
    monkeypatch.setattr(demo.subprocess, "Popen", start)
    CliRunner().invoke(app, ["demo", "--data", str(tmp_path)])
    assert ["pictures and volumes are generated" in note for note in given] == [True]
