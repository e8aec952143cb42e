"""portal curate: checks a folder with its metadata and writes a job, or lists all problems."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from portal_cli.instance.addresses import intake_folder as running_intake_folder
from portal_cli.terminal import (
    DEFAULT_DATA,
    EXIT_FAILED,
    EXIT_USAGE,
    Data,
    Json,
    fail,
    print_dropped,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from portal_shared.profile import Profile
    from rich.progress import Progress

    from portal_cli.curation.builder import CurationResult, Maker


IMAGING = {"imagecodecs": "imagecodecs", "PIL": "pillow"}  # libraries by their module

MakePyramid = Annotated[
    bool,
    typer.Option(
        "--pyramid", help="Make an OME-Zarr pyramid of each volume that has none (see docs)."
    ),
]
MakePreviews = Annotated[
    bool, typer.Option("--previews", help="Make previews and thumbnails of each volume.")
]
Explain = Annotated[
    str | None,
    typer.Option(metavar="FIELD", help="Explain this metadata field, and do nothing else."),
]


@dataclass(frozen=True)
class _Options:
    folder: Path
    metadata: Path
    output: Path
    intake_folder: str
    pyramid: bool
    previews: bool


def curate(  # noqa: PLR0917  # a command's options
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="Folder with processed data and metadata."),
    ] = None,
    metadata: Annotated[
        Path | None,
        typer.Option(
            help="Metadata file. Default: metadata.yaml, .yml, .json, .csv or .tsv in FOLDER."
        ),
    ] = None,
    output: Annotated[Path, typer.Option(help="Job file to write.")] = Path("job.json"),
    intake_folder: Annotated[
        str | None,
        typer.Option(help="Path of FOLDER below the intake root of the portal. Default: its name."),
    ] = None,
    profile: Annotated[
        str, typer.Option(help="Profile (metadata rules) of the community.")
    ] = "human-organs",
    explain: Explain = None,
    data: Data = DEFAULT_DATA,
    *,
    pyramid: MakePyramid = False,
    previews: MakePreviews = False,
    as_json: Json = False,
) -> None:
    """Check a folder against its metadata and the profile, and write a job file.

    Nothing is sent. With --pyramid and --previews, it first makes what datasets lack, in their
    folders; a run that was interrupted is continued by the same command. A second run reads only
    files that have changed. Exit codes: 0 the job is written, 1 there are problems, and no job is
    written, 2 wrong arguments or metadata that cannot be read.
    """
    from portal_shared import profile as profiles
    from portal_shared.contracts.jobs import Problem
    from portal_shared.runtime.errors import PortalError

    from portal_cli.curation.field_help import explain_field

    try:
        community = profiles.load(profile)
        if explain is not None:
            typer.echo(explain_field(explain, community))
            return
        options = _options(folder, metadata, output, intake_folder, make=(pyramid, previews))
        result = _build_job(options, community, quiet=as_json)
    except PortalError as error:
        if as_json:
            problem = Problem(field=error.field or "metadata", reason=error.reason)
            typer.echo(json.dumps({"problems": [problem.model_dump()]}, indent=1))
        raise fail(str(error), EXIT_USAGE) from error
    if result.job:
        output.write_bytes(result.job.body)
    if as_json:
        typer.echo(_as_json(result, output))
    else:
        _print(result, output)
        _print_intake_folder(result, options, data)
    if result.problems:
        raise typer.Exit(EXIT_FAILED)


def _options(
    folder: Path | None,
    metadata: Path | None,
    output: Path,
    intake_folder: str | None,
    *,
    make: tuple[bool, bool],
) -> _Options:
    """Finds the metadata file. Ends the command with exit code 2 if something is missing.

    Raises Invalid if there is no metadata file.
    """
    if folder is None:
        raise fail("FOLDER is missing: name the folder with the data to curate.", EXIT_USAGE)
    if output.is_dir() or not output.absolute().parent.is_dir():
        raise fail(f"The job file {output} cannot be written: choose another --output.", EXIT_USAGE)
    if not folder.is_dir():
        raise fail(f"{folder} is not a folder.", EXIT_USAGE)
    if metadata is not None and not metadata.is_file():
        raise fail(f"The metadata file {metadata} does not exist.", EXIT_USAGE)
    if any(make):
        _check_libraries()
    from portal_cli.curation.metadata_file import find_metadata_file

    found = metadata or find_metadata_file(folder)
    name = folder.resolve().name if intake_folder is None else intake_folder
    return _Options(folder, found, output, name, *make)


def _check_libraries() -> None:
    """Ends the command with exit code 2 if the libraries for images are not installed."""
    from importlib.util import find_spec

    missing = [name for module, name in IMAGING.items() if find_spec(module) is None]
    if missing:
        names = " and ".join(missing)
        how = "install them with: pip install 'portal-cli[imaging]'"
        raise fail(f"--pyramid and --previews need {names}: {how}", EXIT_USAGE)


def _build_job(options: _Options, profile: Profile, *, quiet: bool) -> CurationResult:
    state = options.output.with_name(options.output.name + ".checksums")
    ignore = {
        path.resolve().relative_to(options.folder.resolve()).as_posix()
        for path in (options.metadata, options.output, state)
        if path.resolve().is_relative_to(options.folder.resolve())
    }
    from portal_cli.curation.builder import JobBuilder
    from portal_cli.curation.metadata_file import other_metadata_problems

    bar = _progress(quiet=quiet)
    others = other_metadata_problems(options.folder, options.metadata)
    builder = JobBuilder(
        options.folder,
        profile,
        intake_folder=options.intake_folder,
        state=state,
        maker=_maker(options, bar),
    )
    builder.result.problems += others
    with bar:
        task = bar.add_task("reading", total=None)
        return builder.build(
            options.metadata.name,
            options.metadata.read_bytes(),
            ignore=ignore,
            progress=lambda size: bar.advance(task, size),
        )


class _Stages:
    """Shows each stage of a pyramid as a bar of its own."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar

    def stage(self, name: str, total: int | None) -> Callable[[int], None]:
        task = self._bar.add_task(name, total=total)
        return lambda size: self._bar.advance(task, size)


