"""From a folder and its metadata to a job, or to everything that is wrong with them at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from portal_shared.contracts.jobs import DatasetIn, Envelope, Problem
from portal_shared.profile import Profile
from portal_shared.validation.redaction import redact
from portal_shared.validation.rules import path_problem
from portal_shared.validation.validator import validate
from pydantic import ValidationError

from portal_cli.curation import file_headers, metadata
from portal_cli.curation.checksums import Checksums, Progress
from portal_cli.curation.grouping import Logical, logical
from portal_cli.curation.header_check import compare
from portal_cli.curation.scanner import MANIFEST, Found, walk
from portal_cli.submission.message import Outgoing, outgoing

MOST_LISTED = 2000  # files in a job: more go into a manifest beside them


@dataclass
class Prepared:
    """What a run found."""

    problems: list[Problem] = field(default_factory=list[Problem])
    warnings: list[Problem] = field(default_factory=list[Problem])
    dropped: int = 0  # private values
    files: int = 0
    bytes: int = 0
    read: int = 0  # files whose checksums had to be computed
    logical: dict[str, int] = field(default_factory=dict[str, int])  # kind to count
    job: Outgoing | None = None


class Preparing:
    def __init__(self, folder: Path, profile: Profile, *, within: str, state: Path) -> None:
        self._folder = folder
        self._profile = profile
        self._within = within  # where the folder will be below the portal's intake root
        self._checksums = Checksums(folder, state)
        self.done = Prepared()

    def run(self, name: str, content: bytes, *, ignore: set[str], progress: Progress) -> Prepared:
        """Raises Invalid when the metadata cannot be read at all."""
        done = self.done
        parts, told = metadata.read(name, content, self._profile)
        parts, done.dropped = redact(parts, self._profile)
        done.problems += told
        files = [f for f in walk(self._folder, done.problems) if f.location not in ignore]
        datasets = _datasets(parts)
        places = [self._place(d, n, len(datasets)) for n, d in enumerate(datasets)]
        mine = [_below(files, place) for place in places]
        self._unclaimed(files, mine)
        self._judged(parts)
        self._headers(datasets, places, mine)
        done.files, done.bytes = len(files), sum(f.size for f in files)
        digests = self._checksums.of(files, done.problems, progress)
        done.read = self._checksums.read
        if not done.problems:
            self._job(parts, places, mine, digests)
        return done

    def _place(self, dataset: Any, number: int, count: int) -> str | None:
        """Where the files of a dataset lie below the folder; "" is all of it."""
        given = cast("dict[str, Any]", dataset) if isinstance(dataset, dict) else {}
        named = given.get("folder")
        where = f"datasets[{number}].folder"
        if isinstance(named, str) and named not in ("", "."):
            if reason := path_problem(named):
                self.done.problems.append(Problem(field=where, reason=reason))
                return None
            if not (self._folder / named).is_dir():
                self.done.problems.append(Problem(field=where, reason=f"{named!r} is no folder"))
                return None
            return named
        name = given.get("name")
        if isinstance(name, str) and "/" not in name and (self._folder / name).is_dir():
            return name
        if count == 1:
            return ""
        reason = "missing: which of the folders below this one are its files in"
        self.done.problems.append(Problem(field=where, reason=reason))
        return None

    def _unclaimed(self, files: Sequence[Found], mine: Sequence[Sequence[Found]]) -> None:
        claimed = {f.location for some in mine for f in some}
        left = [f.location for f in files if f.location not in claimed]
        if left:
            reason = f"belongs to no dataset, as do {len(left) - 1} more: they are left out"
            self.done.warnings.append(Problem(field=left[0], reason=reason))

    def _judged(self, parts: dict[str, Any]) -> None:
        try:
            envelope = Envelope.model_validate({"version": 1, "job_id": "curate", **parts})
        except ValidationError as error:
            self.done.problems += [
                Problem(field=".".join(map(str, e["loc"])), reason=e["msg"]) for e in error.errors()
            ]
            return
        judged = validate(envelope, self._profile)
        found = [judged.document, *judged.datasets, *judged.instruments]
        self.done.problems += judged.problems
        refused = "its document is refused"  # told once, at the document
        self.done.problems += [
            p for part in found if part for p in part.problems if p.reason != refused
        ]

    def _headers(
        self,
        datasets: Sequence[Any],
        places: Sequence[str | None],
        mine: Sequence[Sequence[Found]],
    ) -> None:
        for number, (raw, place, files) in enumerate(zip(datasets, places, mine, strict=True)):
            if place is not None and not files:
                reason = "holds no files"
                self.done.problems.append(Problem(field=f"datasets[{number}]", reason=reason))
            for one in logical(f.location for f in files):
                self.done.logical[one.kind] = self.done.logical.get(one.kind, 0) + 1
                self._header(one, raw, f"datasets[{number}]")

    def _header(self, one: Logical, raw: Any, place: str) -> None:
        first = one.name if one.kind == "zarr" else one.files[0]
        read = file_headers.reader(first)
        if read is None:
            return
        try:
            facts = read(self._folder / first)
        except Exception as error:  # noqa: BLE001  # of any library, for any broken file
            reason = f"its header cannot be read: {str(error)[:200] or type(error).__name__}"
            self.done.problems.append(Problem(field=first, reason=reason))
            return
        if facts and one.kind == "stack" and len(facts.shape) == 2:  # noqa: PLR2004
            shape = (len(one.files), *facts.shape)
            voxel = facts.voxel_um
            facts = file_headers.Facts(facts.format, shape, facts.dtype, voxel, facts.levels)
        try:
            dataset = DatasetIn.model_validate({**raw, "folder": None}) if facts else None
        except (ValidationError, TypeError):
            return  # told already
        if facts and dataset:
            self.done.problems += compare(dataset, one.name, facts, place)

    def _job(
        self,
        parts: dict[str, Any],
        places: Sequence[str | None],
        mine: Sequence[Sequence[Found]],
        digests: dict[str, str],
    ) -> None:
        for raw, place, files in zip(_datasets(parts), places, mine, strict=True):
            prefix = f"{place}/" if place else ""
            raw["folder"] = "/".join(filter(None, (self._within, place)))
            below = [(f.location.removeprefix(prefix), f, digests[f.location]) for f in files]
            if len(files) > MOST_LISTED:
                lines = [f"{digest}  {location}\n" for location, _, digest in sorted(below)]
                manifest = self._folder / (place or "") / MANIFEST
                manifest.write_text("".join(lines), "utf-8")
                raw["manifest"] = MANIFEST
            else:
                raw["files"] = [_file(location, f.size, digest) for location, f, digest in below]
        document = cast("dict[str, Any]", parts.get("document") or {})
        label = str(document.get("name") or self._folder.name)
        self.done.job = outgoing("curate", label, **{"profile": self._profile.name, **parts})


def _datasets(parts: dict[str, Any]) -> list[Any]:
    found = parts.get("datasets")
    return cast("list[Any]", found) if isinstance(found, list) else []


def _below(files: Sequence[Found], place: str | None) -> list[Found]:
    if place is None:
        return []
    return [f for f in files if not place or f.location.startswith(f"{place}/")]


def _file(location: str, size: int, digest: str) -> dict[str, Any]:
    path, _, name = location.rpartition("/")
    return {"name": name, **({"path": path} if path else {}), "size": size, "sha256": digest}
