"""portal curate: a folder and its metadata become a job, or a list of all that is wrong."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from portal_shared import profile as profiles
from portal_shared.contracts.jobs import Problem
from portal_shared.profile import Profile
from portal_shared.runtime.errors import PortalError
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from portal_cli.curation.builder import Prepared, Preparing
from portal_cli.curation.field_help import explain as explained
from portal_cli.instance.facts import USAGE, Json, fail

NAMES = ("metadata.yaml", "metadata.yml", "metadata.json", "metadata.csv", "metadata.tsv")


@dataclass(frozen=True)
class _Asked:
    folder: Path
    metadata: Path
    output: Path
    within: str


def curate(  # noqa: PLR0917  # a command's options
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="Processed data with metadata.")
    ] = None,
    metadata: Annotated[
        Path | None, typer.Option(help="Metadata file; else metadata.yaml, .json, .csv or .tsv.")
    ] = None,
    output: Annotated[Path, typer.Option(help="Where the job is written.")] = Path("job.json"),
    intake_folder: Annotated[
        str | None, typer.Option(help="FOLDER below the portal's intake root; else its name.")
    ] = None,
    profile: Annotated[str, typer.Option(help="The community's rules.")] = "human-organs",
    explain: Annotated[str | None, typer.Option(help="Say what a field means.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Check a folder against its metadata and the profile; write the job. Nothing is sent.

    A second run reads only what changed. Exit codes: 0 the job is written, 1 there are problems,
    2 wrong use.
    """
    try:
        community = profiles.load(profile)
        if explain is not None:
            typer.echo(explained(explain, community))
            return
        asked = _asked(folder, metadata, output, intake_folder)
        done = _prepared(asked, community, quiet=as_json)
    except PortalError as error:
        if as_json:
            problem = Problem(field=error.field or "metadata", reason=error.reason)
            typer.echo(json.dumps({"problems": [problem.model_dump()]}, indent=1))
        raise fail(str(error), USAGE) from error
    if done.job:
        output.write_bytes(done.job.body)
    typer.echo(_as_json(done, output)) if as_json else _tell(done, output)
    if done.problems:
        raise typer.Exit(1)


def _asked(folder: Path | None, metadata: Path | None, output: Path, within: str | None) -> _Asked:
    if folder is None or not folder.is_dir():
        raise fail("FOLDER is missing, or no folder", USAGE)
    found = metadata or next((folder / n for n in NAMES if (folder / n).is_file()), None)
    if found is None or not found.is_file():
        raise fail(f"no metadata: none of {', '.join(NAMES)} in {folder}", USAGE)
    return _Asked(folder, found, output, folder.resolve().name if within is None else within)


def _prepared(asked: _Asked, profile: Profile, *, quiet: bool) -> Prepared:
    state = asked.output.with_name(asked.output.name + ".checksums")
    ignore = {
        path.resolve().relative_to(asked.folder.resolve()).as_posix()
        for path in (asked.metadata, asked.output, state)
        if path.resolve().is_relative_to(asked.folder.resolve())
    }
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=quiet,
    )
    preparing = Preparing(asked.folder, profile, within=asked.within, state=state)
    with bar:
        task = bar.add_task("reading", total=None)
        return preparing.run(
            asked.metadata.name,
            asked.metadata.read_bytes(),
            ignore=ignore,
            progress=lambda size: bar.advance(task, size),
        )


def _as_json(done: Prepared, output: Path) -> str:
    return json.dumps(
        {
            "job": str(output) if done.job else None,
            "job_id": done.job.job_id if done.job else None,
            "problems": [p.model_dump() for p in done.problems],
            "warnings": [p.model_dump() for p in done.warnings],
            "dropped": done.dropped,
            "files": done.files,
            "bytes": done.bytes,
            "read": done.read,
            "logical": done.logical,
        },
        indent=1,
        ensure_ascii=False,
    )


def _tell(done: Prepared, output: Path) -> None:
    for kind, found in (("problem", done.problems), ("warning", done.warnings)):
        for one in found:
            meant = f" ({one.suggestion}?)" if one.suggestion else ""
            typer.echo(f"{kind}: {one.field}: {one.reason}{meant}")
    if done.dropped:
        typer.echo(f"warning: {done.dropped} private values were left out")
    things = ", ".join(f"{count} {kind}" for kind, count in sorted(done.logical.items()))
    typer.echo(f"{done.files} files, {done.bytes} bytes, {done.read} read now: {things or 'none'}")
    if done.job:
        typer.echo(f"{done.job.job_id} is in {output}: send it with portal submit {output}")
    else:
        typer.echo(f"{len(done.problems)} problems: no job was written")
