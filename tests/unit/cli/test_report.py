"""What is printed about jobs: a job is stored only if the broker confirmed it."""

import pytest
from portal_cli.submission import report
from portal_cli.submission.client import Submission
from portal_cli.submission.message import JobMessage
from portal_shared.contracts.jobs import JobAnswer


@pytest.fixture
def sent() -> Submission:
    jobs = {name: JobMessage(name, b"{}", name) for name in ("done", "waiting", "unsent")}
    answer = JobAnswer(job_id="done", result="done")
    return Submission(jobs, confirmed={"done", "waiting"}, answers={"done": answer})


def test_a_job_that_the_broker_did_not_confirm_is_not_reported_as_stored(
    sent: Submission, capsys: pytest.CaptureFixture[str]
) -> None:
    report.print_results(sent, outcomes=True)
    printed = capsys.readouterr().out
    assert "unsent: not stored: the broker did not confirm it" in printed
    assert "waiting: no answer within the timeout" in printed
    assert printed.endswith("3 jobs: 1 done, 1 unanswered, 1 not stored\n")
    assert report.exit_code(sent) == 3


def test_programs_see_which_jobs_are_stored(sent: Submission) -> None:
    facts = report.as_json(sent)
    assert [job["stored"] for job in facts["jobs"]] == [True, True, False]
    assert (facts["unanswered"], facts["not_stored"]) == (2, 1)


def test_jobs_for_which_there_was_no_time_are_counted(
    sent: Submission, capsys: pytest.CaptureFixture[str]
) -> None:
    sent.confirmed.add("unsent")
    sent.total = 20
    report.print_results(sent, outcomes=True)
    assert capsys.readouterr().out.endswith("20 jobs: 1 done, 2 unanswered, 17 not sent\n")
    assert report.exit_code(sent) == 3


def test_without_an_answer_the_exit_code_is_four(sent: Submission) -> None:
    sent.confirmed.add("unsent")
    assert report.exit_code(sent) == 4
