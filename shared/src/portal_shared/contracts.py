"""Writes what is generated from the code: JSON Schema of events and jobs, and the map of events."""

import json
import sys
from pathlib import Path

from portal_shared.events import EVENTS, PRODUCED, SUBSCRIPTIONS, Event
from portal_shared.jobs import Job, JobAnswer

FOLDER = Path(__file__).parents[2] / "contracts"
MAP = Path(__file__).parents[3] / "docs" / "events.md"


def contracts() -> dict[str, str]:
    """File name to content, as they are to be committed."""
    models = {event.key: event for event in EVENTS} | {
        "ingest.job.v1": Job,
        "ingest.job.answer.v1": JobAnswer,
    }
    return {
        f"{key}.json": json.dumps(model.model_json_schema(), indent=1, ensure_ascii=False) + "\n"
        for key, model in models.items()
    }


def event_map() -> str:
    """docs/events.md: who says what to whom."""

    def those(table: dict[str, tuple[type[Event], ...]], event: type[Event]) -> str:
        return ", ".join(service for service, events in table.items() if event in events)

    rows = [
        f"| [`{e.key}`](../shared/contracts/{e.key}.json) | {those(PRODUCED, e)} "
        f"| {those(SUBSCRIPTIONS, e)} | {', '.join(f'`{f}`' for f in e.model_fields)} |"
        for e in EVENTS
    ]
    head = [
        "# Events",
        "",
        "Made by `make contracts` from `shared/src/portal_shared/events.py`. The body is the bare",
        "event as JSON; the envelope is AMQP's own: `message_id`, `correlation_id`, `type`,",
        "`timestamp`, `app_id`.",
        "",
        "| event | said by | heard by | carries |",
        "|---|---|---|---|",
    ]
    return "\n".join([*head, *rows]) + "\n"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    wanted = contracts()
    for stale in {f.name for f in FOLDER.glob("*.json")} - wanted.keys():
        (FOLDER / stale).unlink()
    for name, content in wanted.items():
        (FOLDER / name).write_text(content, "utf-8")
    MAP.write_text(event_map(), "utf-8")
    sys.stdout.write(f"{len(wanted)} contracts in {FOLDER.name}/\n")
