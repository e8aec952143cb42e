"""Checks the images of a dataset: each header is read, and one volume must fit the metadata.

Other images beside the volume that fits (copies, raw scans, tiles) are reported as warnings.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portal_shared.contracts.jobs import Problem
from portal_shared.validation.file_names import is_damaged_if_empty

from portal_cli.curation.headers.formats import FOLDERS, Reader, file_reader
from portal_cli.curation.headers.image import Axis, Header, Image
from portal_cli.curation.headers.zarr_chunks import ChunkCheck
from portal_cli.curation.logical_files import LogicalFile, group_files
from portal_cli.curation.scanner import ScannedFile
from portal_cli.curation.volumes.claims import (
    Claims,
    Comparison,
    Contradiction,
    compare,
    read_claims,
)
from portal_cli.curation.volumes.stacks import (
    MAX_LISTED,
    Series,
    join_parts,
    join_series,
    missing_slices,
)


@dataclass(frozen=True)
class Volume:
    """A logical file with a volume that does not contradict the metadata."""

    file: LogicalFile
    image: Image


@dataclass
class Findings:
    problems: list[Problem] = field(default_factory=list[Problem])
    warnings: list[Problem] = field(default_factory=list[Problem])
    logical_files: dict[str, int] = field(default_factory=dict[str, int])  # count by kind
    volumes: list[Volume] = field(default_factory=list[Volume])  # those that fit best first


@dataclass(frozen=True)
class _Candidate:
    """What a logical file stands for: its image that fits the metadata best."""

    file: LogicalFile
    series: Series
    comparison: Comparison

    @property
    def is_album(self) -> bool:
        """Whether it is a series of colour pictures, which only by chance has a third axis."""
        image = self.comparison.image
        return image.is_colour and (self.file.kind == "stack" or image.axis("z") is None)


class DatasetCheck:
    """Checks the files of one dataset. `place` is the dataset in the job, as in `datasets[0]`."""

    def __init__(self, folder: Path, dataset: Any, place: str) -> None:
        self._folder = folder
        self._claims = read_claims(dataset, place)
        self._damaged: Counter[str] = Counter()  # files, by the name of their logical file
        self.findings = Findings()

    def check(self, files: Sequence[ScannedFile]) -> Findings:
        """Reads the header of every file and compares them with the metadata."""
        sizes = {file.location: file.size for file in files}
        groups = group_files(sizes)
        for file in groups:
            self._report_empty_files(file, sizes)
        volumes: list[_Candidate] = []
        pictures: list[_Candidate] = []
        for file in groups:
            counts = self.findings.logical_files
            counts[file.kind] = counts.get(file.kind, 0) + 1
            series = self._read(file, sizes)
            if series.is_stack or not series.images:
                for location, reason in series.missing.items():
                    self._warn(location, reason)
            candidate = _best(file, series, self._claims)
            if candidate is not None:
                is_volume = candidate.comparison.image.is_volume
                (volumes if is_volume else pictures).append(candidate)
        self._report_further_damage()
        self._report_odd_slices(volumes)
        self._report_volumes([one for one in volumes if one.comparison.fits or not one.is_album])
        if not volumes:
            self._report_pictures(pictures)
        for one in sorted(volumes, key=lambda one: one.comparison.distance):
            if not (one.comparison.contradictions or one.is_album or one.comparison.is_preview):
                self.findings.volumes.append(Volume(one.file, one.comparison.image))
        return self.findings

    def _problem(self, field: str, reason: str) -> None:
        self.findings.problems.append(Problem(field=field, reason=reason))

    def _warn(self, field: str, reason: str) -> None:
        self.findings.warnings.append(Problem(field=field, reason=reason))

    def _report_damage(self, file: LogicalFile, location: str, reason: str) -> None:
        """Adds a problem of one of the files; of a logical file, only the first ones are listed."""
        self._damaged[file.name] += 1
        if self._damaged[file.name] <= MAX_LISTED:
            self._problem(location or ".", reason)

    def _report_further_damage(self) -> None:
        for name, count in self._damaged.items():
            if count > MAX_LISTED:
                self._problem(name, f"{count - MAX_LISTED} more of its files are empty or damaged")

    def _report_empty_files(self, file: LogicalFile, sizes: Mapping[str, int]) -> None:
        for location in file.files:
            is_damaged = file.kind in FOLDERS or is_damaged_if_empty(location)
            if sizes[location] == 0 and is_damaged:
                self._report_damage(file, location, "is empty: copy it again, or remove it")
            elif sizes[location] == 0:
                self._warn(location, "is empty")

    def _read(self, file: LogicalFile, sizes: Mapping[str, int]) -> Series:
        """Returns the images of a logical file; damaged files are reported."""
        folder_reader = FOLDERS.get(file.kind)
        if folder_reader is not None:
            header = self._header(file, file.name, folder_reader)
            if header is not None and file.kind == "zarr":
                self._report_torn_chunks(file, sizes)
            return Series(list(header.images) if header else [])
        headers: dict[str, Header | None] = {}
        for location in file.files:
            read = file_reader(location)
            if read is None:  # as DICOM: only the numbers are checked
                return Series(missing=missing_slices(file.name, file.files))
            headers[location] = self._header(file, location, read) if sizes[location] else None
        if file.kind == "stack":
            return join_series(file.name, headers)
        images = [image for header in headers.values() if header for image in header.images]
        return Series([*join_parts(images), *images])

    def _report_torn_chunks(self, file: LogicalFile, sizes: Mapping[str, int]) -> None:
        chunks = ChunkCheck(self._folder / file.name)
        for location in file.files:
            name = location.removeprefix(f"{file.name}/")
            try:
                reason = chunks.torn(name, sizes[location]) if sizes[location] else None
            except (OSError, ValueError) as error:
                reason = f"cannot be read: {str(error)[:200]}"
            if reason:
                self._report_damage(file, location, reason)

    def _header(self, file: LogicalFile, location: str, read: Reader) -> Header | None:
        try:
            header = read(self._folder / location)
        except Exception as error:  # noqa: BLE001  # of any library, for any broken file
            reason = str(error)[:200] or type(error).__name__
            self._report_damage(file, location, f"the file header cannot be read: {reason}")
            return None
        self._report_sources(location, header)
        return header

    def _report_sources(self, location: str, header: Header) -> None:
        for source in header.sources[:MAX_LISTED]:
            if where := self._absence(location, source):
                self._warn(location, f"takes data from the file {source!r}, which {where}")

    def _absence(self, location: str, source: str) -> str | None:
        """Returns why a file that another one needs is not archived with it; None if it is."""
        beside = (self._folder / location).parent / source
        try:
            if not beside.resolve().is_relative_to(self._folder.resolve()):
                return "is outside of the folder"
            return None if beside.is_file() else "is not in its folder"
        except (OSError, ValueError):  # a name that no file can have
            return "is not in its folder"

    def _report_odd_slices(self, volumes: Sequence[_Candidate]) -> None:
        for one in volumes:
            others = any(c.comparison.fits for c in volumes if c is not one)
            is_problem = one.series.is_stack and not others
            report = self._problem if is_problem else self._warn
            for location, reason in list(one.series.odd.items())[:MAX_LISTED]:
                report(location, reason)
            if (more := len(one.series.odd) - MAX_LISTED) > 0:
                report(one.file.name, f"{more} more slices differ from the others")

    def _report_volumes(self, volumes: Sequence[_Candidate]) -> None:
        comparisons = [one.comparison for one in volumes]
        for one in volumes:
            comparison, findings = one.comparison, self.findings
            if not comparison.contradictions:
                findings.warnings += [
                    _described(one, remark, suggest=False) for remark in comparison.remarks
                ]
                continue
            is_other = _is_other(comparison, comparisons)
            target = findings.warnings if is_other else findings.problems
            target += [
                _described(one, contradiction) for contradiction in comparison.contradictions
            ]

    def _report_pictures(self, pictures: Sequence[_Candidate]) -> None:
        """Warns of pictures that are not as claimed, where no volume is there to compare."""
        for one in pictures:
            image = one.comparison.image
            if image.is_colour:
                continue
            flat = Image(image.format, image.dtype, (Axis("z", 1), *image.axes))
            found = compare(flat, self._claims).contradictions
            self.findings.warnings += [_described(one, contradiction) for contradiction in found]


def _best(file: LogicalFile, series: Series, claims: Claims) -> _Candidate | None:
    found = [compare(image, claims) for image in series.images]
    volumes = [one for one in found if one.image.is_volume]
    best = min(volumes or found, key=lambda one: one.distance, default=None)
    return _Candidate(file, series, best) if best else None


def _is_other(one: Comparison, volumes: Sequence[Comparison]) -> bool:
    """Whether an image with contradictions is another one than the volume that is described.

    It is if another image has what it contradicts as claimed, or is closer to the claims.
    """
    fitting = [other for other in volumes if other.fits]
    if fitting:
        return any(other.confirmed & one.contradicted for other in fitting)
    similar = [other.distance for other in volumes if other.confirmed]
    return one.is_preview or one.distance > min(similar, default=one.distance)


def _described(one: _Candidate, contradiction: Contradiction, *, suggest: bool = True) -> Problem:
    image, claim = one.comparison.image, contradiction.claim
    name = f"{one.file.name or '.'}{f' ({image.part})' if image.part else ''}"
    reason = f"{claim} here, but {name} ({image.format}) has {contradiction.actual}"
    suggestion = contradiction.actual if suggest else None
    return Problem(field=claim.field, reason=reason, suggestion=suggestion)
