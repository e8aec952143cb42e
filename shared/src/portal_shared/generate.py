"""Writes what follows from the contracts: JSON Schemas, AsyncAPI, docs/events.md, a table."""

import json
import sys
from pathlib import Path

import portal_shared
from portal_shared.citation.datacite import FIELDS
from portal_shared.citation.people import CONTRIBUTOR_TYPES
from portal_shared.contracts.events import EVENTS, PRODUCED, SUBSCRIPTIONS, Event
from portal_shared.contracts.jobs import Job, JobAnswer
from portal_shared.messaging import asyncapi

BEGIN, END = "<!-- made by `make contracts` -->", "<!-- end -->"
FOLDER = Path(__file__).parents[2] / "contracts"
DOCS = Path(__file__).parents[3] / "docs"
MAP = DOCS / "events.md"
ASYNCAPI = DOCS / "asyncapi.json"
DATACITE_PAGE = DOCS / "datacite.md"


def contracts() -> dict[str, str]:
    """Returns the JSON Schema of every event and job by its file name."""
    models = {event.key: event for event in EVENTS} | {
        "ingest.job.v1": Job,
        "ingest.job.answer.v1": JobAnswer,
    }
    return {
        f"{key}.json": json.dumps(model.model_json_schema(), indent=1, ensure_ascii=False) + "\n"
        for key, model in models.items()
    }


def event_map() -> str:
    """Returns docs/events.md: which service publishes and consumes each event."""

    def services(table: dict[str, tuple[type[Event], ...]], event: type[Event]) -> str:
        return ", ".join(service for service, events in table.items() if event in events)

    rows = [
        f"| [`{e.key}`](../shared/contracts/{e.key}.json) | {services(PRODUCED, e)} "
        f"| {services(SUBSCRIPTIONS, e)} | {', '.join(f'`{f}`' for f in e.model_fields)} |"
        for e in EVENTS
    ]
    head = [
        "# Events",
        "",
        "Made by `make contracts` from `shared/src/portal_shared/contracts/events.py`. The body is",
        "the bare event as JSON; the envelope is AMQP's own: `message_id`, `correlation_id`,",
        "`type`, `timestamp`, `app_id`. Consumers of other teams: [asyncapi.json](asyncapi.json),",
        "an AsyncAPI 3 document, has the same with all schemas, and the queue for jobs.",
        "",
        "| event | published by | consumed by | fields |",
        "|---|---|---|---|",
    ]
    return "\n".join([*head, *rows]) + "\n"


def bus_document() -> str:
    """Returns docs/asyncapi.json: the bus as an AsyncAPI document."""
    return asyncapi.document(portal_shared.__version__)


def datacite_table() -> str:
    """Returns every DataCite property with its source, and the contributor type of each role."""
    rows = ["| DataCite | from |", "|---|---|"]
    rows += [f"| `{field.name}` | {field.source} |" for field in FIELDS]
    roles = [f"| {role} | {kind} |" for role, kind in sorted(CONTRIBUTOR_TYPES.items())]
    head = ["", "| CRediT | contributorType |", "|---|---|"]
    return "\n".join([*rows, *head, *roles, "| any other | Other |"])


def with_datacite_table(page: str) -> str:
    """Returns the page with the current table between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{datacite_table()}\n\n{END}{after}"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    schemas = contracts()
    for stale in {f.name for f in FOLDER.glob("*.json")} - schemas.keys():
        (FOLDER / stale).unlink()
    for name, content in schemas.items():
        (FOLDER / name).write_text(content, "utf-8")
    MAP.write_text(event_map(), "utf-8")
    ASYNCAPI.write_text(bus_document(), "utf-8")
    page = DATACITE_PAGE.read_text("utf-8")
    DATACITE_PAGE.write_text(with_datacite_table(page), "utf-8")
    sys.stdout.write(f"{len(schemas)} contracts in {FOLDER.name}/\n")
