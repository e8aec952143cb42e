"""portal import: imports the Human Organ Atlas, or files of PaNOSC records, as jobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from portal_cli.instance.addresses import intake_folder
from portal_cli.terminal import DEFAULT_DATA, EXIT_FAILED, EXIT_USAGE, Data, Json, Timeout, fail

MAX_REMARKS = 50  # problems, and warnings, that are printed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from portal_shared.contracts.jobs import FileIn

    from portal_cli.hoa.atlas import Atlas
    from portal_cli.hoa.source import Source
    from portal_cli.panosc.jobs import CorpusJobs
    from portal_cli.panosc.rows import Remark
    from portal_cli.submission.message import JobMessage

app = typer.Typer(
    help="Import metadata from other sources.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
Archive = Annotated[
    Path | None,
    typer.Option(
        envvar="PORTAL_INTAKE_ROOT",
        help="Intake root of the portal; the generated files are written there.",
    ),
]


@dataclass
class GeneratedFiles:
    """Files of the datasets so far, and how many folders were created or already complete."""

    folders_created: int = 0
    folders_present: int = 0
    bytes: int = 0
    by_dataset: dict[str, Sequence[FileIn]] = field(default_factory=dict)

    def add(self, name: str, files: Sequence[FileIn], *, created: bool) -> None:
        self.by_dataset[name] = files
        self.bytes += sum(f.size or 0 for f in files)
        if created:
            self.folders_created += 1
        else:
            self.folders_present += 1


@app.command("hoa")
def import_hoa(
    data: Data = DEFAULT_DATA,
    archive: Archive = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Import only the first N documents (no proposals, no atlas)."),
    ] = None,
    donor: Annotated[
        list[str] | None,
        typer.Option(
            help="Import only documents of this donor (no proposals, no atlas). May be repeated."
        ),
    ] = None,
    timeout: Timeout = 900,
    *,
    no_files: Annotated[
        bool, typer.Option("--no-files", help="Import metadata only, without files.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Import the Human Organ Atlas from the installed package hoa-tools.

    Sends one job per donor and organ, then one per proposal and one for the atlas. The measured
    volumes are not included: small generated files, marked as such, take their place. A second run
    changes nothing. Exit codes: 0 all records were accepted, 1 some were refused or could not be
    read, 2 wrong arguments, 3 no portal is running, or it did not store a job, 4 no answer within
    the timeout.
    """
    from portal_cli.hoa.atlas import build_atlas
    from portal_cli.hoa.jobs import proposal_jobs, select_documents
    from portal_cli.hoa.source import read_installed
    from portal_cli.submission.dispatch import dispatch, finish

    if archive is not None and archive.exists() and not archive.is_dir():
        raise fail(f"The intake root {archive} is a file, not a folder.", EXIT_USAGE)
    source = read_installed()
    atlas = build_atlas(source.entries)
    names = select_documents(atlas, donors=donor or (), limit=limit)
    if not names:
        raise fail(f"There are no documents of donor {', '.join(donor or ())}.", EXIT_USAGE)
    folder = None if no_files else archive or _archive(data)
    files = GeneratedFiles()
    is_partial = limit is not None or bool(donor)
    jobs = _jobs(source, atlas, names, folder=folder, files=files, is_partial=is_partial)
    more = 0 if is_partial else len(list(proposal_jobs(atlas, release=source.version))) + 1
    sent = dispatch(data, jobs, total=len(names) + more, seconds=timeout, quiet=as_json)
    facts = _facts(source, atlas, names, files)
    if not as_json:
        _print(source, facts)
    raise finish(
        sent, outcomes=False, skipped=len(source.skipped), facts=facts if as_json else None
    )


def _archive(data: Path) -> Path:
    """Returns the intake root of the running instance, or the default below its data folder."""
    return Path(intake_folder(data) or data / "archive")


def _jobs(
    source: Source,
    atlas: Atlas,
    names: Sequence[str],
    *,
    folder: Path | None,
    files: GeneratedFiles,
    is_partial: bool,
) -> Iterator[JobMessage]:
    """Yields the jobs in sending order.

    A job is sent as soon as the files of its document are generated, so that the portal works on
    it while the next ones are drawn.
    """
    from portal_cli.hoa.jobs import atlas_job, proposal_jobs, publication_jobs

    release = source.version
    for name in _generated(source, atlas, names, folder, files):
        yield from publication_jobs(atlas, [name], release=release, files=files.by_dataset)
    if not is_partial:
        yield from proposal_jobs(atlas, release=release)
        yield atlas_job(atlas, release=release)


