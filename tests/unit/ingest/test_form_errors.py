"""Errors in the form of a job are sentences: what is allowed, and what was given."""

from typing import Any

import pytest
from portal_shared import profile as profiles
from portal_shared.runtime.errors import Invalid
from portal_shared.validation.job_parser import parse_envelope
from portal_shared.validation.validator import validate_dataset

from tests.builders import dataset_part

PROFILE = profiles.load("human-organs")


def problems(**fields: Any) -> list[tuple[str, str]]:
    part = validate_dataset({**dataset_part("a"), **fields}, "d", PROFILE)
    rules = "is missing; every dataset needs it"
    return [(p.field, p.reason) for p in part.problems if not p.reason.endswith(rules)]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (True, 'must be a number or a text, not true; write the text "true"'),
        (False, 'must be a number or a text, not false; write the text "false"'),
        (None, "must be a number or a text, not null"),
        ([1], "must be a number or a text, not a list"),
        ({"a": 1}, "must be a number or a text, not an object"),
    ],
    ids=["true", "false", "null", "list", "object"],
)
def test_the_value_of_a_parameter_has_one_problem(value: object, reason: str) -> None:
    found = problems(parameters=[{"name": "x", "value": value}])
    assert found == [("d.parameters[0].value", reason)]


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"title": 5}, "d.title", "must be a text, not 5"),
        ({"title": " "}, "d.title", "is empty"),
        ({"name": "x" * 300}, "d.name", "has 300 characters; the maximum is 255"),
        ({"is_public": "maybe"}, "d.is_public", "must be true or false, not 'maybe'"),
        ({"size": -1}, "d.size", "must be at least 0, not -1"),
        ({"size": 1.5}, "d.size", "must be a whole number, not 1.5"),
        ({"keywords": "a, b"}, "d.keywords", "must be a list, not 'a, b'"),
        ({"keywords": [1]}, "d.keywords[0]", "must be a text, not 1"),
        ({"instrument": "BM05"}, "d.instrument", "must be an object with named fields, not 'BM05'"),
        ({"samples": [{"pid": "x"}]}, "d.samples[0].name", "missing; it is required"),
        ({"files": [{"name": "x", "sha256": "Z"}]}, "d.files[0].sha256",
         "must be 64 hexadecimal digits in small letters, not 'Z'"),
        ({"titel": "x"}, "d.titel", "'titel' is not a known field"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else None,
)  # fmt: skip
def test_a_field_of_another_form_is_described(
    fields: dict[str, Any], field: str, reason: str
) -> None:
    assert (field, reason) in problems(**fields)


def test_a_word_that_is_not_in_a_list_has_a_suggestion() -> None:
    part = validate_dataset(
        dataset_part("a", relations=[{"type": "IsCitedby", "pid": "x"}]), "d", PROFILE
    )
    [problem] = [p for p in part.problems if p.field == "d.relations[0].type"]
    assert problem.reason.startswith("'IsCitedby' is not allowed; use 'IsCitedBy', 'Cites', ")
    assert problem.suggestion == "IsCitedBy"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"job_id": "a b"}, "job_id: must be 1 to 128 letters, digits or characters of . _ : -"),
        ({}, "job_id: missing; it is required"),
        ({"job_id": "a", "kind": "remove"}, "kind: 'remove' is not allowed; use 'register', "),
        ({"job_id": "a", "datasets": {}}, "datasets: must be a list, not an object"),
        ({"job_id": "a", "dataset": []}, "dataset: 'dataset' is not a known field"),
    ],
    ids=["job_id", "no job_id", "kind", "datasets", "unknown"],
)
def test_the_outer_fields_of_a_job_are_described(given: dict[str, Any], message: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_envelope({"version": 1, **given})
    assert str(caught.value).startswith(message)
