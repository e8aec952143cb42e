"""Shortens answers of jobs to what a MongoDB document or a message can hold."""

from collections.abc import Sequence
from typing import TypeVar

from portal_shared.contracts.jobs import JobAnswer, Outcome, Problem

Part = TypeVar("Part", Outcome, Problem)
MAX_PROBLEMS = 5_000  # in an answer
SUMMARY_BYTES = 1_000  # reserved for the problem that counts what was left out


def limit_outcomes(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Returns the outcomes with all problems; beyond `MAX_PROBLEMS`, with the first of each."""
    left = MAX_PROBLEMS
    found: list[Outcome] = []
    for one in outcomes:
        left -= len(one.problems)
        found.append(one if left >= 0 else one.model_copy(update={"problems": one.problems[:1]}))
    return found


def shorten_answer(answer: JobAnswer, max_bytes: int) -> JobAnswer:
    """Returns the answer in at most `max_bytes` of JSON.

    As many problems and outcomes as fit stay, the first ones; a last problem counts the others.
    """
    if _size(answer) <= max_bytes:
        return answer
    bare = answer.model_copy(update={"outcomes": (), "problems": ()})
    left = max_bytes - _size(bare) - SUMMARY_BYTES
    problems, left = _first_that_fit(answer.problems, left)
    outcomes, left = _first_that_fit(answer.outcomes, left)
    omitted = len(answer.outcomes) - len(outcomes)
    reason = (
        f"{omitted} more outcomes and {len(answer.problems) - len(problems)} more problems do not"
        " fit into this answer; send smaller jobs"
    )
    summary = Problem(field="job", reason=reason)
    return answer.model_copy(update={"outcomes": tuple(outcomes), "problems": (*problems, summary)})


def _first_that_fit(parts: Sequence[Part], max_bytes: int) -> tuple[list[Part], int]:
    """Returns them and the bytes that are left."""
    found: list[Part] = []
    for one in parts:
        size = _size(one) + 1
        if size > max_bytes:
            break
        max_bytes -= size
        found.append(one)
    return found, max_bytes


def _size(part: JobAnswer | Outcome | Problem) -> int:
    return len(part.model_dump_json().encode())
