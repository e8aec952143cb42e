"""What the doi service says goes into the record, and from there into ICAT."""

from datetime import UTC, datetime

from portal_shared import profile as profiles
from portal_shared.contracts.events import DoiFailed, DoiMinted
from portal_shared.contracts.records import Document
from portal_shared.runtime.logs import logger

from portal_ingest.icat.adapter import Icat
from portal_ingest.icat.mapping import publication_entry
from portal_ingest.store.records import Registry, Stored

log = logger(__name__)

AT_ONCE = 50  # looked for together


async def note_minted(event: DoiMinted, registry: Registry) -> bool:
    """Whether ICAT has to be told: a dataset's own DOI was entered with it."""
    due = not (event.adopted and event.level == "dataset")
    fields = {
        "doi": event.doi,
        "doi_state": event.state,
        "doi_adopted": event.adopted,
        "doi_problem": None,
        **({"icat_due": datetime.now(UTC)} if due else {}),
    }
    newer = await registry.note_doi(
        event.pid, version=event.version, fields=fields, revision=event.revision
    )
    return newer and due


async def note_failed(event: DoiFailed, registry: Registry) -> None:
    await registry.note_doi(event.pid, version=event.version, fields={"doi_problem": event.reason})


class Writeback:
    """Tells ICAT the DOIs that it does not know yet, those that wait longest first."""

    def __init__(self, registry: Registry, icat: Icat) -> None:
        self._registry = registry
        self._icat = icat

    async def step(self) -> bool:
        """False when ICAT knows all. Raises Unavailable; the record stays due."""
        due = await self._registry.due(AT_ONCE)
        for pid, since in due:
            stored = await self._registry.claim_due(pid, since)
            if stored is None:
                continue
            if stored.doi:
                await self.tell(stored, stored.doi)
            await self._registry.told_icat(stored.pid, stored.doi)
        return bool(due)

    async def _datasets(self, document: Document) -> list[str]:
        """Its own, and those of the documents that are its parts."""
        below = await self._registry.datasets_of(document.documents)
        return list(dict.fromkeys([*document.datasets, *below]))

    async def datasets_in_icat(self, stored: Stored) -> list[int]:
        """ICAT's ids of the datasets that a document's DOI stands for."""
        document = Document.model_validate_json(stored.body)
        return await self._registry.icat_ids(await self._datasets(document))

    async def tell(self, stored: Stored, doi: str, *, again: bool = False) -> None:
        if stored.kind == "dataset" and stored.icat_id is not None:
            if again or stored.brought_doi != doi:  # one it brought is there since it was entered
                await self._icat.set_dataset_doi(stored.icat_id, doi)
        elif stored.kind == "document":
            document = Document.model_validate_json(stored.body)
            ids = await self.datasets_in_icat(stored)
            if ids:
                facts = await self._registry.doi_facts(document.datasets)
                parts = [d for pid in document.datasets if (d := facts.get(pid, {}).get("doi"))]
                entry = publication_entry(document, doi, profiles.load(document.profile), parts)
                await self._icat.publish(entry, ids)
        log.info("ICAT knows the DOI", pid=stored.pid, doi=doi)
