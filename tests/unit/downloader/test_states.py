"""What the states of files mean together, and what follows a failure."""

import pytest
from portal_downloader.domain.states import (
    BROKEN,
    PENDING,
    REQUESTABLE,
    TRANSITIONS,
    RetryPolicy,
    Tally,
    dataset_availability,
    decide_retry,
    request_state,
)

PATIENCE = RetryPolicy(max_attempts=3, retry_seconds=5, outage_seconds=60)


def tally(**files: int) -> Tally:
    return Tally(files, {state: 10 * n for state, n in files.items()})


def test_requested_files_that_are_not_queued_yet_are_restoring() -> None:
    assert dataset_availability(tally(online=1, archived=1), pending=True) == "RESTORING"
    assert dataset_availability(tally(online=1, failed=1), pending=True) == "ARCHIVED"
    assert request_state(tally(online=1, failed=1), unfinished=True) == "RESTORING"
    assert request_state(tally(online=2), unfinished=True) == "ONLINE"


@pytest.mark.parametrize(
    ("files", "of_dataset", "of_request"),
    [
        ({}, "UNAVAILABLE", "FAILED"),
        ({"archived": 2}, "ARCHIVED", "ARCHIVED"),
        ({"queued": 2}, "RESTORING", "ARCHIVED"),
        ({"submitted": 1, "queued": 1}, "RESTORING", "RESTORING"),
        ({"online": 1, "queued": 1}, "RESTORING", "RESTORING"),
        ({"online": 2}, "ONLINE", "ONLINE"),
        ({"online": 2, "failed": 1}, "ARCHIVED", "FAILED"),
        ({"online": 2, "lost": 1}, "LOST", "FAILED"),
        ({"online": 2, "lost": 1, "staged": 1}, "RESTORING", "RESTORING"),
        ({"online": 2, "unverifiable": 1}, "UNAVAILABLE", "FAILED"),
    ],
)
def test_a_whole_is_as_good_as_its_worst_file(
    files: dict[str, int], of_dataset: str, of_request: str
) -> None:
    assert dataset_availability(tally(**files)) == of_dataset
    assert request_state(tally(**files)) == of_request


def test_failed_files_are_in_no_total_of_success() -> None:
    found = tally(online=2, failed=3)
    assert (found.all_files, found.all_bytes, found.bytes_online) == (5, 50, 20)


@pytest.mark.parametrize(
    ("attempt", "locality", "state", "counted", "pause"),
    [
        (0, "TAPE", "queued", 1, 5),
        (1, "TAPE", "queued", 2, 10),
        (2, "TAPE", "failed", 3, 0),
        (0, "missing", "queued", 1, 5),
        (2, "missing", "failed", 3, 0),
        (0, "LOST", "lost", 1, 0),
        (2, "UNAVAILABLE", "queued", 2, 60),
    ],
)
def test_retry_decisions_after_a_failure(
    attempt: int, locality: str, state: str, counted: int, pause: float
) -> None:
    found = decide_retry("why", attempt=attempt, locality=locality, policy=PATIENCE)
    assert (found.state, found.attempt, found.pause) == (state, counted, pause)
    assert "why" in found.reason


def test_every_state_but_the_unverifiable_leads_on() -> None:
    assert all(TRANSITIONS[s] for s in TRANSITIONS if s != "unverifiable")
    assert {to for s in TRANSITIONS for to in TRANSITIONS[s]} == TRANSITIONS.keys() - {
        "unverifiable"
    }
    assert {*REQUESTABLE, *PENDING, *BROKEN, "online"} == TRANSITIONS.keys()
