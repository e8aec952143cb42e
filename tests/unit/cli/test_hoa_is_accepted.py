"""What the importer sends is what ingest accepts."""

from portal_cli.submission.message import JobMessage
from portal_shared import profile as profiles
from portal_shared.validation.job_parser import parse_envelope, parse_job
from portal_shared.validation.redaction import redact
from portal_shared.validation.validator import validate

PROFILE = profiles.load("human-organs")


def test_no_job_of_the_atlas_has_a_problem(sent: list[JobMessage]) -> None:
    for job in sent:
        judged = validate(parse_envelope(parse_job(job.body)), PROFILE)
        parts = [judged.document, *judged.datasets, *judged.instruments]
        problems = [p for part in parts if part for p in part.problems]
        assert problems == [], job.job_id


def test_intake_finds_nothing_private_left_to_drop(sent: list[JobMessage]) -> None:
    assert [place for job in sent for place in redact(parse_job(job.body), PROFILE)[1]] == []
