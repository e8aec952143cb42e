"""What is told of a job, within what a row of the database or a message can hold. Pure."""

from collections.abc import Sequence
from typing import TypeVar

from portal_shared.contracts.jobs import JobAnswer, Outcome, Problem

Part = TypeVar("Part", Outcome, Problem)
MOST_TOLD = 5_000  # problems in an answer


def told_within(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Each with its first problem at least; with all of them as long as there are not too many."""
    left = MOST_TOLD
    found: list[Outcome] = []
    for one in outcomes:
        left -= len(one.problems)
        found.append(one if left >= 0 else one.model_copy(update={"problems": one.problems[:1]}))
    return found


def briefly(answer: JobAnswer, most: int) -> JobAnswer:
    """The answer in no more than so many bytes of JSON: its first outcomes, and how many more.

    Result and problems of the job stay, as many as have room.
    """
    if _bytes(answer) <= most:
        return answer
    bare = answer.model_copy(update={"outcomes": (), "problems": ()})
    room = most - _bytes(bare) - 1000  # for what is said of the rest
    problems, room = _fitting(answer.problems, room)
    outcomes, room = _fitting(answer.outcomes, room)
    rest = len(answer.outcomes) - len(outcomes)
    reason = (
        f"{rest} more outcomes and {len(answer.problems) - len(problems)} problems have no room"
    )
    told = (*problems, Problem(field="job", reason=reason))
    return answer.model_copy(update={"outcomes": tuple(outcomes), "problems": told})


def _fitting(listed: Sequence[Part], room: int) -> tuple[list[Part], int]:
    found: list[Part] = []
    for one in listed:
        size = _bytes(one) + 1
        if size > room:
            break
        room -= size
        found.append(one)
    return found, room


def _bytes(told: JobAnswer | Outcome | Problem) -> int:
    return len(told.model_dump_json().encode())
