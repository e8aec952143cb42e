"""ICAT, as far as ingest needs it: register a dataset, change it, publish a document.

Its calls block, so they run in threads, one client each. Every write is looked up by its natural
key before it is repeated, so that an answer that got lost makes nothing twice.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import icat.exception
from portal_shared.profile import Profile
from portal_shared.runtime.errors import Invalid, Unavailable

from portal_ingest.icat import identifiers, publications
from portal_ingest.icat.client import QuickClient, RefusedInside, connect, translated
from portal_ingest.icat.datasets import Datasets, Wanted
from portal_ingest.icat.mapping import LONG, DatasetEntry, ParameterEntry, PublicationEntry, cut
from portal_ingest.icat.reference_cache import Known
from portal_ingest.settings import IngestSettings

T = TypeVar("T")

DEADLINE = 300  # seconds for one piece of work, its lookups included
TRIES = 2
WITHDRAWN = "withdrawn"  # parameter of a dataset: the reason


class Icat:
    """The facility's catalogue."""

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings
        self._threads = ThreadPoolExecutor(settings.icat_clients, thread_name_prefix="icat")
        self._own = threading.local()
        self._known = Known()
        self._datasets = Datasets(self._known)

    async def register(
        self, entry: DatasetEntry, *, known: int | None, tried: bool, take_over: bool
    ) -> int:
        """Create the dataset, or bring the one that is there to this state; returns its id.

        `known`: the id it was given before; `tried`: an earlier try may have succeeded. What is
        there and neither ours nor what we tried to write is left alone, unless we `take_over`.
        Raises Invalid when ICAT cannot hold it, Unavailable to try again.
        """
        asked = Wanted(entry, known=known, tried=tried, take_over=take_over)
        return await self._run(lambda client: self._datasets.register(client, asked))

    async def withdraw(self, dataset_id: int, profile: Profile, reason: str) -> None:
        """The dataset stays, and says that it was withdrawn, and why."""
        name = profile.icat.parameter_prefix + WITHDRAWN
        entry = ParameterEntry(name, "", cut(reason, LONG))
        facility = profile.icat.facility
        await self._run(lambda c: self._datasets.note(c, facility, dataset_id, entry))

    async def set_dataset_doi(self, dataset_id: int, doi: str) -> None:
        await self._run(lambda client: self._datasets.set_doi(client, dataset_id, doi))

    async def publish(self, entry: PublicationEntry, dataset_ids: list[int]) -> int:
        """Make or renew the DataCollection and DataPublication of a document's DOI."""
        return await self._run(
            lambda client: publications.publish(client, self._known, entry, dataset_ids)
        )

    async def dataset_dois(self, ids: list[int]) -> dict[int, str | None]:
        """What it holds of these, by its own ids; without those that are not there."""
        return await self._run(lambda client: identifiers.of_datasets(client, ids))

    async def published(self, dois: list[str]) -> set[str]:
        """Those of these DOIs that a DataPublication has."""
        return await self._run(lambda client: identifiers.of_publications(client, dois))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[QuickClient], T]) -> T:
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._threads, self._with_client, work)
        try:
            return await asyncio.wait_for(asyncio.shield(future), DEADLINE)
        except TimeoutError as error:
            raise Unavailable(f"ICAT: no answer in {DEADLINE} s") from error

    def _with_client(self, work: Callable[[QuickClient], T]) -> T:
        """Once more where a session has ended, or what we remember is no longer there."""
        for attempt in range(1, TRIES + 1):
            try:
                with translated():
                    return work(self._client())
            except Unavailable as error:
                self._own.client = None
                ended = isinstance(error.__cause__, icat.exception.ICATSessionError)
                if attempt == TRIES or not ended:
                    raise
            except (icat.exception.ICATNoObjectError, RefusedInside) as error:
                self._known.forget()
                if attempt == TRIES:
                    raise Invalid(f"ICAT: {error}", field="icat") from error
        raise Unavailable("ICAT: no session")

    def _client(self) -> QuickClient:
        client: QuickClient | None = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = connect(self._settings)
        client.autoRefresh()
        return client
