"""portal jobs: what was sent, and what became of it."""

import json
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from portal_cli.instance.facts import (
    DEFAULT,
    OUT_OF_REACH,
    USAGE,
    Data,
    Json,
    NoInstance,
    fail,
    service_urls,
)


def jobs(
    job_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="One job, in full.")] = None,
    data: Data = DEFAULT,
    limit: Annotated[int, typer.Option(help="How many of the latest.", min=1, max=1000)] = 50,
    *,
    as_json: Json = False,
) -> None:
    """The latest jobs, or one with all its outcomes. Exit code 2: no job of that id."""
    try:
        url = service_urls(data)["ingest"]
        with httpx.Client(base_url=url, timeout=30) as client:
            if job_id is None:
                answer = client.get("/jobs", params={"limit": limit})
            else:
                answer = client.get(f"/jobs/{job_id}")
    except NoInstance as error:
        raise fail(str(error), OUT_OF_REACH) from error
    except httpx.HTTPError as error:
        raise fail(f"ingest does not answer: {error}", OUT_OF_REACH) from error
    if answer.status_code == int(httpx.codes.NOT_FOUND):
        raise fail(f"no job {job_id!r}", USAGE)
    told: dict[str, Any] = answer.raise_for_status().json()
    if as_json:
        typer.echo(json.dumps(told, indent=1))
    elif job_id is None:
        _list(told["jobs"])
    else:
        _one(told)


def _list(rows: list[dict[str, Any]]) -> None:
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


def _one(row: dict[str, Any]) -> None:
    answer: dict[str, Any] = row.get("answer") or {}
    typer.echo(f"{row['job_id']}: {row['state']} {answer.get('result', '')}")
    show_problems(answer.get("problems", []), "  ")
    outcomes: list[dict[str, Any]] = answer.get("outcomes", [])
    for outcome in outcomes:
        doi = outcome.get("doi") or outcome.get("doi_problem") or ""
        typer.echo(f"  {outcome['kind']} {outcome['name']}: {outcome['result']} {doi}")
        show_problems(outcome.get("problems", []), "    problem: ")
        show_problems(outcome.get("warnings", []), "    warning: ")


def show_problems(problems: list[dict[str, str]], indent: str) -> None:
    for problem in problems:
        typer.echo(f"{indent}{problem['field']}: {problem['reason']}")
