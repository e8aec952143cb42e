"""The simulator is held to account by the client's own tests."""

import sys
from collections import Counter
from collections.abc import Callable

import pytest

pytestmark = pytest.mark.timeout(3600)  # the first of them waits for the whole suite

Outcomes = dict[str, str]
Base = Callable[[str], str]


def test_what_is_not_excused_passes(
    outcomes: Outcomes, excused: dict[str, str], base: Base
) -> None:
    kinds = Counter(outcome.partition(":")[0] for outcome in outcomes.values())
    sys.stdout.write(f"python-icat's own suite: {dict(kinds)} of {len(outcomes)} test cases\n")
    failed = {
        case: outcome
        for case, outcome in outcomes.items()
        if outcome != "passed" and base(case) not in excused
    }
    assert failed == {}


def test_what_is_excused_does_not_pass(
    outcomes: Outcomes, excused: dict[str, str], base: Base
) -> None:
    passed = [case for case, how in outcomes.items() if how == "passed" and base(case) in excused]
    assert passed == []


def test_every_excuse_is_of_a_test_that_ran(
    outcomes: Outcomes, excused: dict[str, str], base: Base
) -> None:
    assert excused.keys() - {base(case) for case in outcomes} == set()
    assert all(reason.strip() for reason in excused.values())


def test_the_suite_ran_whole(outcomes: Outcomes) -> None:
    passed = [case for case, outcome in outcomes.items() if outcome == "passed"]
    assert len(passed) == 484
    assert len(outcomes) == 489
