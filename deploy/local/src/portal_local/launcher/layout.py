"""Where an instance keeps things, all below one folder."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Layout:
    root: Path

    @property
    def instance(self) -> Path:
        """What runs where: read by the portal command."""
        return self.root / "instance.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def archive(self) -> Path:
        """What the facility has on tape; jobs name folders below it."""
        return self.root / "archive"

    @property
    def buffer(self) -> Path:
        """The tape archive's disk buffer."""
        return self.root / "tape" / "buffer"

    @property
    def tape(self) -> Path:
        return self.root / "tape" / "state"

    @property
    def cache(self) -> Path:
        """The downloader's disk cache."""
        return self.root / "cache"

    def part(self, name: str) -> Path:
        """The data of one server or simulator."""
        return self.root / name

    def everything(self) -> list[Path]:
        """All that is made here, and so all that --empty removes."""
        names = ("rabbitmq", "mongodb", "search", "meilisearch", "icat", "datacite", "tape",
                 "cache", "archive", "logs", "instance.json")  # fmt: skip
        return [self.root / name for name in names]


def write_instance(layout: Layout, facts: dict[str, Any]) -> None:
    """Replace instance.json in one piece: a reader never sees half of it."""
    layout.root.mkdir(parents=True, exist_ok=True)
    temporary = layout.instance.with_suffix(".new")
    temporary.write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    os.chmod(temporary, 0o600)  # noqa: PTH101  # it holds URLs with passwords
    temporary.replace(layout.instance)


def read_instance(layout: Layout) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(layout.instance.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found


def runs(pid: int) -> bool:
    """Whether a process of that id is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
