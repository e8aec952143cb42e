"""The simulator passes the own tests of its client, python-icat."""

import sys
from collections import Counter
from collections.abc import Callable

import pytest

pytestmark = pytest.mark.timeout(3600)  # the first of them waits for the whole suite

Outcomes = dict[str, str]
Base = Callable[[str], str]


def test_all_other_tests_pass(
    outcomes: Outcomes, expected_failures: dict[str, str], base: Base
) -> None:
    kinds = Counter(outcome.partition(":")[0] for outcome in outcomes.values())
    sys.stdout.write(f"python-icat's own suite: {dict(kinds)} of {len(outcomes)} test cases\n")
    failed = {
        case: outcome
        for case, outcome in outcomes.items()
        if outcome != "passed" and base(case) not in expected_failures
    }
    assert failed == {}


def test_expected_failures_are_skipped_by_the_suite(
    outcomes: Outcomes, expected_failures: dict[str, str], base: Base
) -> None:
    others = {
        case: outcome
        for case, outcome in outcomes.items()
        if base(case) in expected_failures and not outcome.startswith("skipped: ")
    }
    assert others == {}


def test_every_expected_failure_is_a_test_that_ran(
    outcomes: Outcomes, expected_failures: dict[str, str], base: Base
) -> None:
    assert expected_failures.keys() - {base(case) for case in outcomes} == set()
    assert all(reason.strip() for reason in expected_failures.values())


def test_no_case_is_missing(outcomes: Outcomes) -> None:
    passed = [case for case, outcome in outcomes.items() if outcome == "passed"]
    assert len(passed) == 485
    assert len(outcomes) == 489
