"""Folder layout of a local instance, and the file `instance.json` that describes it."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PRIVATE = 0o700
COMPONENT_FOLDERS = ("rabbitmq", "mongodb", "search", "meilisearch", "icat", "datacite", "tape",
                     "cache", "archive", "logs")  # fmt: skip
FILES = ("instance.json", "operator-token")
TEMPORARY_FILES = ("instance.new", "operator-token.new")
LASTING_FILES = ("instance.lock", "portal.log")  # `--empty` does not remove them


@dataclass(frozen=True)
class Layout:
    root: Path

    @property
    def instance_file(self) -> Path:
        """URLs and process ids of the running instance, read by the `portal` command."""
        return self.root / "instance.json"

    @property
    def lock_file(self) -> Path:
        """Locked while any process of the instance runs; has the launcher's pid and the URL."""
        return self.root / "instance.lock"

    @property
    def token_file(self) -> Path:
        """The token of operators, read by the `portal` command."""
        return self.root / "operator-token"

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
        return [self.root / name for name in (*COMPONENT_FOLDERS, *FILES)]

    def intake_root(self, environment: Mapping[str, str]) -> Path:
        """The folder below which jobs name theirs: PORTAL_INTAKE_ROOT, or the archive."""
        return Path(environment.get("PORTAL_INTAKE_ROOT") or self.archive).absolute()


def make_private(layout: Layout) -> None:
    """Creates the data folder for its owner alone (0700). Raises OSError.

    An existing folder is closed to others as well, but only if it belongs to this user and has
    nothing in it that is not the instance's.
    """
    layout.root.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    ours = {*COMPONENT_FOLDERS, *FILES, *LASTING_FILES, *TEMPORARY_FILES}
    is_own = layout.root.stat().st_uid == os.getuid()
    if is_own and {entry.name for entry in layout.root.iterdir()} <= ours:
        layout.root.chmod(PRIVATE)


def operator_token(layout: Layout, environment: Mapping[str, str]) -> str:
    """Returns PORTAL_OPERATOR_TOKEN, or the token of this instance, which is made once.

    The token is in a file that only its owner can read: the `portal` command reads it there.
    """
    given = environment.get("PORTAL_OPERATOR_TOKEN", "")
    try:
        stored = layout.token_file.read_text("utf-8").strip()
    except OSError:
        stored = ""
    token = given or stored or secrets.token_urlsafe(32)
    if token != stored:
        _write_private(layout.token_file, token + "\n")
    return token


def write_instance(layout: Layout, facts: dict[str, Any]) -> None:
    """Replaces instance.json atomically: readers never see an incomplete file."""
    layout.root.mkdir(parents=True, exist_ok=True)
    _write_private(layout.instance_file, json.dumps(facts, indent=1) + "\n")  # has passwords


def _write_private(path: Path, text: str) -> None:
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    opened = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(opened, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def read_instance(layout: Layout) -> dict[str, Any] | None:
    """Returns the content of instance.json, or None if it is missing or not valid JSON."""
    try:
        found: dict[str, Any] = json.loads(layout.instance_file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found
