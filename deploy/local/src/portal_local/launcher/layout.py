"""Folder layout of a local instance, and the file `instance.json` that describes it."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Layout:
    root: Path

    @property
    def instance_file(self) -> Path:
        """URLs and process ids of the running instance, read by the `portal` command."""
        return self.root / "instance.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def archive(self) -> Path:
        """The files of the simulated tape archive. Jobs refer to folders below it."""
        return self.root / "archive"

    @property
    def buffer(self) -> Path:
        """The disk buffer of the tape archive."""
        return self.root / "tape" / "buffer"

    @property
    def tape(self) -> Path:
        return self.root / "tape" / "state"

    @property
    def cache(self) -> Path:
        """The disk cache of the downloader."""
        return self.root / "cache"

    def component_folder(self, name: str) -> Path:
        """The data folder of one server or simulator."""
        return self.root / name

    def removable_paths(self) -> list[Path]:
        """Everything that an instance creates; `portal up --empty` removes it."""
        names = ("rabbitmq", "mongodb", "search", "meilisearch", "icat", "datacite", "tape",
                 "cache", "archive", "logs", "instance.json")  # fmt: skip
        return [self.root / name for name in names]


def write_instance(layout: Layout, facts: dict[str, Any]) -> None:
    """Replaces instance.json atomically: readers never see an incomplete file."""
    layout.root.mkdir(parents=True, exist_ok=True)
    temporary = layout.instance_file.with_suffix(".new")
    temporary.write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    os.chmod(temporary, 0o600)  # noqa: PTH101  # it holds URLs with passwords
    temporary.replace(layout.instance_file)


def read_instance(layout: Layout) -> dict[str, Any] | None:
    """Returns the content of instance.json, or None if it is missing or not valid JSON."""
    try:
        found: dict[str, Any] = json.loads(layout.instance_file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found


def is_running(pid: int) -> bool:
    """Returns whether a process with this id exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
