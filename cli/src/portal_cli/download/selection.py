"""Which datasets are meant: named, listed in a file, or found by a search."""

import sys
from collections.abc import Sequence
from pathlib import Path

from portal_cli.download.client import Portal, Unknown


def listed(file: Path | None) -> list[str]:
    """One pid or DOI a line; # begins a remark, - is standard input. Raises Unknown."""
    if file is None:
        return []
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unknown(f"{file}: {error}") from error
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def datasets(
    portal: Portal, named: Sequence[str], file: Path | None, search: str | None, most: int
) -> list[str]:
    """Their pids, each once. Raises Unknown, also where there are more than `most`."""
    found = [portal.dataset(name) for name in (*named, *listed(file))]
    if search is not None:
        found += portal.search(search, most + 1)
    pids = list(dict.fromkeys(found))
    if not pids:
        raise Unknown("no dataset is named" if search is None else f"nothing fits {search!r}")
    if len(pids) > most:
        raise Unknown(f"these are more than {most} datasets: allow for them by --most")
    return pids
