"""Files of a dataset, DOIs and landing pages."""

import asyncio
from typing import Any

import pytest
from portal_gateway.search import files as file_pages
from portal_shared.contracts.events import (
    DatasetAvailability,
    DatasetFilesListed,
    DoiMinted,
)
from portal_shared.contracts.records import File, files_digest

from tests.drivers.portal import Portal
from tests.integration.gateway.records.small_atlas import (
    DONOR,
    HEART,
    KIDNEYS,
)


async def test_files_come_in_pages_of_the_newest_complete_list(fresh_atlas: Portal) -> None:
    pid = HEART.pid
    files = [File(name=f"slice_{n:03d}.tif", path="slices", size=n) for n in range(7)]

    def listed(version: int, files: list[File], part: int, parts: int) -> DatasetFilesListed:
        return DatasetFilesListed(
            pid=pid,
            version=version,
            digest=files_digest(files),
            folder="f",
            part=part,
            parts=parts,
            files=tuple(files[part * 4 : part * 4 + 4]) if parts > 1 else tuple(files),
        )

    await fresh_atlas.publish([listed(2, files, 1, 2)])
    service = fresh_atlas.indexer.state.service
    while service.retries.outcomes["ok"] < fresh_atlas.published:
        await asyncio.sleep(0.02)
    assert (await fresh_atlas.operator.get("/status")).json()["pending"] > 0
    assert (await fresh_atlas.get(f"/api/Datasets/{pid}/files/count")).json() == {"count": 0}
    await fresh_atlas.publish(
        [listed(2, files, 0, 2), listed(1, files[:1], 0, 1), listed(2, files, 1, 2)]
    )
    await fresh_atlas.wait_indexed()
    answer = await fresh_atlas.get(f"/api/Datasets/{pid}/files", filter={"skip": 2, "limit": 3})
    assert [f["name"] for f in answer.json()] == [f.name for f in files[2:5]]
    assert answer.headers["x-total-count"] == "7"
    where = {"size": {"gte": 5}}
    assert (await fresh_atlas.get(f"/api/datasets/{pid}/FILES/count", where=where)).json() == {
        "count": 2
    }
    cut = await fresh_atlas.get(
        f"/api/Datasets/{pid}/files", filter={"order": "size DESC", "limit": 1}
    )
    assert cut.json()[0]["size"] == 6
    included = {"include": [{"relation": "files", "scope": {"where": {"text": "SLICE_003"}}}]}
    assert await fresh_atlas.pids("/api/Datasets", filter=included) == [pid]


async def test_a_long_list_of_files_is_sent_while_it_is_read(
    fresh_atlas: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = HEART.pid
    files = [File(name=f"s_{n:03d}.tif", path="slices", size=n % 10) for n in range(100)]
    listed = DatasetFilesListed(
        pid=pid,
        version=3,
        digest=files_digest(files),
        folder="f",
        part=0,
        parts=1,
        files=tuple(files),
    )
    await fresh_atlas.publish([listed])
    await fresh_atlas.wait_indexed()
    filters: list[dict[str, Any]] = [
        {},
        {"skip": 7},
        {"skip": 3, "limit": 60},
        {"where": {"size": {"gte": 3}}},
        {"where": {"size": {"gte": 3}}, "skip": 11, "limit": 40},
        {"order": "size DESC", "skip": 2, "limit": 30},
        {"order": "size", "fields": ["name"]},
    ]
    url = f"/api/Datasets/{pid}/files"
    whole = [await fresh_atlas.get(url, filter=given) for given in filters]
    assert [len(answer.json()) for answer in whole] == [100, 93, 60, 70, 40, 30, 100]
    monkeypatch.setattr(file_pages, "MAX_BUFFERED_FILES", 10)
    monkeypatch.setattr(file_pages, "BATCH_SIZE", 8)
    for given, before in zip(filters, whole, strict=True):
        answer = await fresh_atlas.get(url, filter=given)
        assert answer.json() == before.json()
        assert answer.headers["x-total-count"] == before.headers["x-total-count"]
        assert (answer.headers.get("etag") is None) == ("order" not in given)
    monkeypatch.setattr(file_pages, "MAX_SORTED_FILES", 50)
    for given in ({"order": "name"}, {"order": "name", "skip": 30, "limit": 21}):
        refused = await fresh_atlas.get(url, filter=given)
        assert refused.status_code == 400
        assert "leave the order out" in refused.text
    assert len((await fresh_atlas.get(url, filter={"order": "name", "limit": 50})).json()) == 50


async def test_a_doi_leads_to_its_records(fresh_atlas: Portal) -> None:
    shared = "10.15151/ESRF-DC-1"
    await fresh_atlas.publish(
        [
            *(
                DoiMinted(pid=k.pid, level="dataset", doi=shared.lower(), url="u", adopted=True,
                          state="findable", version=1)
                for k in KIDNEYS[:2]
            ),
            DoiMinted(pid=f"{DONOR}_kidney", level="document", doi="10.1/k", url="u",
                      adopted=False, state="findable", version=1),
        ]
    )  # fmt: skip
    await fresh_atlas.wait_indexed()
    json_only = {"accept": "application/json"}
    both = (await fresh_atlas.reader.get(f"/doi/{shared}", headers=json_only)).json()
    assert {r["pid"] for r in both["records"]} == {k.pid for k in KIDNEYS[:2]}
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    one = await fresh_atlas.reader.get("/doi/10.1/K", headers=browser)
    assert (one.status_code, one.headers["location"]) == (302, f"/documents/{DONOR}_kidney")
    choice = await fresh_atlas.reader.get(f"/doi/{shared}", headers=browser)
    assert (choice.status_code, choice.headers["location"]) == (302, f"/shared-doi/{shared}")
    assert (await fresh_atlas.reader.get("/doi/10.1/none", headers=json_only)).status_code == 404
    assert (await fresh_atlas.get("/api/Documents/10.1%2Fk")).json()["doi"] == "10.1/k"


async def test_without_the_web_site_a_record_is_shown_as_json(fresh_atlas: Portal) -> None:
    await fresh_atlas.publish(
        [
            DatasetAvailability(
                pid=HEART.pid, availability="ARCHIVED", files=1, files_online=0, version=1
            )
        ]
    )
    await fresh_atlas.wait_indexed()
    received = (await fresh_atlas.get(f"/datasets/{HEART.pid}")).json()
    assert received["availability"] == "ARCHIVED"
    assert received["details"] == HEART.details
    assert received["documents"][0]["pid"] == f"{DONOR}_heart"
    assert received["members"][0]["person"]["fullName"] == "Ada <b>Lovelace</b>"
    browser = {"accept": "text/html"}
    page = await fresh_atlas.reader.get(f"/datasets/{HEART.pid}", headers=browser)
    assert page.headers["content-type"].startswith("text/plain")
    assert f"/api/records/{HEART.pid}" in page.text
    assert (await fresh_atlas.reader.get("/", headers=browser)).status_code == 200
    assert (await fresh_atlas.get(f"/documents/{DONOR}_heart")).json()["datasets"][0][
        "pid"
    ] == HEART.pid
