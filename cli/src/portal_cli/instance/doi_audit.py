"""Compares all DOIs between the registry of the portal, DataCite and ICAT, page by page."""

import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx

Difference = dict[str, Any]  # pid, doi, what, reason: as the doi service returns them


@dataclass
class DoiAudit:
    at_datacite: int = 0
    in_icat: int = 0
    mended: int = 0
    differences: list[Difference] = field(default_factory=list[Difference])

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def audit_dois(doi: httpx.Client, ingest: httpx.Client, *, repair: bool) -> DoiAudit:
    """Compares all DOIs. With `repair`, starts the repair of the differences it can repair.

    The clients are those of the operators' routes. Raises httpx.HTTPError.
    """
    audit = DoiAudit()
    run = uuid.uuid4().hex
    for path, cursor in (("/audit/listed", "cursor"), ("/audit/unlisted", "after")):
        for page in _pages(doi, path, cursor, {"run": run, "repair": repair}):
            audit.differences += page["differences"]
            audit.at_datacite += page["compared"] if cursor == "cursor" else 0
    if repair:
        audit.mended += sum(d["pid"] is not None for d in audit.differences)
    _compare_icat(doi, ingest, audit, repair=repair)
    return audit


def _pages(
    client: httpx.Client, path: str, cursor: str, query: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    position: str | None = None
    while True:
        params = {**query, **({cursor: position} if position else {})}
        page: dict[str, Any] = client.post(path, params=params).raise_for_status().json()
        yield page
        position = page["next"]
        if position is None:
            return


def _compare_icat(
    doi: httpx.Client, ingest: httpx.Client, audit: DoiAudit, *, repair: bool
) -> None:
    """Compares the DOIs of the registry with those that ingest has stored and ICAT holds."""
    position = ""
    while True:
        page = ingest.get("/dois", params={"after": position}).raise_for_status().json()
        records: list[dict[str, Any]] = page["records"]
        pids = [r["pid"] for r in records]
        registered = doi.post("/identifiers", json={"pids": pids}).raise_for_status().json()
        differences = [d for r in records if (d := _difference(r, registered.get(r["pid"])))]
        audit.in_icat += len(records)
        audit.differences += differences
        if repair and differences:
            audit.mended += _repair(doi, ingest, differences)
        if page["next"] is None:
            return
        position = page["next"]


def _difference(record: dict[str, Any], doi: str | None) -> Difference | None:
    found = {"pid": record["pid"], "doi": doi}
    if record["doi"] != doi:
        return {**found, "what": "ingest", "reason": f"ingest has {record['doi']}"}
    problem = record.get("icat_problem")
    refusal = [str(problem)] if problem else []
    if record["icat"] != doi:
        reason = "; ".join([f"ICAT has {record['icat'] or 'no DOI'}", *refusal])
        return {**found, "what": "icat", "reason": reason}
    if record.get("is_public") is False:
        return {**found, "what": "icat", "reason": "ICAT has a publication, but it is not public"}
    differences = [*refusal, *_file_counts(record), *_relations(record)]
    if differences:
        return {**found, "what": "icat", "reason": "; ".join(differences)}
    return None


def _relations(record: dict[str, Any]) -> list[str]:
    return [
        f"{text} {', '.join(record[name])}"
        for name, text in (
            ("missing_parts", "its publication in ICAT lacks HasPart"),
            ("unknown_parts", "its publication in ICAT has a HasPart that it should not have:"),
            ("missing_relations", "its publication in ICAT lacks"),
            ("unknown_relations", "its publication in ICAT has relations that it should not have:"),
            ("missing_datasets", "its DataCollection in ICAT lacks datasets:"),
        )
        if record.get(name)
    ]


def _file_counts(record: dict[str, Any]) -> list[str]:
    if "icat_files" not in record:
        return []
    ours, theirs = (
        f"{count} files of {size} bytes" for count, size in (record["files"], record["icat_files"])
    )
    return [f"ICAT counts {theirs}, the portal {ours}"]


def _repair(doi: httpx.Client, ingest: httpx.Client, differences: list[Difference]) -> int:
    """Publishes the DOI again for ingest, or writes it to ICAT again; returns how many."""
    missing_in_ingest = [d["pid"] for d in differences if d["what"] == "ingest" and d["doi"]]
    missing_in_icat = [d["pid"] for d in differences if d["what"] == "icat"]
    published = doi.post("/say-again", json={"pids": missing_in_ingest}).raise_for_status().json()
    written = ingest.post("/dois/mend", json={"pids": missing_in_icat}).raise_for_status().json()
    return int(published["events"]) + int(written["told"])
