"""Job files are checked before they are sent, and sent as they are, but for private values."""

import json
from typing import Any

import pytest
from portal_cli.submission import job_files, report
from portal_cli.submission.client import Submission
from portal_cli.submission.message import MAX_JOB_ID_LENGTH, build_message
from portal_shared.contracts.jobs import MAX_JOB_BYTES, DatasetIn, InstrumentIn, JobAnswer
from portal_shared.runtime.errors import Invalid


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[1]", "a job must be a JSON object"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"a": 1, "a": 2}', "'a' appears twice"),
        (b'{"a": NaN}', "NaN is not a number"),
        (b" " * (MAX_JOB_BYTES + 1), "8000001 bytes; a job has at most 8000000"),
    ],
)
def test_what_cannot_be_a_job_is_refused_by_file(body: bytes, reason: str) -> None:
    with pytest.raises(Invalid, match=reason) as caught:
        job_files.message_from_file("my.json", body)
    assert caught.value.field == "my.json"


def test_the_bytes_stay_as_they_are() -> None:
    body = b'{ "job_id" : "a",\n "unknown": 1.50, "datasets": [{}, {}] }\n'
    found = job_files.message_from_file("my.json", body)
    assert (found.body, found.job_id, found.datasets) == (body, "a", 2)


PART = {"title": "t", "created": "2021-09-26T00:00:00Z"}
PRIVATE: dict[str, Any] = {
    "version": 1,
    "job_id": "a",
    "datasets": [
        {
            "name": "d",
            "parameters": [{"name": "SamplePatient_birth_date", "value": "Zanzibar"}],
            "details": {"donor": {"age": 50, "hospital": "Zanzibar"}},
            "members": [{"person": {"id": "p", "full_name": "Ada", "last_name": "Lovelace"}}],
        }
    ],
}


def test_private_values_are_left_out_and_reported() -> None:
    found = job_files.message_from_file("my.json", json.dumps(PRIVATE).encode())
    assert b"Zanzibar" not in found.body
    assert json.loads(found.body)["datasets"][0]["details"] == {"donor": {"age": 50}}
    assert json.loads(found.body)["datasets"][0]["members"] == PRIVATE["datasets"][0]["members"]
    assert found.dropped == (
        "datasets[0].parameters.SamplePatient_birth_date",
        "datasets[0].details.donor.hospital",
    )


@pytest.mark.parametrize("profile", ["unheard-of", 5, None])
def test_private_values_of_a_job_without_a_known_profile_are_left_out(profile: object) -> None:
    body = json.dumps({**PRIVATE, "profile": profile}).encode()
    assert b"Zanzibar" not in job_files.message_from_file("my.json", body).body


def test_a_profile_without_private_values_decides() -> None:
    body = json.dumps({**PRIVATE, "profile": "panosc"}).encode()
    assert job_files.message_from_file("my.json", body).body == body


def test_jobs_that_commands_build_have_no_private_values() -> None:
    made = build_message(
        "test", "a", datasets=(DatasetIn.model_validate({**PART, **PRIVATE["datasets"][0]}),)
    )
    assert b"Zanzibar" not in made.body
    assert len(made.dropped) == 2


def test_to_take_over_is_another_job() -> None:
    body = b'{"job_id": "a", "datasets": [{}]}'
    found = job_files.message_from_file("my.json", body, take_over=True)
    assert json.loads(found.body) == {
        "job_id": "a-take-over",
        "datasets": [{}],
        "take_over": True,
    }
    assert found.job_id == "a-take-over"
    again = job_files.message_from_file("my.json", found.body, take_over=True)
    assert again == found


def test_the_longest_id_can_take_over() -> None:
    body = json.dumps({"job_id": "x" * MAX_JOB_ID_LENGTH}).encode()
    assert len(job_files.message_from_file("f", body, take_over=True).job_id) == MAX_JOB_ID_LENGTH


@pytest.mark.parametrize("job_id", ["null", "5", '""', f'"{"x" * 300}"'])
def test_a_job_without_a_usable_id_is_left_to_the_portal(job_id: str) -> None:
    assert job_files.message_from_file("f", b'{"job_id": %s}' % job_id.encode()).job_id == ""


def test_an_id_is_bound_to_the_content_and_never_too_long() -> None:
    def made(name: str, label: str = "x" * 300) -> str:
        instrument = InstrumentIn(pid="a", name=name, facility="f")
        return build_message("p", label, instruments=(instrument,)).job_id

    assert made("b") == made("b") != made("c")
    assert len(made("b")) == MAX_JOB_ID_LENGTH
    assert made("b", "10.1/ä b").startswith("p-10.1-b-")


def sent(*results: str | None) -> Submission:
    state = Submission()
    for number, result in enumerate(results):
        key = f"j{number}"
        state.jobs[key] = job_files.message_from_file(key, b'{"job_id": "%s"}' % key.encode())
        state.confirmed.add(key)
        if result:
            state.answers[key] = JobAnswer.model_validate({"job_id": key, "result": result})
    return state


@pytest.mark.parametrize(
    ("results", "code"),
    [
        (("done", "done"), 0),
        (("done", "partial"), 1),
        (("refused",), 1),
        (("done", None), 4),
        (("refused", None), 4),
    ],
)
def test_the_exit_code_depends_on_the_results(results: tuple[str | None, ...], code: int) -> None:
    state = sent(*results)
    assert report.exit_code(state) == code
    assert report.as_json(state)["unanswered"] == sum(r is None for r in results)


def test_a_job_that_the_broker_did_not_confirm_has_an_exit_code_of_its_own() -> None:
    state = sent("done", None)
    state.confirmed.discard("j1")
    assert report.exit_code(state) == 3


def test_a_skipped_record_changes_the_exit_code() -> None:
    assert report.exit_code(sent("done"), skipped=1) == 1