def _maker(options: _Options, bar: Progress) -> Maker | None:
    if not (options.pyramid or options.previews):
        return None
    from portal_cli.curation.derivatives.dataset import Derivatives

    return Derivatives(
        options.folder, _Stages(bar), pyramid=options.pyramid, previews=options.previews
    )


def _progress(*, quiet: bool) -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=quiet,
    )


def _print_intake_folder(result: CurationResult, options: _Options, data: Path) -> None:
    """Prints where the files of the job must be, if the folder is not there yet."""
    if not result.job:
        return
    root = running_intake_folder(data)
    place = Path(root or "<intake folder>") / options.intake_folder
    if root is None or place.resolve() != options.folder.resolve():
        more = "" if root else " (`portal status` shows the intake folder of a running portal)"
        typer.echo(f"Before it is sent, the files must be in {place}{more}")


def _as_json(result: CurationResult, output: Path) -> str:
    return json.dumps(
        {
            "job": str(output) if result.job else None,
            "job_id": result.job.job_id if result.job else None,
            "problems": [p.model_dump() for p in result.problems],
            "warnings": [p.model_dump() for p in result.warnings],
            "dropped": len(result.dropped),
            "dropped_fields": result.dropped_fields,
            "files": result.files,
            "bytes": result.bytes,
            "read": result.files_read,
            "logical": result.logical_files,
        },
        indent=1,
        ensure_ascii=False,
    )


def _print(result: CurationResult, output: Path) -> None:
    for kind, found in (("problem", result.problems), ("warning", result.warnings)):
        for problem in found:
            suggestion = f" (did you mean {problem.suggestion}?)" if problem.suggestion else ""
            typer.echo(f"{kind}: {problem.field}: {problem.reason}{suggestion}")
    print_dropped(len(result.dropped), result.dropped_fields, "warning: ")
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(result.logical_files.items()))
    typer.echo(
        f"{result.files} files ({kinds or 'none'}), {result.bytes} bytes; "
        f"{result.files_read} files were read in this run"
    )
    if result.job:
        typer.echo(f"Job {result.job.job_id} is in {output}. Send it with: portal submit {output}")
    else:
        typer.echo(f"{len(result.problems)} problems: no job was written")
