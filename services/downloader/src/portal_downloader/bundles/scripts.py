"""Ready commands: scripts that resume, verify, and may be run twice; lists for aria2. Pure.

The names and addresses in them are quoted: a file's name is never read as a command.
"""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping

from portal_downloader.bundles.bagit import About, Member, folder_name, safe

Address = Callable[[str], str]

_BEGINS = """#!/bin/sh
# Downloads {files} files, {size} bytes. It goes on where it was cut off, verifies every file by its
# SHA-256, and may be run again: what is there and right is left alone. Files on tape must be asked
# for first: {ask}
set -u
failed=0
fetch() {{ # SHA-256, name, address
    if [ -f "$2" ] && [ "$(sum_of "$2")" = "$1" ]; then return; fi
    mkdir -p -- "$(dirname -- "$2")"
    [ "$(sum_of "$2.part")" = "$1" ] || get "$2.part" "$3"
    got=$?
    if [ "$(sum_of "$2.part")" = "$1" ]; then mv -- "$2.part" "$2"; return; fi
    if [ "$got" = 0 ]; then rm -f -- "$2.part"; fi # whole, but of something else
    echo "$2: not complete, or not what it should be" >&2
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
    tool: str, about: About, members: Iterable[Member], address: Address, *, ask: str,
    files: int, size: int,
) -> Iterator[str]:  # fmt: skip
    """For wget or curl."""
    root = folder_name(about.pid)
    begins = _BEGINS.format(files=files, size=size, ask=ask)
    yield begins.replace("set -u\n", f"set -u\n{_SUM}{_GETS[tool]}")
    for member in members:
        name = shlex.quote(f"{root}/{safe(member.location)}")
        yield f"fetch {member.sha256} {name} {shlex.quote(address(member.location))}\n"
    yield 'exit "$failed"\n'


def aria2_list(about: About, members: Iterable[Member], address: Address) -> Iterator[str]:
    """For `aria2c --input-file`: continued, and verified."""
    root = folder_name(about.pid)
    for member in members:
        yield (
            f"{address(member.location)}\n"
            f"  out={root}/{safe(member.location)}\n"
            f"  checksum=sha-256={member.sha256}\n"
            "  continue=true\n"
        )


def commands(pid: str, base: str, site: str) -> dict[str, str]:
    """One line for each tool, ready to be pasted; `base` is the address of the selection."""

    def at(kind: str) -> str:
        return shlex.quote(f"{base}{'&' if '?' in base else '?'}format={kind}")

    name = shlex.quote(f"{folder_name(pid)}.zip")
    return {
        "portal": f"portal get {shlex.quote(pid)} --url {shlex.quote(site)}",
        "aria2": f"curl -fsS {at('aria2')} | aria2c --continue=true --check-integrity=true"
        " --max-tries=0 --retry-wait=30 --input-file=-",
        "metalink": f"curl -fsS -o files.meta4 {at('metalink')} && aria2c --continue=true"
        " --check-integrity=true --max-tries=0 --retry-wait=30 --metalink-file=files.meta4",
        "wget": f"curl -fsS {at('wget')} | sh",
        "curl": f"curl -fsS {at('curl')} | sh",
        "zip with wget": f"wget --continue -O {name} {at('zip')}",
        "zip with curl": f"curl --fail --continue-at - -o {name} {at('zip')}",
        "tar": f"curl -fsS {at('tar')} | tar -x",
    }
