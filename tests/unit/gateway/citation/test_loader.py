"""What is read from the database to cite a record."""

from datetime import UTC, datetime
from typing import Any, cast

from portal_gateway.catalogue import Catalogue
from portal_gateway.citation.loader import CitedRecordLoader
from portal_shared.contracts.records import Dataset

OTHER = {"_id": "other", "told_doi": "10.5072/other", "public": True, "level": "document"}


class CountingCatalogue:
    """A catalogue with one related record and one file, which notes what is read."""

    def __init__(self) -> None:
        self.reads: list[str] = []

    async def load_linked(self, _pids: Any) -> dict[str, Any]:
        self.reads.append("linked")
        return {}

    async def load_linking(self, pid: str, _level: str) -> dict[str, Any]:
        self.reads.append("linking")
        return {"other": {**OTHER, "record": {"type": "Collection", "datasets": [pid]}}}

    async def load_files_page(self, _query: Any, _skip: int, _limit: int) -> list[dict[str, Any]]:
        self.reads.append("files")
        return [{"id": "1", "name": "a.tif"}]


def row() -> dict[str, Any]:
    given: dict[str, Any] = {
        "pid": "p",
        "name": "p",
        "title": "Left kidney",
        "facility": "ESRF",
        "profile": "human-organs",
        "created": datetime(2021, 9, 27, tzinfo=UTC),
        "folder": "/data/p",
    }
    record = Dataset.model_validate(given).model_dump(mode="json")
    return {"_id": "p", "record": record, "packed_at": datetime(2024, 5, 6, tzinfo=UTC)}


async def test_citations_read_nothing_more_than_the_record() -> None:
    catalogue = CountingCatalogue()
    loader = CitedRecordLoader(cast("Catalogue", catalogue), site_url="https://portal.example")
    cited = await loader.load("dataset", row(), with_links=False)
    assert (cited.title, cited.files, catalogue.reads) == ("Left kidney", (), [])


async def test_links_are_related_records_and_files() -> None:
    catalogue = CountingCatalogue()
    loader = CitedRecordLoader(cast("Catalogue", catalogue), site_url="https://portal.example")
    cited = await loader.load("dataset", row())
    assert sorted(catalogue.reads) == ["files", "linked", "linking"]
    assert [file["name"] for file in cited.files] == ["a.tif"]
    [link] = cited.items("relatedIdentifiers")
    assert link["relatedIdentifier"] == "10.5072/other"
