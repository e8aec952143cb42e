"""portal import: the Human Organ Atlas, or a corpus of PaNOSC records, as ingest jobs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from portal_shared.contracts.jobs import FileIn
from portal_shared.runtime.errors import Invalid

from portal_cli.commands.submit import Timeout
from portal_cli.hoa import details
from portal_cli.hoa import jobs as hoa_jobs
from portal_cli.hoa.atlas import Atlas, atlas
from portal_cli.hoa.datasets import FOLDER
from portal_cli.hoa.source import Entry, Source, installed
from portal_cli.instance.facts import DEFAULT, USAGE, Data, Json, NoInstance, facts, fail
from portal_cli.panosc.jobs import jobs as panosc_jobs
from portal_cli.submission.dispatch import dispatch, finish
from portal_cli.submission.message import Outgoing

Archive = Annotated[
    Path | None,
    typer.Option(envvar="PORTAL_INTAKE_ROOT", help="Where files to ingest are put."),
]


@dataclass
class Files:
    """Files made and found so far."""

    made: int = 0
    kept: int = 0
    bytes: int = 0
    by_dataset: dict[str, Sequence[FileIn]] = field(default_factory=dict[str, Sequence[FileIn]])

    def add(self, name: str, files: Sequence[FileIn], *, made: bool) -> None:
        self.by_dataset[name] = files
        self.bytes += sum(f.size or 0 for f in files)
        if made:
            self.made += 1
        else:
            self.kept += 1


def import_hoa(
    data: Data = DEFAULT,
    archive: Archive = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first so many documents, these alone.")
    ] = None,
    donor: Annotated[
        list[str] | None, typer.Option(help="Only documents of this donor, these alone.")
    ] = None,
    timeout: Timeout = 900,
    *,
    no_files: Annotated[
        bool, typer.Option("--no-files", help="Metadata alone: nothing to download.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Import the Human Organ Atlas from the installed hoa-tools.

    A job per donor and organ, then one per proposal and one for the atlas itself. The voxels are
    not here: each dataset is given small generated files that say so. A second run changes nothing.
    Exit codes: 0 all done, 1 some refused or set aside, 2 wrong use, 3 portal out of reach, 4 no
    answer in time.
    """
    source = installed()
    whole = atlas(source.entries)
    names = hoa_jobs.chosen(whole, donors=donor or (), limit=limit)
    if not names:
        raise fail(f"no documents of donor {', '.join(donor or ())}", USAGE)
    place = None if no_files else archive or _archive(data)
    files = Files()
    partial = limit is not None or bool(donor)
    jobs = _jobs(source, whole, names, place=place, files=files, partial=partial)
    more = 0 if partial else len(list(hoa_jobs.proposals(whole, release=source.version))) + 1
    sent = dispatch(data, jobs, total=len(names) + more, seconds=timeout, quiet=as_json)
    told = _told(source, whole, names, files)
    if not as_json:
        _show(source, told)
    raise finish(
        sent, outcomes=False, set_aside=len(source.set_aside), facts=told if as_json else None
    )


def _archive(data: Path) -> Path:
    """Where the instance takes files in: as it says, else in its folder."""
    try:
        return Path(str(facts(data)["archive"]))
    except (NoInstance, KeyError):
        return data / "archive"


def _jobs(
    source: Source,
    whole: Atlas,
    names: Sequence[str],
    *,
    place: Path | None,
    files: Files,
    partial: bool,
) -> Iterator[Outgoing]:
    """Each document's files are made just before its job is sent: the portal works meanwhile."""
    for name in names:
        if place is not None:
            _make(place / FOLDER, whole.documents[name], whole, source.version, files)
        yield from hoa_jobs.publications(
            whole, [name], release=source.version, files=files.by_dataset
        )
    if not partial:
        yield from hoa_jobs.proposals(whole, release=source.version)
        yield hoa_jobs.the_atlas(whole, release=source.version)


def _make(folder: Path, entries: Sequence[Entry], whole: Atlas, release: str, files: Files) -> None:
    from portal_cli.miniature import writing  # noqa: PLC0415  # zarr takes a second to import

    with writing.alone(folder):
        for entry in entries:
            record = entry.record
            wanted = writing.Miniature(
                name=record.name,
                organ=record.sample.organ,
                whole=record.dataset_type == "overview",
                shape=record.data.shape,
                voxel_um=record.data.voxel_size_um,
                metadata=details.of_dataset(entry, whole, release),
            )
            listed, made = writing.ensure(folder, wanted)
            files.add(record.name, listed, made=made)


def _told(source: Source, whole: Atlas, names: Sequence[str], files: Files) -> dict[str, Any]:
    return {
        "source": f"hoa-tools {source.version}",
        "documents": len(names),
        "datasets": sum(len(whole.documents[n]) for n in names),
        "set_aside": [{"name": s.name, "reason": s.reason} for s in source.set_aside],
        "private_values_dropped": source.dropped,
        "folders_made": files.made,
        "folders_kept": files.kept,
        "bytes": files.bytes,
    }


def _show(source: Source, told: dict[str, Any]) -> None:
    typer.echo(
        f"{told['source']}: {told['datasets']} datasets in {told['documents']} documents; files of "
        f"{files_told(told)}; {told['private_values_dropped']} private values dropped"
    )
    for bad in source.set_aside:
        typer.echo(f"set aside: {bad.name}: {bad.reason}", err=True)


def files_told(told: dict[str, Any]) -> str:
    return (
        f"{told['folders_made']} made, of {told['folders_kept']} there already "
        f"({told['bytes'] / 1e6:.0f} MB)"
    )


def import_panosc(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Corpus files.")],
    data: Data = DEFAULT,
    timeout: Timeout = 300,
    *,
    as_json: Json = False,
) -> None:
    """Import records in the form of the PaNOSC data model.

    A file has `instruments`, `documents` (with their `datasets`) and `orphan_datasets`; every
    field is kept. A file that is wrong is refused with the place, and nothing is sent. Exit codes:
    0 all done, 1 some refused, 2 wrong use, 3 portal out of reach, 4 no answer in time.
    """
    jobs: list[Outgoing] = []
    for file in files:
        try:
            jobs += panosc_jobs(file.read_bytes())
        except OSError as error:
            raise fail(str(error), USAGE) from error
        except Invalid as error:
            raise fail(f"{file}: {error}", USAGE) from error
    sent = dispatch(data, jobs, total=len(jobs), seconds=timeout, quiet=as_json)
    raise finish(
        sent,
        outcomes=False,
        facts={"files": [str(f) for f in files]} if as_json else None,
    )