def _generated(
    source: Source, atlas: Atlas, names: Sequence[str], folder: Path | None, files: GeneratedFiles
) -> Iterator[str]:
    """Yields the names of documents, each as soon as the folders of its datasets are complete."""
    from portal_cli.hoa.datasets import FOLDER
    from portal_cli.miniature.folder import exclusive
    from portal_cli.miniature.pool import drawing_pool
    from portal_cli.specimens.miniatures import miniature_of

    if folder is None:
        yield from names
        return
    root, release = folder / FOLDER, source.version
    wanted = {n: [miniature_of(e, atlas, release) for e in atlas.documents[n]] for n in names}
    with exclusive(root), drawing_pool(sum(map(len, wanted.values()))) as pool:
        for miniatures in wanted.values():
            pool.add(root, miniatures)
        for name, miniatures in wanted.items():
            for one in miniatures:
                found, created = pool.ensure(root, one)
                files.add(one.name, found, created=created)
            yield name


def _facts(
    source: Source, atlas: Atlas, names: Sequence[str], files: GeneratedFiles
) -> dict[str, Any]:
    return {
        "source": f"hoa-tools {source.version}",
        "documents": len(names),
        "datasets": sum(len(atlas.documents[n]) for n in names),
        "set_aside": [{"name": s.name, "reason": s.reason} for s in source.skipped],
        "private_values_dropped": source.dropped,
        "folders_made": files.folders_created,
        "folders_kept": files.folders_present,
        "bytes": files.bytes,
    }


def _print(source: Source, facts: dict[str, Any]) -> None:
    typer.echo(
        f"{facts['source']}: {facts['datasets']} datasets in {facts['documents']} documents; "
        f"file folders: {facts['folders_made']} created, {facts['folders_kept']} already complete "
        f"({facts['bytes'] / 1e6:.0f} MB); "
        f"{facts['private_values_dropped']} private values left out"
    )
    for record in source.skipped:
        typer.echo(f"not imported: {record.name}: {record.reason}", err=True)


@app.command("panosc")
def import_panosc(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="JSON files with PaNOSC records.")
    ],
    data: Data = DEFAULT_DATA,
    timeout: Timeout = 300,
    *,
    as_json: Json = False,
) -> None:
    """Import JSON files with records of the PaNOSC data model.

    A file has `instruments`, `documents` (with their `datasets`) and `orphan_datasets`, or it is a
    list of records as a search API answers it. A record with a problem is left out and reported
    with its place in the file; the others are imported. Values that the model cannot express are
    left out with a warning. Exit codes: 0 all records were accepted, 1 some were refused, 2 wrong
    arguments or a file that is no corpus, 3 no portal is running, or it did not store a job, 4 no
    answer within the timeout.
    """
    from portal_cli.submission.dispatch import dispatch, finish

    found = [_read_corpus(file) for file in files]
    jobs = [job for one in found for job in one.jobs]
    problems = [p for one in found for p in one.findings.problems]
    warnings = [w for one in found for w in one.findings.warnings]
    if not as_json:
        _print_remarks(problems, "")
        _print_remarks(warnings, "warning: ")
    if not jobs and problems:
        raise fail("None of the records can be imported.", EXIT_FAILED)
    sent = dispatch(data, jobs, total=len(jobs), seconds=timeout, quiet=as_json)
    facts = {
        "files": [str(f) for f in files],
        "problems": [p._asdict() for p in problems],
        "warnings": [w._asdict() for w in warnings],
    }
    raise finish(sent, outcomes=False, skipped=len(problems), facts=facts if as_json else None)


def _read_corpus(file: Path) -> CorpusJobs:
    from portal_shared.runtime.errors import Invalid

    from portal_cli.panosc.jobs import corpus_jobs

    try:
        return corpus_jobs(file.read_bytes())
    except OSError as error:
        raise fail(str(error), EXIT_USAGE) from error
    except Invalid as error:
        raise fail(f"{file}: {error}", EXIT_USAGE) from error


def _print_remarks(remarks: Sequence[Remark], prefix: str) -> None:
    for remark in remarks[:MAX_REMARKS]:
        typer.echo(f"{prefix}{remark}", err=True)
    if len(remarks) > MAX_REMARKS:
        typer.echo(f"{prefix}{len(remarks) - MAX_REMARKS} more; --json lists all", err=True)
