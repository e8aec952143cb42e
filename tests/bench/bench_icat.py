"""Seconds for a dataset in ICAT: the simulator, and the real one of PORTAL_TEST_ICAT_URL, in turns.

Each dataset has 40 parameters and 10 files, and is written by ingest's own adapter: created, then
written again with another title. PORTAL_TEST_ICAT_AUTHENTICATOR, _USER and _PASSWORD are those of a
user as in docs/icat.md. PORTAL_BENCH_ICAT_DATASETS sets their number.
"""

import asyncio
import os
import statistics
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from portal_ingest.icat.adapter import Icat
from portal_ingest.icat.mapping import (
    DatasetEntry,
    FileEntry,
    InvestigationEntry,
    ParameterEntry,
    SharedEntity,
)
from portal_ingest.settings import IngestSettings
from pydantic import SecretStr

from tests.drivers.icat import running

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
DATASETS = int(os.environ.get("PORTAL_BENCH_ICAT_DATASETS", "40"))
URL = os.environ.get("PORTAL_TEST_ICAT_URL")
START = datetime(2024, 5, 17, 8, 30, tzinfo=UTC)


def entry(number: int, run: str) -> DatasetEntry:
    units = ("um", "keV", "")
    return DatasetEntry(
        facility="ESRF",
        investigation=InvestigationEntry("bench", "BM18", "Bench", "MD"),
        type="processed",
        name=f"{run}-{number}",
        description=f"Volume {number}",
        location=f"bench/{run}/{number}",
        doi=None,
        start=START,
        end=START,
        file_count=10,
        file_size=10_000,
        sample=SharedEntity(f"{run}-{number // 10}"),
        instruments=(SharedEntity("BM18"),),
        techniques=(SharedEntity("tomography"),),
        parameters=tuple(ParameterEntry(f"bench_{n}", units[n % 3], n + 0.5) for n in range(40)),
        files=tuple(FileEntry(f"{n}.tif", f"{run}/{n}.tif", 1000, "0" * 64) for n in range(10)),
    )


async def seconds(icat: Icat, written: DatasetEntry, known: int | None) -> tuple[float, int]:
    started = time.monotonic()
    number = await icat.register(
        written, known_id=known, maybe_written=known is not None, take_over=False
    )
    return time.monotonic() - started, number


async def measure(names: dict[str, Icat]) -> dict[str, tuple[list[float], list[float]]]:
    """Returns the seconds of creates and of updates by server, which take turns."""
    run = uuid.uuid4().hex[:8]
    found: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in names}
    for icat in names.values():  # types, sample, caches
        await seconds(icat, entry(0, f"{run}w"), None)
    for number in range(DATASETS):
        for name, icat in names.items():
            written = entry(number, run)
            created, known = await seconds(icat, written, None)
            changed = replace(written, description="Corrected")
            updated, _ = await seconds(icat, changed, known)
            found[name][0].append(created)
            found[name][1].append(updated)
    return found


def test_seconds_for_a_dataset(tmp_path: Path) -> None:
    with running(tmp_path / "icat") as simulator:
        names = {"simulator": Icat(IngestSettings(icat_url=simulator.url))}
        if URL:
            password = SecretStr(os.environ.get("PORTAL_TEST_ICAT_PASSWORD", "ingest"))
            names["real"] = Icat(
                IngestSettings(
                    icat_url=URL,
                    icat_authenticator=os.environ.get("PORTAL_TEST_ICAT_AUTHENTICATOR", "simple"),
                    icat_user=os.environ.get("PORTAL_TEST_ICAT_USER", "ingest"),
                    icat_password=password,
                )
            )
        found = asyncio.run(measure(names))
        for icat in names.values():
            icat.close()
    print(f"\n{DATASETS} datasets, 40 parameters and 10 files each; seconds, median (95%)")
    for name, (created, updated) in found.items():
        shown = [f"{statistics.median(s):.3f} ({sorted(s)[len(s) * 95 // 100]:.3f})"
                 for s in (created, updated)]  # fmt: skip
        print(f"{name:10} create {shown[0]}  update {shown[1]}")
