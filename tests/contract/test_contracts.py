"""Contracts between services: committed schemas, samples, publishers and consumers."""

import json
from pathlib import Path
from typing import Any, cast

import pytest
from portal_shared.contracts.events import EVENTS, PRODUCED, SUBSCRIPTIONS, Event
from portal_shared.generate import ASYNCAPI, FOLDER, MAP, bus_document, contracts, event_map
from portal_shared.messaging import topology

SAMPLES = Path(__file__).parent / "samples"
BY_KEY = {event.key: event for event in EVENTS}


def test_the_committed_contracts_are_those_of_the_code() -> None:
    committed = {f.name: f.read_text("utf-8") for f in FOLDER.glob("*.json")}
    assert committed == contracts(), "run `make contracts`"


def test_the_committed_map_of_events_is_that_of_the_code() -> None:
    assert MAP.read_text("utf-8") == event_map(), "run `make contracts`"


def test_the_committed_document_of_the_bus_is_that_of_the_code() -> None:
    assert ASYNCAPI.read_text("utf-8") == bus_document(), "run `make contracts`"


def test_the_document_of_the_bus_has_every_event_and_queue() -> None:
    document = json.loads(ASYNCAPI.read_text("utf-8"))
    queues = {name for service in topology.SERVICES for name in topology.queues_of(service)}
    assert document["asyncapi"] == "3.0.0"
    assert document["channels"].keys() == set(BY_KEY) | queues
    sent = {n for n, found in document["operations"].items() if found["action"] == "send"}
    assert sent == set(BY_KEY)


def test_every_event_is_published_and_consumed() -> None:
    published = {event for events in PRODUCED.values() for event in events}
    consumed = {event for events in SUBSCRIPTIONS.values() for event in events}
    assert published == consumed == set(EVENTS)


def test_every_event_has_a_sample() -> None:
    assert {folder.name for folder in SAMPLES.iterdir()} == set(BY_KEY)


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*/*.json")), ids=lambda p: p.parent.name)
def test_a_sample_once_committed_parses_for_ever(path: Path) -> None:
    event: type[Event] = BY_KEY[path.parent.name]
    parsed = event.model_validate_json(path.read_bytes())
    given = json.loads(path.read_text("utf-8"))
    assert is_within(given, parsed.model_dump(mode="json"))


def is_within(given: Any, parsed: Any) -> bool:
    """Every given value is in the parsed one; fields added later may be beside it, at any depth."""
    if isinstance(given, dict):
        fields = cast("dict[str, Any]", given)
        return all(
            name in parsed and is_within(value, parsed[name]) for name, value in fields.items()
        )
    if isinstance(given, list):
        items = cast("list[Any]", given)
        return len(items) == len(parsed) and all(map(is_within, items, parsed))
    return bool(given == parsed)


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.key)
def test_a_reader_ignores_a_field_it_does_not_know(event: type[Event]) -> None:
    sample = json.loads(next((SAMPLES / event.key).glob("*.json")).read_text("utf-8"))
    assert event.model_validate({**sample, "added_later": 1}) == event.model_validate(sample)
