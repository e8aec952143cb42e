"""Selects the data of a request that its user may read."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from portal_local.icat.beans.rights import Gate
from portal_local.icat.errors import IcatError, bad_parameter
from portal_local.icat.jpql.plan import Planner
from portal_local.icat.schema.schema import Bean, Schema
from portal_local.icat.schema.values import long

_KINDS = {
    "investigationIds": ("Investigation", "f.dataset.investigation.id"),
    "datasetIds": ("Dataset", "f.dataset.id"),
    "datafileIds": ("Datafile", "f.id"),
}
_FILES = (
    "SELECT f.id, f.name, f.location, f.fileSize, ds.id, ds.name, i.name, i.visitId, fac.name"
    " FROM Datafile f JOIN f.dataset ds JOIN ds.investigation i JOIN i.facility fac"
    " WHERE {} ORDER BY f.id"
)
_MAX_FILES = 100_000


@dataclass(frozen=True, slots=True)
class DataFile:
    id: int
    name: str
    location: str | None
    size: int
    dataset: int
    entry: tuple[str, ...]  # facility, investigation, visit, dataset and file: its name in a zip


@dataclass(frozen=True, slots=True)
class Selection:
    files: tuple[DataFile, ...]
    datasets: frozenset[int]
    whole_datasets: bool  # of datasets or investigations, not of single files


def select(
    schema: Schema,
    planner: Planner,
    connection: sqlite3.Connection,
    gate: Gate,
    given: Mapping[str, str],
) -> Selection:
    """Selects data by comma-separated lists of ids; each bean must exist and be readable.

    Empty lists select nothing: clients may delete the empty result of a search.
    """
    files: dict[int, DataFile] = {}
    datasets: set[int] = set()
    for parameter, (name, path) in _KINDS.items():
        ids = _ids(parameter, given.get(parameter, ""))
        if not ids:
            continue
        bean = schema.beans[name]
        listed = ", ".join(map(str, sorted(ids)))
        there = connection.execute(f'SELECT id FROM "{name}" WHERE id IN ({listed})')  # noqa: S608
        if missing := ids - {row[0] for row in there}:
            raise IcatError("NO_SUCH_OBJECT_FOUND", f"{name}[id:{min(missing)}] not found.")
        gate.require("READ", bean, ids)
        plan = planner.search(_FILES.format(f"{path} IN ({listed})"), "", _MAX_FILES, _anything)
        rows = connection.execute(plan.sql, plan.parameters).fetchall()
        seen = gate.filter_readable(schema.beans["Datafile"], {row[0] for row in rows})
        files |= {row[0]: _file(row) for row in rows if row[0] in seen}
        datasets |= ids if name == "Dataset" else {row[4] for row in rows if row[0] in seen}
    whole_datasets = bool(given.get("investigationIds") or given.get("datasetIds"))
    return Selection(tuple(files.values()), frozenset(datasets), whole_datasets)


def _anything(_: Bean) -> None:
    """Allows all: rights are checked on the files, not on the names of their parents."""


def _file(row: tuple[int, str, str | None, int | None, int, str, str, str, str]) -> DataFile:
    number, name, location, size, dataset, *above = row
    dataset_name, investigation, visit, facility = above
    entry = (facility, investigation, visit, dataset_name, name)
    return DataFile(number, name, location, size or 0, dataset, entry)


def _ids(parameter: str, text: str) -> set[int]:
    numbers = [long(part) for part in text.split(",") if text]
    found = {number for number in numbers if number is not None}
    if None in numbers:
        raise bad_parameter(f"The {parameter} parameter: {text[:80]!r} is not a list of ids")
    return found
