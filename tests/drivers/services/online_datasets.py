"""Datasets that are recalled once, for several tests that only read them."""

from collections.abc import Callable
from typing import Any

from portal_shared.contracts.records import File

from tests.drivers.services.downloader import DownloaderClient
from tests.drivers.tape import TapeArchive


class OnlineDatasets:
    """Datasets by a key; each is written and recalled for the first test that uses it."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[str, Any]] = {}

    async def use(
        self,
        key: str,
        downloader: DownloaderClient,
        tape: TapeArchive,
        write: Callable[[], tuple[list[File], Any]],
    ) -> Any:
        """Makes a dataset the one of pid "p" in this test; returns what describes it.

        `write` writes its files to tape, and returns them with that description. From here on the
        test has the folder and the pids of the test that wrote them.
        """
        if key not in self._found:
            files, description = write()
            await downloader.register("p", files)
            end = await downloader.final_event(await downloader.request("p"))
            assert "reason" not in end, end
            self._found[key] = (tape.name, description)
        downloader.name, description = self._found[key]
        tape.name = downloader.name
        return description
