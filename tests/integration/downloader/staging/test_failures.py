"""Failed files are reported to the operator with their reasons."""

import asyncio
import json
from typing import Any

import pytest
from portal_cli.commands import tape as tape_command
from typer.testing import CliRunner

from tests.drivers.services.downloader import DownloaderClient, StartDownloader
from tests.drivers.tape import TapeArchive


@pytest.fixture
def addresses(downloader: DownloaderClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ingest", "doi", "indexer", "downloader", "gateway"):
        monkeypatch.setenv(f"PORTAL_{name.upper()}_URL", downloader.process.operator_url)


async def reported(*options: str) -> tuple[int, Any]:
    result = await asyncio.to_thread(
        CliRunner().invoke, tape_command.app, ["failures", "--json", *options]
    )
    return result.exit_code, json.loads(result.stdout)


async def test_a_wrong_checksum_on_tape_is_reported_with_its_file(
    downloader: DownloaderClient, tape: TapeArchive, addresses: None
) -> None:
    files = [tape.write(f"d/{n}", 2000) for n in range(2)]
    await downloader.register("p", files)
    tape.add_fault(effect="corrupt", path="d/1", times=None)
    await downloader.final_event(await downloader.request("p"))
    code, found = await reported("--state", "failed")
    mine = [f for f in found["files"] if f["pid"] == downloader.pid("p")]
    assert code == 1
    assert [(f["location"], f["mismatches"]) for f in mine] == [("1", 2)]
    assert "checksum" in mine[0]["reason"]
    remaining = [q for q in found["quarantine"] if q["name"].endswith(files[1].sha256)]
    assert len(remaining) == 1  # the last of two


async def test_a_file_that_never_ends_ends_by_its_deadline(
    start_downloader: StartDownloader, tape: TapeArchive
) -> None:
    downloader = await start_downloader(deadline_seconds="3")
    await downloader.register("p", [tape.write("d/x", 2000), tape.write("d/y", 2000)])
    tape.add_fault(effect="stuck", path="d/x")
    failed = await downloader.final_event(await downloader.request("p"))
    assert (failed["files_online"], failed["files_failed"]) == (1, 1)
    assert failed["files_expired"] == 1
    assert "1 of these expired; x: not recalled within 3 s" in failed["reason"]
    read = (await downloader.get("p", "x")).json()
    assert (read["state"], read["recall"]) == ("ARCHIVED", "expired")
    listed = (await downloader.get("p")).json()["files"]
    assert [(f["name"], f["recall"]) for f in listed] == [("x", "expired"), ("y", None)]
    page = await downloader.get("p", headers={"accept": "text/html"})
    assert "ARCHIVED (recall expired: not recalled within 3 s" in page.text
    reported = (await downloader.read_operator_route("/failures"))["files"]
    assert [(f["location"], f["state"]) for f in reported] == [("x", "expired")]


async def test_a_file_left_out_of_the_answer_is_looked_for(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    await downloader.register("p", [tape.write(f"d/{n}", 2000) for n in range(3)])
    tape.add_fault(effect="hidden", path="d/1")
    assert (await downloader.final_event(await downloader.request("p")))["files"] == 3
