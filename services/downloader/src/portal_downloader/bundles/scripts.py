"""Scripts for wget and curl that resume, verify and can be repeated, and lists for aria2.

Names and URLs are quoted: the name of a file is never executed.
"""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping

from portal_shared.contracts.file_urls import folder_name
from portal_shared.contracts.outside_names import outside_path

from portal_downloader.bundles.bagit import DatasetInfo, Member

Address = Callable[[str], str]

_BEGINS = """#!/bin/sh
# Downloads {files} files, {size} bytes. Resumes interrupted files, verifies every file by its
# SHA-256, and can be run again: complete files are not downloaded again. Files on tape must be
# requested first: {request_url}
set -u
failed=0
fetch() {{ # SHA-256, name, address
    if [ -f "$2" ] && [ "$(sum_of "$2")" = "$1" ]; then return; fi
    mkdir -p -- "$(dirname -- "$2")"
    [ "$(sum_of "$2.part")" = "$1" ] || get "$2.part" "$3"
    got=$?
    if [ "$(sum_of "$2.part")" = "$1" ]; then mv -- "$2.part" "$2"; return; fi
    if [ "$got" = 0 ]; then rm -f -- "$2.part"; fi # complete, but with a wrong checksum
    echo "$2: incomplete, or its checksum is wrong" >&2
    failed=1
}}
"""
_SUM = """sum_of() { if [ -f "$1" ]; then sha256sum <"$1" | cut -c 1-64; fi; }
"""
_GETS: Mapping[str, str] = {
    "wget": (
        "get() { wget --no-verbose --continue --tries=20 --waitretry=30"
        ' --retry-on-http-error=429,502,503 --output-document="$1" -- "$2"; }\n'
    ),
    "curl": (
        "get() { curl --fail --silent --show-error --location --retry 20 --retry-all-errors"
        ' --retry-max-time 3600 --continue-at - --output "$1" -- "$2"; }\n'
    ),
}


def script(
    tool: str, info: DatasetInfo, members: Iterable[Member], address: Address, *, request_url: str,
    files: int, size: int,
) -> Iterator[str]:  # fmt: skip
    """Yields the lines of a script for wget or curl."""
    root = folder_name(info.pid)
    head = _BEGINS.format(files=files, size=size, request_url=request_url)
    yield head.replace("set -u\n", f"set -u\n{_SUM}{_GETS[tool]}")
    for member in members:
        name = shlex.quote(f"{root}/{outside_path(member.location)}")
        yield f"fetch {member.sha256} {name} {shlex.quote(address(member.location))}\n"
    yield 'exit "$failed"\n'


def aria2_list(info: DatasetInfo, members: Iterable[Member], address: Address) -> Iterator[str]:
    """Yields the input file of `aria2c --input-file`, which resumes and verifies."""
    root = folder_name(info.pid)
    for member in members:
        yield (
            f"{address(member.location)}\n"
            f"  out={root}/{outside_path(member.location)}\n"
            f"  checksum=sha-256={member.sha256}\n"
            "  continue=true\n"
        )


def commands(pid: str, base: str, site: str) -> dict[str, str]:
    """Returns a command line for each tool; `base` is the URL of the selection."""

    def url(kind: str) -> str:
        return shlex.quote(f"{base}{'&' if '?' in base else '?'}format={kind}")

    name = shlex.quote(f"{folder_name(pid)}.zip")
    return {
        "portal": f"portal get {shlex.quote(pid)} --url {shlex.quote(site)}",
        "aria2": f"curl -fsS {url('aria2')} | aria2c --continue=true --check-integrity=true"
        " --max-tries=0 --retry-wait=30 --input-file=-",
        "metalink": f"curl -fsS -o files.meta4 {url('metalink')} && aria2c --continue=true"
        " --check-integrity=true --max-tries=0 --retry-wait=30 --metalink-file=files.meta4",
        "wget": f"curl -fsS {url('wget')} | sh",
        "curl": f"curl -fsS {url('curl')} | sh",
        "zip with wget": f"wget --continue -O {name} {url('zip')}",
        "zip with curl": f"curl --fail --continue-at - -o {name} {url('zip')}",
        "tar": f"curl -fsS {url('tar')} | tar -x",
    }
