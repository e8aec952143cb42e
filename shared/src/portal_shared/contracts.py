"""Writes the contracts as JSON Schema: one file per event, and the ingest job with its answer."""

import json
import sys
from pathlib import Path

from portal_shared.events import EVENTS
from portal_shared.jobs import JobAnswer, RegisterJob

FOLDER = Path(__file__).parents[2] / "contracts"


def contracts() -> dict[str, str]:
    """File name to content, as they are to be committed."""
    models = {event.key: event for event in EVENTS} | {
        "ingest.job.v1": RegisterJob,
        "ingest.job.answer.v1": JobAnswer,
    }
    return {
        f"{key}.json": json.dumps(model.model_json_schema(), indent=1, ensure_ascii=False) + "\n"
        for key, model in models.items()
    }


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    wanted = contracts()
    for stale in {f.name for f in FOLDER.glob("*.json")} - wanted.keys():
        (FOLDER / stale).unlink()
    for name, content in wanted.items():
        (FOLDER / name).write_text(content, "utf-8")
    sys.stdout.write(f"{len(wanted)} contracts in {FOLDER.name}/\n")
