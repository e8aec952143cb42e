"""ICAT as ingest uses it: register and change datasets, publish documents, read DOIs.

python-icat blocks, so its calls run in threads with one client each. A repeated write first looks
for the object by its natural key, so that a lost response creates nothing twice.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import icat.exception
from portal_shared.profile import Profile
from portal_shared.runtime.errors import Invalid, Unavailable

from portal_ingest.icat import datasets, publications
from portal_ingest.icat.client import DatabaseRefusal, IcatClient, connect, translated
from portal_ingest.icat.datasets import DatasetWrite, DatasetWriter, StoredDataset
from portal_ingest.icat.mapping import DatasetEntry, ParameterEntry, PublicationEntry
from portal_ingest.icat.names import LONG, cut
from portal_ingest.icat.publications import StoredPublication
from portal_ingest.icat.reference_cache import ReferenceCache
from portal_ingest.metrics import ICAT_CALLS
from portal_ingest.settings import IngestSettings

T = TypeVar("T")

DEADLINE_SECONDS = 300  # for one call with all its lookups
MAX_ATTEMPTS = 2
UNREADABLE = (
    "ICAT has an object that the portal may not read; its user needs a rule to read these objects"
)
WITHDRAWN = "withdrawn"  # name of the dataset parameter with the reason


class Icat:
    """The facility's catalogue."""

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings
        self._threads = ThreadPoolExecutor(settings.icat_clients, thread_name_prefix="icat")
        self._own = threading.local()
        self._references = ReferenceCache()
        self._datasets = DatasetWriter(self._references)

    async def register(
        self,
        entry: DatasetEntry,
        *,
        known_id: int | None,
        maybe_written: bool,
        take_over: bool,
    ) -> int:
        """Creates the dataset, or updates the existing one; returns its id.

        `known_id`: its id if it was registered before. `maybe_written`: an earlier attempt may have
        succeeded. A dataset that is not known as this one is only changed with `take_over`. Raises
        NameTaken without it, Invalid if ICAT refuses the dataset, Unavailable to try again.
        """
        write = DatasetWrite(
            entry, known_id=known_id, maybe_written=maybe_written, take_over=take_over
        )
        return await self._run("register", lambda client: self._datasets.register(client, write))

    async def withdraw(self, dataset_id: int, profile: Profile, reason: str) -> None:
        """Keeps the dataset, and adds a parameter with the reason of the withdrawal."""
        name = profile.icat.parameter_prefix + WITHDRAWN
        entry = ParameterEntry(name, "", cut(reason, LONG))
        facility = profile.icat.facility
        await self._run(
            "withdraw", lambda c: self._datasets.set_parameter(c, facility, dataset_id, entry)
        )

    async def set_dataset_doi(self, dataset_id: int, doi: str) -> None:
        await self._run("set_doi", lambda client: self._datasets.set_doi(client, dataset_id, doi))

    async def publish(self, entry: PublicationEntry, dataset_ids: list[int]) -> int:
        """Creates or updates the DataCollection and DataPublication of a document's DOI."""
        return await self._run(
            "publish",
            lambda client: publications.publish(client, self._references, entry, dataset_ids),
        )

    async def retract(self, doi: str) -> None:
        """Deletes the DataPublication of a DOI, if there is one."""
        await self._run("retract", lambda client: publications.retract(client, doi))

    async def correct_counts(self, dataset_id: int, counts: tuple[int, int]) -> None:
        """Stores number and bytes of a dataset's files, unless triggers of ICAT count them."""
        await self._run(
            "correct_counts",
            lambda client: self._datasets.correct_counts(client, dataset_id, counts),
        )

    async def stored_datasets(self, ids: list[int]) -> dict[int, StoredDataset]:
        """Returns those of these datasets that exist, by ICAT id."""
        return await self._run("find_datasets", lambda client: datasets.find_datasets(client, ids))

    async def counted_files(self, dataset_id: int) -> tuple[int, int]:
        """Returns number and bytes of the dataset's files that are in ICAT."""
        return await self._run("count_files", lambda c: datasets.count_files(c, dataset_id))

    async def published(self, dois: list[str]) -> dict[str, StoredPublication]:
        """Returns the publications of those of the DOIs that have one."""
        return await self._run(
            "find_published", lambda client: publications.find_published(client, dois)
        )

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, operation: str, work: Callable[[IcatClient], T]) -> T:
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._threads, self._with_client, work)
        try:
            with ICAT_CALLS.measure(operation):
                return await asyncio.wait_for(asyncio.shield(future), DEADLINE_SECONDS)
        except TimeoutError as error:
            raise Unavailable(f"ICAT did not respond within {DEADLINE_SECONDS} s") from error

    def _with_client(self, work: Callable[[IcatClient], T]) -> T:
        """Runs the work, and once more if the session ended or a cached reference is gone."""
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                with translated():
                    return work(self._client())
            except Unavailable as error:
                self._disconnect()
                session_ended = isinstance(error.__cause__, icat.exception.ICATSessionError)
                if attempt == MAX_ATTEMPTS or not session_ended:
                    raise
            except (icat.exception.ICATNoObjectError, DatabaseRefusal) as error:
                self._references.invalidate()
                if attempt == MAX_ATTEMPTS:
                    raise Invalid(f"ICAT refused the request: {error}", field="icat") from error
            except icat.exception.ICATObjectExistsError as error:  # or another replica was faster
                if attempt == MAX_ATTEMPTS:
                    raise Invalid(f"{UNREADABLE}: {error}", field="icat") from error
        raise Unavailable("ICAT: no session")

    def _disconnect(self) -> None:
        client: IcatClient | None = getattr(self._own, "client", None)
        self._own.client = None
        if client is not None:
            client.close()

    def _client(self) -> IcatClient:
        client: IcatClient | None = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = connect(self._settings)
        client.autoRefresh()
        return client
