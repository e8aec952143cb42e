"""Files of a withdrawn dataset are not served, and the reason is given."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from portal_shared.contracts.events import DatasetWithdrawn

from tests.drivers.services.downloader import DownloaderClient, StartDownloader
from tests.drivers.tape import TapeArchive


async def withdraw(downloader: DownloaderClient) -> None:
    await downloader.publish(
        DatasetWithdrawn(pid=downloader.pid("p"), version=2, reason="consent was withdrawn",
                         withdrawn_at=datetime.now(UTC), title="P", history=())
    )  # fmt: skip


@pytest.mark.parametrize(
    "address",
    [("v.bin", {}), ("", {"format": "zip"}), ("", {"format": "tar"}), ("", {})],
    ids=["a file", "zip", "tar", "the list"],
)
async def test_files_of_a_withdrawn_dataset_are_gone(
    downloader: DownloaderClient, tape: TapeArchive, address: tuple[str, dict[str, str]]
) -> None:
    location, params = address
    await downloader.register("p", [tape.write("d/v.bin")])
    await downloader.final_event(await downloader.request("p"))
    before = await downloader.get("p", location, params=params)
    assert before.status_code == 200, before.text
    await withdraw(downloader)
    answers: list[Any] = []

    async def gone() -> bool:
        answers.append(await downloader.get("p", location, params=params))
        return answers[-1].status_code != 200

    while not await gone():
        await downloader.receive()
    assert answers[-1].status_code == 410
    assert "consent was withdrawn" in answers[-1].text


async def test_a_request_for_a_withdrawn_dataset_fails_with_the_reason_and_recalls_nothing(
    start_downloader: StartDownloader, tape: TapeArchive
) -> None:
    downloader = await start_downloader(window_seconds="60")
    await downloader.register("p", [tape.write("d/v.bin")])
    request = await downloader.request("p")
    async with asyncio.timeout(60):
        while not (await downloader.status())["files"].get("queued"):
            await asyncio.sleep(0.05)
        await withdraw(downloader)
        failed = await downloader.final_event(request)
        assert "consent was withdrawn" in failed["reason"]
        while (await downloader.status())["files"] != {"archived": 1}:
            await asyncio.sleep(0.05)
    assert tape.recalls == {}


async def test_the_withdrawal_of_a_dataset_that_was_never_public_is_not_public(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    await downloader.register("p", [tape.write("d/v.bin")], public=False)
    before = await downloader.get("p", "")
    await withdraw(downloader)
    await downloader.wait_idle()
    after = await downloader.get("p", "")
    assert (before.status_code, after.status_code) == (404, 404)
    assert before.json()["detail"] == after.json()["detail"]
