"""The Human Organ Atlas on one machine: every published record is found exactly once."""

import contextlib
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.drivers import plain_http
from tests.drivers.instance import Portal
from tests.drivers.services.operators import HEADERS

pytestmark = pytest.mark.timeout(1200)  # the first test waits for the whole import

KIDNEY = "LADAF-2021-17_kidney"


@pytest.fixture(scope="module")
def datasets(atlas: Portal) -> list[dict[str, Any]]:
    include = [{"relation": r} for r in ("parameters", "samples", "techniques", "instrument")]
    found: list[dict[str, Any]] = atlas.api("/Datasets", filter={"include": include})
    return found


def values(datasets: list[dict[str, Any]], name: str) -> list[Any]:
    """The parameter of that name of each dataset that has it."""
    return [p["value"] for d in datasets for p in d["parameters"] if p["name"] == name]


def test_every_dataset_and_document_is_found(atlas: Portal, datasets: list[dict[str, Any]]) -> None:
    assert len(datasets) == len({d["pid"] for d in datasets}) == 378
    assert atlas.api("/Datasets/count") == {"count": 378}
    documents = atlas.api("/Documents")
    assert Counter(d["type"] for d in documents) == {"publication": 83, "proposal": 4}
    assert {i["name"] for i in atlas.api("/Instruments")} == {"BM05", "BM18"}


def test_donors_samples_and_overlays_are_counted_as_published(
    datasets: list[dict[str, Any]],
) -> None:
    assert len(set(values(datasets, "donor"))) == 60
    assert len({s["pid"] for d in datasets for s in d["samples"]}) == 94
    organs = Counter(values(datasets, "organ"))
    assert organs["heart"] == 124
    assert organs["placenta"] == 1
    assert Counter(values(datasets, "dataset_type")) == {"overview": 109, "zoom": 269}
    assert sum(organs.values()) == 378


def test_every_dataset_and_document_has_a_doi(atlas: Portal) -> None:
    identifiers = atlas.status()["services"]["doi"]["identifiers"]
    assert identifiers["adopted"] == 372
    assert identifiers["minted"] == 88 + 6
    assert identifiers.get("failed", 0) == 0


def test_registry_datacite_and_icat_agree_on_every_doi(atlas: Portal) -> None:
    audit = json.loads(atlas.done("doi", "audit", "--json"))
    assert audit["differences"] == []
    assert (audit["at_datacite"], audit["in_icat"]) == (88 + 6, 378 + 88)


def test_events_published_again_cause_no_request_to_datacite(atlas: Portal) -> None:
    calls = plain_http.get(atlas.part("datacite") + "/_calls").json()
    assert calls["answers"]["PUT /dois/{doi} 201"] == 88 + 6  # none was made twice
    republished = plain_http.post(
        atlas.part("ingest") + "/republish", headers=HEADERS, timeout=120
    ).json()
    assert republished["events"] > 378
    atlas.done("wait", "--timeout", "300")
    assert plain_http.get(atlas.part("datacite") + "/_calls").json() == calls


def test_the_atlas_is_cited_by_its_own_doi(atlas: Portal) -> None:
    (identifier,) = json.loads(atlas.done("doi", "show", "human-organ-atlas", "--json"))
    accept = {"Accept": "application/vnd.datacite.datacite+json"}
    metadata = plain_http.get(f"{atlas.url}/doi/{identifier['doi']}", headers=accept).json()
    parts = [r for r in metadata["relatedIdentifiers"] if r["relationType"] == "HasPart"]
    assert len(parts) == 83
    accept = {"Accept": "text/x-bibliography; style=apa"}
    text = plain_http.get(f"{atlas.url}/doi/{identifier['doi']}", headers=accept).text
    assert text.startswith("The Human Organ Atlas Collaboration")


def test_no_date_of_death_is_anywhere(atlas: Portal) -> None:
    text = json.dumps(atlas.api("/Documents", filter={"include": [{"relation": "datasets"}]}))
    assert "date_of_death" not in text
    for log in (atlas.data / "logs").glob("*.log"):
        assert "date_of_death" not in log.read_text("utf-8", "replace")


def test_the_best_matching_document_comes_first(atlas: Portal) -> None:
    found = atlas.api("/Documents", filter={"query": "left kidney LADAF-2021-17", "limit": 3})
    assert found[0]["pid"] == KIDNEY
    assert all(0 < d["score"] < 1 for d in found)


def test_a_range_with_units_finds_the_same_in_every_unit(atlas: Portal) -> None:
    def counted(low: float, high: float, unit: str) -> int:
        where = {
            "and": [{"name": "voxel_size"}, {"value": {"between": [low, high]}}, {"unit": unit}]
        }
        include = [{"relation": "parameters", "scope": {"where": where}}]
        return len(atlas.api("/Datasets", filter={"include": include}))

    found = counted(2, 3, "um")
    assert found > 50
    assert counted(0.002, 0.003, "mm") == counted(2000, 3000, "nm") == found


def test_facets_count_every_dataset(atlas: Portal) -> None:
    facets = atlas.api("/Datasets/facets", facets="parameter:organ,instrument")
    assert facets["total"] == 378
    assert sum(v["count"] for v in facets["facets"]["parameter:organ"]) == 378


