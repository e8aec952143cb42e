"""Pins at the archive last until the copy is verified, and are released in any case."""

import asyncio

from tests.drivers.services.downloader import StartDownloader
from tests.drivers.tape import TapeArchive


async def test_a_pin_is_renewed_while_a_copy_waits_for_space_and_all_are_released(
    start_downloader: StartDownloader, tape: TapeArchive
) -> None:
    downloader = await start_downloader(
        cache_bytes="1500000", keep_seconds="6", read_seconds="0", pin_seconds="2"
    )
    files = [tape.write(f"d/{n}", 1_000_000) for n in range(2)]
    await downloader.register("p", files)
    first = await downloader.request("p", "0")
    await downloader.final_event(first)
    before = calls(tape)["POST /stage 201"]
    other = await downloader.request("p", "1")  # there is no space while the first is protected
    async with asyncio.timeout(60):
        while calls(tape)["POST /stage 201"] < before + 3:
            await asyncio.sleep(0.1)
    assert (await downloader.final_event(other))["files"] == 1
    assert tape.recalls == {"d/0": 1, "d/1": 1}
    async with asyncio.timeout(60):
        while (await downloader.status())["pins_to_release"]:
            await asyncio.sleep(0.1)
    reported = calls(tape)
    assert reported["POST /release/{id} 200"] >= reported["POST /stage 201"]


def calls(tape: TapeArchive) -> dict[str, int]:
    answers: dict[str, int] = tape.http.get("/_calls").json()["answers"]
    return answers
