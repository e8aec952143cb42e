"""What became of the jobs, for people and for programs; and the exit code."""

from typing import Any

import typer
from portal_shared.contracts.jobs import JobAnswer, Outcome, Problem
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from portal_cli.instance.facts import OUT_OF_REACH, USAGE
from portal_cli.submission.client import Sent
from portal_cli.submission.message import Outgoing

DONE, REFUSED, NO_ANSWER = 0, 1, 4
CODES = f"""Exit codes: {DONE} all done, {REFUSED} some refused, {USAGE} wrong use,
{OUT_OF_REACH} portal out of reach, {NO_ANSWER} no answer in time."""


def exit_code(sent: Sent, *, set_aside: int = 0) -> int:
    if sent.unanswered:
        return NO_ANSWER
    complete = all(a.result == "done" for a in sent.answers.values())
    return DONE if complete and not set_aside else REFUSED


def as_json(sent: Sent) -> dict[str, Any]:
    results = [a.result for a in sent.answers.values()]
    return {
        "jobs": [
            {
                "job_id": job.job_id or key,
                "label": job.label,
                "answer": answer.model_dump(mode="json")
                if (answer := sent.answers.get(key))
                else None,
            }
            for key, job in sent.jobs.items()
        ],
        **{result: results.count(result) for result in ("done", "partial", "refused")},
        "unanswered": len(sent.unanswered),
    }


def tell(sent: Sent, *, outcomes: bool) -> None:
    """Every outcome, or only what is not well; then the sum."""
    for key, job in sent.jobs.items():
        answer = sent.answers.get(key)
        if answer is None:
            typer.echo(f"{job.label}: no answer in time; ask `portal jobs {job.job_id}` later")
        elif outcomes or answer.result != "done":
            _answer(job, answer, every=outcomes)
    found = as_json(sent)
    parts = [f"{found[w]} {w}" for w in ("done", "partial", "refused", "unanswered") if found[w]]
    typer.echo(f"{len(sent.jobs)} jobs: {', '.join(parts) or 'nothing to do'}")


def _answer(job: Outgoing, answer: JobAnswer, *, every: bool) -> None:
    typer.echo(f"{job.label} ({answer.job_id}): {answer.result}")
    _problems(answer.problems, "  ")
    for outcome in answer.outcomes:
        if every or outcome.result == "refused":
            typer.echo(f"  {outcome.kind} {outcome.name}: {_result(outcome)}")
            _problems(outcome.problems, "    ")
            _problems(outcome.warnings, "    warning: ")


def _result(outcome: Outcome) -> str:
    version = f", version {outcome.version}" if outcome.version is not None else ""
    return outcome.result + version


def _problems(problems: tuple[Problem, ...], indent: str) -> None:
    for problem in problems:
        typer.echo(f"{indent}{problem.field}: {problem.reason}")


def bar(*, shown: bool) -> Progress:
    """On standard error, so that what is printed stays clean."""
    return Progress(
        TextColumn("{task.description:>10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not shown,
    )
