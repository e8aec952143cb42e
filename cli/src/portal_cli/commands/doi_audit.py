"""All DOIs, as the registry, DataCite and ICAT know them, compared page by page."""

import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx

Difference = dict[str, Any]


@dataclass
class Audit:
    at_datacite: int = 0
    in_icat: int = 0
    mended: int = 0
    differences: list[Difference] = field(default_factory=list[Difference])

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def audited(doi_url: str, ingest_url: str, *, repair: bool) -> Audit:
    """Go through all. With `repair`, what can be mended is being mended. Raises httpx's errors."""
    found = Audit()
    run = uuid.uuid4().hex
    with (
        httpx.Client(base_url=doi_url, timeout=120) as doi,
        httpx.Client(base_url=ingest_url, timeout=120) as ingest,
    ):
        for path, name in (("/audit/listed", "cursor"), ("/audit/unlisted", "after")):
            for page in _pages(doi, path, name, {"run": run, "repair": repair}):
                found.differences += page["differences"]
                found.at_datacite += page["compared"] if name == "cursor" else 0
        if repair:
            found.mended += sum(d["pid"] is not None for d in found.differences)
        _icat(doi, ingest, found, repair=repair)
    return found


def _pages(
    client: httpx.Client, path: str, name: str, asked: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    place: str | None = None
    while True:
        params = {**asked, **({name: place} if place else {})}
        page: dict[str, Any] = client.post(path, params=params).raise_for_status().json()
        yield page
        place = page["next"]
        if place is None:
            return


def _icat(doi: httpx.Client, ingest: httpx.Client, found: Audit, *, repair: bool) -> None:
    """The registry's DOIs beside those that ingest was told and ICAT holds."""
    place = ""
    while True:
        page = ingest.get("/dois", params={"after": place}).raise_for_status().json()
        records: list[dict[str, Any]] = page["records"]
        pids = [r["pid"] for r in records]
        known = doi.post("/identifiers", json={"pids": pids}).raise_for_status().json()
        differing = [d for r in records if (d := _compared(r, known.get(r["pid"])))]
        found.in_icat += len(records)
        found.differences += differing
        if repair and differing:
            found.mended += _mend(doi, ingest, differing)
        if page["next"] is None:
            return
        place = page["next"]


def _compared(record: dict[str, Any], doi: str | None) -> Difference | None:
    told = {"pid": record["pid"], "doi": doi}
    if record["doi"] != doi:
        return {**told, "what": "ingest", "reason": f"ingest was told {record['doi']}"}
    if record["icat"] != doi:
        return {**told, "what": "icat", "reason": f"ICAT holds {record['icat']}"}
    return None


def _mend(doi: httpx.Client, ingest: httpx.Client, differing: list[Difference]) -> int:
    """Say again what ingest has not heard; tell ICAT once more what it does not hold."""
    untold = [d["pid"] for d in differing if d["what"] == "ingest" and d["doi"]]
    unheld = [d["pid"] for d in differing if d["what"] == "icat"]
    said = doi.post("/say-again", json={"pids": untold}).raise_for_status().json()["events"]
    told = ingest.post("/dois/mend", json={"pids": unheld}).raise_for_status().json()["told"]
    return int(said) + int(told)
