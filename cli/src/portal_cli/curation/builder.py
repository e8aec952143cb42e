"""Builds a job from a folder and its metadata, or collects all their problems."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast
from unicodedata import normalize

from portal_shared.contracts.file_roles import recognise
from portal_shared.contracts.jobs import Envelope, Problem
from portal_shared.contracts.outside_names import folded_name
from portal_shared.profile import Profile
from portal_shared.validation.file_names import name_problem
from portal_shared.validation.form_errors import describe, field_path, without_alternatives
from portal_shared.validation.redaction import redact, shown_places
from portal_shared.validation.rules import closest_name
from portal_shared.validation.validator import validate
from pydantic import ValidationError

from portal_cli.curation import metadata
from portal_cli.curation.checksums import Checksums, ProgressCallback
from portal_cli.curation.logical_files import group_files
from portal_cli.curation.places import readable
from portal_cli.curation.scanner import MANIFEST, ScannedFile, ScannedFolder, scan_folder
from portal_cli.curation.volumes.dataset import DatasetCheck, Volume
from portal_cli.submission.message import JobMessage, build_message

MAX_LISTED_FILES = 2000  # in a job; more files are listed in a manifest beside them


@dataclass
class CurationResult:
    problems: list[Problem] = field(default_factory=list[Problem])
    warnings: list[Problem] = field(default_factory=list[Problem])
    dropped: list[str] = field(default_factory=list[str])  # fields with private values
    files: int = 0
    bytes: int = 0
    files_read: int = 0  # to compute their checksums
    logical_files: dict[str, int] = field(default_factory=dict[str, int])  # count by kind
    job: JobMessage | None = None  # None if there are problems
    volumes: list[list[Volume]] = field(default_factory=list[list[Volume]])  # of each dataset

    @property
    def dropped_fields(self) -> tuple[str, ...]:
        """The fields with private values as an answer lists them: the first ones."""
        return shown_places(self.dropped)


@dataclass(frozen=True)
class DatasetFolder:
    """A dataset of the job: its place there, its folder below the curated one, its files."""

    place: str  # as in datasets[0]
    metadata: Any
    folder: str  # "" is the curated folder itself
    files: Sequence[ScannedFile]
    volumes: Sequence[Volume]


class Maker(Protocol):
    """Makes files that a dataset lacks."""

    def make(self, dataset: DatasetFolder) -> list[Problem]:
        """Writes them into the folder of the dataset; returns why some could not be made."""
        ...


class JobBuilder:
    """Builds the job of one folder. `intake_folder`: its path below the portal's intake root.

    `maker` makes the files that datasets lack, if there are no problems.
    """

    def __init__(
        self,
        folder: Path,
        profile: Profile,
        *,
        intake_folder: str,
        state: Path,
        maker: Maker | None = None,
    ) -> None:
        self._maker = maker
        self._folder = folder
        self._profile = profile
        self._intake_folder = intake_folder
        self._checksums = Checksums(folder, state)
        self.result = CurationResult()

    def build(
        self, name: str, content: bytes, *, ignore: set[str], progress: ProgressCallback
    ) -> CurationResult:
        """Checks the metadata file `name` and the folder; builds the job if there is no problem.

        Checksums need to read all files, so that they are computed only if there is no problem.
        Raises Invalid if the metadata cannot be read at all.
        """
        result = self.result
        places: list[str] = []  # of the datasets in a table
        parts, problems = metadata.read(name, content, self._profile, places)
        parts, result.dropped = redact(parts, self._profile)
        result.problems += problems
        scanned = scan_folder(self._folder)
        result.problems += scanned.problems
        result.warnings += scanned.warnings
        files = [f for f in scanned.files if f.location not in ignore]
        datasets = _datasets(parts)
        folders = [self._dataset_folder(d, n, len(datasets)) for n, d in enumerate(datasets)]
        dataset_files = [_below(files, folder) for folder in folders]
        self._warn_of_unassigned(files, dataset_files)
        self._validate(parts)
        self._check_volumes(datasets, folders, dataset_files)
        if self._maker and not result.problems:
            self._make(self._maker, datasets, folders, dataset_files)
            files, dataset_files = self._scan_again(scanned, folders, ignore)
        result.files, result.bytes = len(files), sum(f.size for f in files)
        result.problems = [readable(problem, parts, places) for problem in result.problems]
        result.warnings = [readable(warning, parts, places) for warning in result.warnings]
        if result.problems:
            return result
        digests = self._checksums.compute(files, result.problems, progress)
        result.files_read = self._checksums.files_read
        if not result.problems:
            self._build_job(parts, folders, dataset_files, digests)
        return result

    def _add_problem(self, field: str, reason: str) -> None:
        self.result.problems.append(Problem(field=field, reason=reason))

    def _dataset_folder(self, dataset: Any, number: int, count: int) -> str | None:
        """Returns the folder of a dataset below the curated folder ("" is that folder itself).

        It is the field `folder`, or a folder with the dataset's name. None: it has a problem.
        """
        given = cast("dict[str, Any]", dataset) if isinstance(dataset, dict) else {}
        folder = given.get("folder")
        field = f"datasets[{number}].folder"
        if isinstance(folder, str) and folder not in ("", "."):
            if name_problem(folder):
                return None  # the rules of datasets report it
            found, similar = self._find_folder(folder)
            if found is None:
                problem = Problem(
                    field=field, reason=f"{folder!r} is not a folder", suggestion=similar
                )
                self.result.problems.append(problem)
            return found
        name = given.get("name")
        if isinstance(name, str) and not name_problem(name) and "/" not in name:
            found, _ = self._find_folder(name)
            if found is not None:
                return found
        if count == 1:
            return ""
        self._add_problem(field, "required: the subfolder that holds the files of this dataset")
        return None

    def _find_folder(self, path: str) -> tuple[str | None, str | None]:
        """Returns the folder as it is written on disk, else None and a folder of a similar name.

        A name on disk may be composed in another way (macOS: e and an accent, not é).
        """
        if _is_folder(self._folder / path):
            return path, None
        parent, _, name = path.rpartition("/")
        place = self._folder / parent
        entries = sorted(place.iterdir()) if _is_folder(place) else []
        similar = [e.name for e in entries if folded_name(e.name) == folded_name(name)]
        similar = [name for name in similar if (place / name).is_dir()]
        if len(similar) != 1:
            return None, None
        found = f"{parent}/{similar[0]}".lstrip("/")
        is_same = normalize("NFC", similar[0]) == normalize("NFC", name)
        return (found, None) if is_same else (None, found)

    def _warn_of_unassigned(
        self, files: Sequence[ScannedFile], dataset_files: Sequence[Sequence[ScannedFile]]
    ) -> None:
        assigned = {f.location for files in dataset_files for f in files}
        others = [f.location for f in files if f.location not in assigned]
        if others:
            more = f" (and {len(others) - 1} more files)" if len(others) > 1 else ""
            reason = f"belongs to no dataset and is left out{more}"
            self.result.warnings.append(Problem(field=others[0], reason=reason))

    def _validate(self, parts: dict[str, Any]) -> None:
        envelope = self._envelope({"version": 1, "job_id": "curate", **parts})
        if envelope is None:
            return
        validation = validate(envelope, self._profile)
        problems = self.result.problems
        problems += validation.problems
        if validation.document:
            problems += validation.document.problems
            self.result.warnings += validation.document.warnings
        for dataset in validation.datasets:  # a refused document is reported once, above
            problems += [p for p in dataset.problems if p.field != "document"]
            self.result.warnings += dataset.warnings
        for instrument in validation.instruments:
            problems += instrument.problems

    def _envelope(self, given: dict[str, Any]) -> Envelope | None:
        """Returns the parts with those removed that the envelope refuses; these are problems."""
        try:
            return Envelope.model_validate(given)
        except ValidationError as error:
            for one in without_alternatives(error.errors()):
                is_unknown = one["type"] == "extra_forbidden"
                name = str(one["loc"][0])
                suggestion = closest_name(name, Envelope.model_fields) if is_unknown else None
                where = field_path(one["loc"])
                self.result.problems.append(
                    Problem(field=where, reason=describe(one), suggestion=suggestion)
                )
            wrong = {one["loc"][0] for one in error.errors()} - {"version", "job_id"}
        rest = {name: value for name, value in given.items() if name not in wrong}
        rest |= {"version": 1, "job_id": "curate"}
        return Envelope.model_validate(rest) if {"document", "datasets"} & set(rest) else None

    def _check_volumes(
        self,
        datasets: Sequence[Any],
        folders: Sequence[str | None],
        dataset_files: Sequence[Sequence[ScannedFile]],
    ) -> None:
        result = self.result
        rows = zip(datasets, folders, dataset_files, strict=True)
        for number, (dataset, folder, files) in enumerate(rows):
            place = f"datasets[{number}]"
            if folder is not None and not files:
                self._add_problem(place, "has no files in its folder")
            found = DatasetCheck(self._folder, dataset, place).check(files)
            result.problems += found.problems
            result.warnings += found.warnings
            result.volumes.append(found.volumes)
            for kind, count in found.logical_files.items():
                result.logical_files[kind] = result.logical_files.get(kind, 0) + count

    def _make(
        self,
        maker: Maker,
        datasets: Sequence[Any],
        folders: Sequence[str | None],
        dataset_files: Sequence[Sequence[ScannedFile]],
    ) -> None:
        rows = zip(datasets, folders, dataset_files, self.result.volumes, strict=True)
        for number, (dataset, folder, files, volumes) in enumerate(rows):
            one = DatasetFolder(f"datasets[{number}]", dataset, folder or "", files, volumes)
            self.result.problems += maker.make(one)

    def _scan_again(
        self, before: ScannedFolder, folders: Sequence[str | None], ignore: set[str]
    ) -> tuple[list[ScannedFile], list[list[ScannedFile]]]:
        """Returns the files with those that were made, which are counted.

        Warnings of the scan are those of what is there now: an interrupted run left a part folder.
        """
        now = scan_folder(self._folder)
        found = [f for f in now.files if f.location not in ignore]
        others = [w for w in self.result.warnings if w not in before.warnings]
        self.result.warnings = now.warnings + others
        counts = self.result.logical_files
        made = {f.location for f in found} - {f.location for f in before.files}
        for group in group_files(made):
            counts[group.kind] = counts.get(group.kind, 0) + 1
        return found, [_below(found, folder) for folder in folders]

    def _build_job(
        self,
        parts: dict[str, Any],
        folders: Sequence[str | None],
        dataset_files: Sequence[Sequence[ScannedFile]],
        digests: dict[str, str],
    ) -> None:
        for dataset, folder, files in zip(_datasets(parts), folders, dataset_files, strict=True):
            prefix = f"{folder}/" if folder else ""
            dataset["folder"] = "/".join(filter(None, (self._intake_folder, folder)))
            below = [(f.location.removeprefix(prefix), f, digests[f.location]) for f in files]
            if len(files) > MAX_LISTED_FILES:
                lines = [f"{digest}  {location}\n" for location, _, digest in sorted(below)]
                manifest = self._folder / (folder or "") / MANIFEST
                manifest.write_text("".join(lines), "utf-8")
                dataset["manifest"] = MANIFEST
            else:
                dataset["files"] = [_file(location, f.size, sha) for location, f, sha in below]
        document = cast("dict[str, Any]", parts.get("document") or {})
        label = str(document.get("name") or self._folder.name)
        self.result.job = build_message("curate", label, **{"profile": self._profile.name, **parts})


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # the name is too long for a file
        return False


def _datasets(parts: dict[str, Any]) -> list[Any]:
    found = parts.get("datasets")
    return cast("list[Any]", found) if isinstance(found, list) else []


def _below(files: Sequence[ScannedFile], folder: str | None) -> list[ScannedFile]:
    if folder is None:
        return []
    return [f for f in files if not folder or f.location.startswith(f"{folder}/")]


def _file(location: str, size: int, digest: str) -> dict[str, Any]:
    path, _, name = location.rpartition("/")
    found = recognise(location)
    return {
        "name": name,
        **({"path": path} if path else {}),
        "size": size,
        "sha256": digest,
        "role": found.role,
        **({} if found.level is None else {"level": found.level}),
    }
