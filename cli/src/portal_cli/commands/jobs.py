"""portal jobs: lists the jobs that were sent, and shows the result of one."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from portal_cli.instance.addresses import exit_if_unreachable, operator_client
from portal_cli.terminal import (
    DEFAULT_DATA,
    EXIT_USAGE,
    Data,
    Json,
    fail,
    print_dropped,
    print_json,
    print_table,
)

HTTP_NOT_FOUND = 404


def jobs(
    job_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Show this job with all its results.")
    ] = None,
    data: Data = DEFAULT_DATA,
    limit: Annotated[
        int, typer.Option(help="Number of jobs to list, the latest first.", min=1, max=1000)
    ] = 50,
    *,
    as_json: Json = False,
) -> None:
    """List the latest jobs, or show one job with the result of each record.

    Exit codes: 0 shown, 2 there is no job with this id, 3 no portal is running.
    """
    if job_id is not None and not job_id.strip():
        raise fail("The ID is empty. Without an ID, the latest jobs are listed.", EXIT_USAGE)
    with exit_if_unreachable("ingest"), operator_client(data, "ingest", timeout=30) as client:
        if job_id is None:
            response = client.get("/jobs", params={"limit": limit})
        else:
            response = client.get(f"/jobs/{quote(job_id, safe='')}")
        if response.status_code == HTTP_NOT_FOUND:
            raise fail(f"There is no job with the id {job_id!r}.", EXIT_USAGE)
        found: dict[str, Any] = response.raise_for_status().json()
    if as_json:
        print_json(found)
    elif job_id is None:
        _print_list(found["jobs"])
    else:
        _print_job(found)


def _print_list(rows: list[dict[str, Any]]) -> None:
    found: list[tuple[str, ...]] = []
    for row in rows:
        answer: dict[str, Any] = row.get("answer") or {}
        datasets = str(row.get("datasets", ""))
        result = answer.get("result", "")
        found.append((row["job_id"], row["state"], result, datasets, row["received_at"]))
    print_table(("job", "state", "result", "datasets", "received"), found)


def _print_job(row: dict[str, Any]) -> None:
    answer: dict[str, Any] = row.get("answer") or {}
    typer.echo(f"{row['job_id']}: {row['state']} {answer.get('result', '')}")
    if row.get("waiting_for"):
        typer.echo(f"  waiting for: {row['waiting_for']}")
    _print_problems(answer.get("problems", []), "  ")
    print_dropped(row.get("dropped", 0), row.get("dropped_fields", ()), "  ")
    outcomes: list[dict[str, Any]] = answer.get("outcomes", [])
    for outcome in outcomes:
        doi = outcome.get("doi") or outcome.get("doi_problem") or ""
        pid = f" as {outcome['pid']}" if outcome["pid"] not in (None, outcome["name"]) else ""
        typer.echo(f"  {outcome['kind']} {outcome['name']}: {outcome['result']}{pid} {doi}")
        if outcome.get("icat_problem"):
            typer.echo(f"    problem: its DOI is not in ICAT: {outcome['icat_problem']}")
        _print_problems(outcome.get("problems", []), "    problem: ")
        _print_problems(outcome.get("warnings", []), "    warning: ")


def _print_problems(problems: list[dict[str, str]], indent: str) -> None:
    for problem in problems:
        typer.echo(f"{indent}{problem['field']}: {problem['reason']}")