def test_icat_contains_every_record_of_the_portal(atlas: Portal) -> None:
    calls = plain_http.get(atlas.part("icat") + "/_calls").json()
    assert calls["create"] >= 378
    ingest = atlas.status()["services"]["ingest"]
    assert (ingest["datasets"], ingest["documents"], ingest["instruments"]) == (378, 88, 2)
    assert ingest["icat_due"] == 0


def test_a_shared_doi_lists_both_datasets(atlas: Portal, datasets: list[dict[str, Any]]) -> None:
    jobs = json.loads(atlas.done("jobs", "--json", "--limit", "1000"))["jobs"]
    assert {j["answer"]["result"] for j in jobs} == {"done"}
    shared: set[str] = set()
    for job in jobs:
        one = plain_http.get(
            f"{atlas.part('ingest')}/jobs/{job['job_id']}", headers=HEADERS, timeout=30
        ).json()
        if not any(o["warnings"] for o in one["answer"]["outcomes"]):
            continue
        shared |= {
            w["reason"].split(" ")[0]
            for o in one["answer"]["outcomes"]
            for w in o["warnings"]
            if w["field"].endswith(".doi")
        }
    assert len(shared) == 3
    answer = plain_http.get(
        f"{atlas.url}/doi/{shared.pop()}", headers={"Accept": "application/json"}
    )
    assert len(answer.json()["records"]) == 2


def test_a_second_import_changes_nothing(atlas: Portal) -> None:
    before = atlas.status()["services"]
    documents = atlas.api("/Documents", filter={"include": [{"relation": "datasets"}]})
    atlas.done("import", "hoa", "--json", timeout=900)
    atlas.done("wait", "--timeout", "300")
    after = atlas.status()["services"]
    for figure in ("datasets", "documents", "instruments", "jobs_finished"):
        assert after["ingest"][figure] == before["ingest"][figure]
    assert after["doi"]["identifiers"] == before["doi"]["identifiers"]
    again = atlas.api("/Documents", filter={"include": [{"relation": "datasets"}]})
    assert again == documents


def test_the_indexes_are_rebuilt_while_the_portal_serves(atlas: Portal) -> None:
    before = atlas.api("/Datasets", filter={"query": "left kidney", "limit": 20})
    atlas.done("reindex")
    assert atlas.api("/Datasets/count") == {"count": 378}
    assert atlas.api("/Datasets", filter={"query": "left kidney", "limit": 20}) == before


def test_a_download_is_staged_resumed_and_verified(atlas: Portal, tmp_path: Path) -> None:
    pid = "LADAF-2021-17_kidney_left_VOI-02.1_2.6um_bm05"
    listed = plain_http.get(f"{atlas.url}/data/{pid}/", timeout=30).json()
    assert listed
    result = json.loads(atlas.done("get", pid, "-o", str(tmp_path), "--json"))
    files = [p for p in tmp_path.rglob("*") if p.is_file() and not p.name.endswith(".part")]
    assert len(files) >= 3
    assert result["files"]
    one = max(files, key=lambda p: p.stat().st_size)
    content = one.read_bytes()
    one.unlink()
    one.with_name(one.name + ".part").write_bytes(content[: len(content) // 2])
    atlas.done("get", pid, "-o", str(tmp_path), "--json")
    assert one.read_bytes() == content


def test_every_dataset_is_seen_without_a_recall(
    atlas: Portal, datasets: list[dict[str, Any]]
) -> None:
    """Pictures are drawn from what is online; the data themselves stay on tape."""

    def pictures(pid: str) -> set[int]:
        own = f"/data/{pid}"
        paths = [f"{own}/thumbnail/small", *(f"{own}/slices/{axis}/mid" for axis in "zyx")]
        return {client.get(path).status_code for path in paths}

    def on_tape(pid: str) -> bool:
        files = client.get(f"/data/{pid}/").json()["files"]
        return any(file["state"] != "ONLINE" for file in files)

    pids = [d["pid"] for d in datasets]
    with plain_http.client(atlas.url, timeout=60) as client, ThreadPoolExecutor(4) as pool:
        seen = dict(zip(pids, pool.map(pictures, pids), strict=True))
        assert {pid: found for pid, found in seen.items() if found != {200}} == {}
        left = sum(pool.map(on_tape, pids))
    assert left > 0.9 * len(pids)  # other tests request those of a few datasets


def test_an_unknown_pid_has_an_exit_code(atlas: Portal, tmp_path: Path) -> None:
    assert atlas.run("get", "no-such-pid", "-o", str(tmp_path)).returncode == 2


def test_memory_of_all_processes_together_is_bounded(atlas: Portal) -> None:
    """A figure of the product, not of speed: 2.5 GB for everything on one machine."""
    running = atlas.instance()
    started = [f["pid"] for kind in ("services", "servers") for f in running[kind].values()]
    everyone = set[int]().union(*(family(pid) for pid in [running["pid"], *started]))
    assert len(everyone) > len(started)
    assert sum(resident(pid) for pid in everyone) < 2.5e9


def family(pid: int) -> set[int]:
    """Returns the ids of a process and its descendants."""
    children = read_proc(pid, f"task/{pid}/children").split()
    return {pid}.union(*(family(int(child)) for child in children))


def resident(pid: int) -> int:
    """Returns the memory of a process in bytes; shared pages are counted in proportion."""
    lines = read_proc(pid, "smaps_rollup").splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def read_proc(pid: int, name: str) -> str:
    """Reads a file of /proc; returns an empty text if the process has ended."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/{name}").read_text("utf-8")
    return ""
