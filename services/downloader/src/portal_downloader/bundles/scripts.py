"""Scripts for wget and curl that resume, verify and can be repeated, and lists for aria2.

Names and URLs are quoted: the name of a file is never executed.
"""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from portal_shared.contracts.file_urls import folder_name
from portal_shared.contracts.outside_names import outside_path

from portal_downloader.bundles.bagit import DatasetInfo, Member

Address = Callable[[str], str]

_BEGINS = """#!/bin/sh
# Downloads {files}, {size} bytes. Resumes interrupted files, verifies every file by its
# SHA-256, and can be run again: complete files are not downloaded again. Files on tape must be
# requested first: {request_url}
set -u
complete=0 new=0 on_tape=0 failed=0
fetch() {{ # SHA-256, name, address, "tape" if the file was on tape when this script was made
    if [ -f "$2" ] && [ "$(sum_of "$2")" = "$1" ]; then complete=$((complete + 1)); return; fi
    mkdir -p -- "$(dirname -- "$2")"
    if [ "$(sum_of "$2.part")" = "$1" ]; then got=0
    elif [ "${{4-}}" = tape ]; then get "$2.part" "$3" 0 2>/dev/null; got=$?
    else get "$2.part" "$3" 20; got=$?
    fi
    if [ "$(sum_of "$2.part")" = "$1" ]; then
        mv -- "$2.part" "$2"; complete=$((complete + 1)); new=$((new + 1)); return
    fi
    if [ ! -s "$2.part" ] || [ "$got" = 0 ]; then rm -f -- "$2.part"; fi # with a wrong checksum
    if [ "${{4-}}" = tape ]; then on_tape=$((on_tape + 1)); return; fi
    echo "$2: incomplete, or its checksum is wrong" >&2
    failed=$((failed + 1))
}}
"""
_ENDS = """echo "$complete of {files} complete and verified, $new of them downloaded now."
if [ "$on_tape" != 0 ]; then
    echo "On tape: $on_tape. Request them, then run this again: "{request_url} >&2
fi
if [ "$failed" != 0 ]; then echo "Incomplete: $failed. Run this again to continue." >&2; fi
[ "$((on_tape + failed))" = 0 ]
"""
_SUM = """sum_of() { if [ -f "$1" ]; then sha256sum <"$1" | cut -c 1-64; fi; }
"""
_GETS: Mapping[str, str] = {  # name, address, how often to try again
    "wget": (
        'get() { wget --no-verbose --continue --tries="$(($3 + 1))" --waitretry=30'
        ' --retry-on-http-error=429,502,503 --output-document="$1" -- "$2"; }\n'
    ),
    "curl": (
        'get() { curl --fail --silent --show-error --location --retry "$3" --retry-all-errors'
        ' --retry-max-time 3600 --continue-at - --output "$1" -- "$2"; }\n'
    ),
}


def script(
    tool: str, info: DatasetInfo, members: Iterable[Member], address: Address, *, request_url: str,
    files: int, size: int, on_tape: AbstractSet[str] = frozenset(),
) -> Iterator[str]:  # fmt: skip
    """Yields the lines of a script for wget or curl. `on_tape`: locations that it tries only once,
    because their time is not known."""
    root = folder_name(info.pid)
    count = f"{files} file{'' if files == 1 else 's'}"
    head = _BEGINS.format(files=count, size=size, request_url=request_url)
    yield head.replace("set -u\n", f"set -u\n{_SUM}{_GETS[tool]}")
    for member in members:
        name = shlex.quote(f"{root}/{outside_path(member.location)}")
        state = " tape" if member.location in on_tape else ""
        yield f"fetch {member.sha256} {name} {shlex.quote(address(member.location))}{state}\n"
    yield _ENDS.format(files=count, request_url=shlex.quote(request_url))


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
        # curl fails when there is nothing left to continue, so a complete file has another name.
        "zip with curl": f"test -f {name} || {{ curl --fail --continue-at - -o {name}.part"
        f" {url('zip')} && mv {name}.part {name}; }}",
        "tar": f"curl -fsS {url('tar')} | tar -x",
    }
