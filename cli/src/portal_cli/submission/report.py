"""Prints the results of jobs for people and as JSON; chooses the exit code."""

from typing import Any

import typer
from portal_shared.contracts.jobs import JobAnswer, Outcome, Problem
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from portal_cli.submission.client import Submission
from portal_cli.submission.message import JobMessage
from portal_cli.terminal import EXIT_FAILED, EXIT_UNREACHABLE, print_dropped

EXIT_NO_ANSWER = 4


def exit_code(sent: Submission, *, skipped: int = 0) -> int:
    """Returns 0 if every job is done and no record was `skipped` before sending."""
    if sent.unconfirmed or sent.not_sent:
        return EXIT_UNREACHABLE
    if sent.unanswered:
        return EXIT_NO_ANSWER
    is_complete = all(a.result == "done" for a in sent.answers.values())
    return 0 if is_complete and not skipped else EXIT_FAILED


def as_json(sent: Submission) -> dict[str, Any]:
    results = [a.result for a in sent.answers.values()]
    unconfirmed = {id(job) for job in sent.unconfirmed}
    return {
        "jobs": [
            {
                "job_id": job.job_id or key,
                "label": job.label,
                "stored": id(job) not in unconfirmed,
                "answer": answer.model_dump(mode="json")
                if (answer := sent.answers.get(key))
                else None,
            }
            for key, job in sent.jobs.items()
        ],
        **{result: results.count(result) for result in ("done", "partial", "refused")},
        "unanswered": len(sent.unanswered),
        "not_stored": len(unconfirmed),
        "not_sent": sent.not_sent,
    }


def print_results(sent: Submission, *, outcomes: bool) -> None:
    """Prints the outcome of every record, or only those with problems; then the totals."""
    unconfirmed = {id(job) for job in sent.unconfirmed}
    for key, job in sent.jobs.items():
        answer = sent.answers.get(key)
        if id(job) in unconfirmed:
            typer.echo(
                f"{job.label}: not stored: the broker did not confirm it (see `portal status`; a "
                "full disk is the most frequent reason). Send it again later"
            )
        elif answer is None:
            typer.echo(
                f"{job.label}: no answer within the timeout. "
                f"Check later with: portal jobs {job.job_id}"
            )
            print_dropped(len(job.dropped), job.dropped, "  ")
        elif outcomes or answer.result != "done" or answer.dropped or answer.repeated:
            _print_answer(job, answer, every=outcomes)
    counts = as_json(sent)
    counts["unanswered"] -= counts["not_stored"]  # they are counted once
    names = ("done", "partial", "refused", "unanswered", "not_stored", "not_sent")
    parts = [f"{counts[name]} {name.replace('_', ' ')}" for name in names if counts[name]]
    typer.echo(f"{len(sent.jobs) + sent.not_sent} jobs: {', '.join(parts) or 'nothing to do'}")


def _print_answer(job: JobMessage, answer: JobAnswer, *, every: bool) -> None:
    typer.echo(f"{job.label} ({answer.job_id}): {answer.result}{_age(answer)}")
    _print_problems(answer.problems, "  ")
    print_dropped(answer.dropped, answer.dropped_fields, "  ")
    for outcome in answer.outcomes:
        if every or outcome.result == "refused":
            typer.echo(f"  {outcome.kind} {outcome.name}: {_result(outcome)}")
            _print_problems(outcome.problems, "    ")
            _print_problems(outcome.warnings, "    warning: ")


def _age(answer: JobAnswer) -> str:
    """Returns a note if this is the answer to an earlier message with the same job."""
    if not answer.repeated:
        return ""
    time = f", {answer.finished_at:%Y-%m-%d %H:%M:%S} UTC" if answer.finished_at else ""
    return f" (the answer to the same job sent before{time}; nothing was done now)"


def _result(outcome: Outcome) -> str:
    pid = f" as {outcome.pid}" if outcome.pid not in (None, outcome.name) else ""
    edition = f" (a new edition of {outcome.supersedes})" if outcome.supersedes else ""
    version = f", version {outcome.version}" if outcome.version is not None else ""
    return outcome.result + pid + edition + version


def _print_problems(problems: tuple[Problem, ...], indent: str) -> None:
    for problem in problems:
        hint = f" (did you mean {problem.suggestion}?)" if problem.suggestion else ""
        typer.echo(f"{indent}{problem.field}: {problem.reason}{hint}")


def progress_bar(*, shown: bool) -> Progress:
    """Returns a progress bar on standard error, so that standard output has only the results."""
    return Progress(
        TextColumn("{task.description:>10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not shown,
    )
