"""Finds the metadata file of a folder, and files beside it that look like another one."""

from collections.abc import Iterator
from pathlib import Path

from portal_shared.contracts.jobs import Problem
from portal_shared.runtime.errors import Invalid

from portal_cli.curation.metadata import AS_CSV, SPREADSHEETS

ENDINGS = ("yaml", "yml", "json", "csv", "tsv")  # the first that exists is read
STEM = "metadata"  # in any case
NAMES = tuple(f"{STEM}.{ending}" for ending in ENDINGS)


def find_metadata_file(folder: Path) -> Path:
    """Returns the metadata file in a folder, whatever the case of its name.

    Raises Invalid if there is none; names a spreadsheet in the folder or beside it.
    """
    found = {path.name.casefold(): path for path in _candidates(folder)}
    chosen = next((found[name] for name in NAMES if name in found), None)
    if chosen:
        return chosen
    sheet = next(_spreadsheets(folder), None)
    if sheet:
        raise Invalid(
            f"there is no metadata file in {folder}, but a spreadsheet, {sheet}, which is not"
            f" read; {AS_CSV}, named metadata.csv, in the folder"
        )
    raise Invalid(
        f"there is no metadata file in {folder}; add one of {', '.join(NAMES)}, or name one with"
        " --metadata"
    )


def other_metadata_problems(folder: Path, chosen: Path) -> list[Problem]:
    """Returns a problem for each file that looks like the metadata but is not read.

    It would be published as a file of the dataset, with all its columns.
    """
    reason = (
        f"is not read, because {chosen.name} is, and would be published as a file of the dataset;"
        " move it out of the folder"
    )
    return [
        Problem(field=path.name, reason=reason)
        for path in _candidates(folder)
        if not path.samefile(chosen)
    ]


def _candidates(folder: Path) -> Iterator[Path]:
    """Yields the files named metadata with an ending of metadata or of a spreadsheet."""
    for path in sorted(folder.iterdir()):
        stem, _, ending = path.name.casefold().rpartition(".")
        if stem == STEM and ending in (*ENDINGS, *SPREADSHEETS) and path.is_file():
            yield path


def _spreadsheets(folder: Path) -> Iterator[Path]:
    """Yields spreadsheets in the folder, and those beside it with its name or as metadata."""
    beside = folder.resolve().parent
    for place, stems in ((folder, None), (beside, {STEM, folder.resolve().name.casefold()})):
        for path in sorted(place.iterdir()):
            stem, _, ending = path.name.casefold().rpartition(".")
            if ending in SPREADSHEETS and (stems is None or stem in stems):
                yield path
