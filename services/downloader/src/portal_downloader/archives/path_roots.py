"""Matches the paths that an archive reports with those that were requested.

Some archives report paths from a root of their own: dCache puts the root of the door in front of
them, others leave out the folder of the token, or report what a link leads to. Some write them
percent-encoded.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import takewhile
from urllib.parse import unquote

MAX_COMPARED = 20  # reported paths from which possible roots are derived
MIN_SHARED_PARTS = 2  # a name and its folder, where the root replaces other folders


@dataclass(frozen=True)
class Root:
    """Folders that the archive puts in front of requested paths, leaves out, or replaces."""

    added: str = ""
    omitted: str = ""

    def requested(self, reported: str) -> str:
        """Returns the requested path for a reported one; empty if it is not below the root."""
        if not reported.startswith(f"{self.added}/"):
            return ""
        return self.omitted + reported[len(self.added) :]


def match_paths(requested: Collection[str], reported: Collection[str]) -> dict[str, str]:
    """Returns for each reported path the requested path that it stands for.

    All are normalized. Equal paths match, also if one is percent-encoded. The others match if one
    root explains more of them than every other root does.
    """
    wanted = set(requested)
    found = {path: path for path in reported if path in wanted}
    encoded = {path: unquote(path) for path in reported if "%" in path and path not in wanted}
    found |= {path: plain for path, plain in encoded.items() if plain in wanted - found.keys()}
    missing = wanted - set(found.values())
    others = [path for path in reported if path not in found]
    if not missing or not others:
        return found
    matches = [
        {path: root.requested(path) for path in others if root.requested(path) in missing}
        for root in set(_possible_roots(missing, others))
    ]
    most = max(map(len, matches), default=0)
    best = [pairs for pairs in matches if len(pairs) == most]
    return {**found, **best[0]} if len(best) == 1 else found


def _possible_roots(missing: Collection[str], others: Collection[str]) -> Iterator[Root]:
    by_name: dict[str, list[str]] = {}
    for path in missing:
        by_name.setdefault(path.rpartition("/")[2], []).append(path)
    for reported in sorted(others)[:MAX_COMPARED]:
        for path in by_name.get(reported.rpartition("/")[2], ()):
            end = _common_end(reported, path)
            root = Root(added=reported.removesuffix(end), omitted=path.removesuffix(end))
            if not (root.added and root.omitted) or end.count("/") >= MIN_SHARED_PARTS:
                yield root


def _common_end(one: str, other: str) -> str:
    """Returns the folders and the name with which both paths end, `/b/c.txt`."""
    pairs = zip(reversed(one.split("/")[1:]), reversed(other.split("/")[1:]), strict=False)
    same = [a for a, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    return "".join(f"/{part}" for part in reversed(same))
