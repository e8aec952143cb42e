"""portal jobs: lists the jobs that were sent, and shows the result of one."""

from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from portal_cli.instance.addresses import exit_if_unreachable, service_urls
from portal_cli.terminal import DEFAULT_DATA, EXIT_USAGE, Data, Json, fail, print_json


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
    with (
        exit_if_unreachable("ingest"),
        httpx.Client(base_url=service_urls(data)["ingest"], timeout=30) as client,
    ):
        if job_id is None:
            response = client.get("/jobs", params={"limit": limit})
        else:
            response = client.get(f"/jobs/{job_id}")
        if response.status_code == int(httpx.codes.NOT_FOUND):
            raise fail(f"There is no job with the id {job_id!r}.", EXIT_USAGE)
        found: dict[str, Any] = response.raise_for_status().json()
    if as_json:
        print_json(found)
    elif job_id is None:
        _print_list(found["jobs"])
    else:
        _print_job(found)


def _print_list(rows: list[dict[str, Any]]) -> None:
    table = Table("job", "state", "result", "datasets", "received")
    for row in rows:
        answer: dict[str, Any] = row.get("answer") or {}
        table.add_row(
            row["job_id"],
            row["state"],
            answer.get("result", ""),
            str(row.get("datasets", "")),
            row["received_at"],
        )
    Console().print(table)


def _print_job(row: dict[str, Any]) -> None:
    answer: dict[str, Any] = row.get("answer") or {}
    typer.echo(f"{row['job_id']}: {row['state']} {answer.get('result', '')}")
    _print_problems(answer.get("problems", []), "  ")
    outcomes: list[dict[str, Any]] = answer.get("outcomes", [])
    for outcome in outcomes:
        doi = outcome.get("doi") or outcome.get("doi_problem") or ""
        typer.echo(f"  {outcome['kind']} {outcome['name']}: {outcome['result']} {doi}")
        _print_problems(outcome.get("problems", []), "    problem: ")
        _print_problems(outcome.get("warnings", []), "    warning: ")


def _print_problems(problems: list[dict[str, str]], indent: str) -> None:
    for problem in problems:
        typer.echo(f"{indent}{problem['field']}: {problem['reason']}")
