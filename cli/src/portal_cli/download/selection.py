"""Selects the datasets (by pid, DOI, list or search) and the files to download."""

import sys
from collections.abc import Sequence
from pathlib import Path

from portal_cli.download.client import PortalClient, RemoteFile, SelectionError


def select_datasets(
    portal: PortalClient,
    identifiers: Sequence[str],
    listing: Path | None,
    search: str | None,
    limit: int,
) -> list[str]:
    """Returns the pids, each once. Raises SelectionError, also for more than `limit` datasets."""
    found = [portal.find_pid(name) for name in (*identifiers, *_read_list(listing))]
    if search is not None:
        found += portal.search(search, limit + 1)
    pids = list(dict.fromkeys(found))
    if not pids and search is not None:
        raise SelectionError(f"No dataset was found by the words {search!r}.")
    if not pids:
        raise SelectionError("No dataset is selected: give a pid or DOI, --list or --search.")
    if len(pids) > limit:
        raise SelectionError(f"More than {limit} datasets match; raise the limit with --most.")
    return pids


def _read_list(file: Path | None) -> list[str]:
    """Reads one pid or DOI per line; # starts a comment line, - is standard input."""
    if file is None:
        return []
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SelectionError(f"The list {file} cannot be read: {error}") from error
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def select_files(files: Sequence[RemoteFile], names: Sequence[str]) -> list[RemoteFile]:
    """Returns the files with these locations or file names; all if `names` is empty.

    Raises SelectionError for a name that no file has.
    """
    if not names:
        return list(files)
    selected: dict[str, RemoteFile] = {}
    for name in names:
        matches = [f for f in files if f.location == name]
        matches = matches or [f for f in files if f.location.rpartition("/")[2] == name]
        if not matches:
            raise SelectionError(f"The dataset has no file {name!r}.")
        selected |= {f.location: f for f in matches}
    return list(selected.values())
