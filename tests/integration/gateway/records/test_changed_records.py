"""What readers see of records that were embargoed, superseded or withdrawn."""

from datetime import UTC, datetime

from portal_shared.contracts.events import (
    DatasetRegistered,
    DatasetWithdrawn,
    DocumentRegistered,
    DoiMinted,
)
from portal_shared.contracts.identifiers import bare_doi
from portal_shared.contracts.records import Change

from tests.drivers.portal import Portal
from tests.integration.gateway.records.small_atlas import DONOR, HEART, organ, registered, scan

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
SCAN = scan("kidney", "left", "overview", 25.0)
KIDNEY = organ("kidney", SCAN)
HISTORY = (Change(version=1, at=NOW, kind="registered", job_id="j1"),)


async def test_an_embargoed_record_is_in_no_answer_until_it_is_released(portal: Portal) -> None:
    hidden = SCAN.model_copy(update={"is_public": False})
    await portal.publish([
        DocumentRegistered(document=KIDNEY, version=1),
        DatasetRegistered(dataset=hidden, version=1, history=HISTORY),
    ])  # fmt: skip
    await portal.wait_indexed()
    assert await portal.pids("/api/Datasets") == []
    for path in (f"/api/Datasets/{SCAN.pid}", f"/datasets/{SCAN.pid}"):
        assert (await portal.get(path)).status_code == 404
    assert (await portal.get(f"/api/records/{SCAN.pid}/history")).status_code == 404
    released = (*HISTORY, Change(version=2, at=NOW, kind="released", fields=("is_public",)))
    await portal.publish([DatasetRegistered(dataset=SCAN, version=2, history=released)])
    await portal.wait_indexed()
    assert await portal.pids("/api/Datasets") == [SCAN.pid]
    found = (await portal.get(f"/api/records/{SCAN.pid}/history")).json()
    assert [(c["version"], c["kind"]) for c in found["history"]] == [
        (1, "registered"),
        (2, "released"),
    ]
    for version, kind in ((1, "registered"), (2, "released")):  # each version has an address
        one = (await portal.get(f"/api/records/{SCAN.pid}/history/{version}")).json()
        assert (one["pid"], one["version"], one["kind"]) == (SCAN.pid, version, kind)
        assert one["is_current"] == (version == 2)
    for unknown in ("3", "0", "x"):
        found = await portal.get(f"/api/records/{SCAN.pid}/history/{unknown}")
        assert found.status_code == 404


async def test_a_withdrawn_dataset_is_gone_but_for_its_tombstone(portal: Portal) -> None:
    minted = DoiMinted(pid=SCAN.pid, level="dataset", doi="10.5072/ABC", url="https://x.org",
                       adopted=False, state="findable", version=1)  # fmt: skip
    stone = DatasetWithdrawn(pid=SCAN.pid, version=2, reason="<b>consent</b> withdrawn",
                             withdrawn_at=NOW, title=SCAN.title, history=HISTORY)  # fmt: skip
    await portal.publish([
        DocumentRegistered(document=KIDNEY, version=1),
        DatasetRegistered(dataset=SCAN, version=1),
        minted,
    ])  # fmt: skip
    await portal.wait_indexed()
    await portal.publish([stone, DatasetRegistered(dataset=SCAN, version=1)])
    await portal.wait_indexed()
    assert await portal.pids("/api/Datasets") == []
    assert (await portal.get(f"/api/Datasets/{SCAN.pid}")).status_code == 404
    includes = {"include": [{"relation": "datasets"}]}
    document = (await portal.get(f"/api/Documents/{KIDNEY.pid}", filter=includes)).json()
    assert document.get("datasets", []) == []
    for name in (SCAN.pid, "10.5072/ABC"):
        landing = await portal.get(f"/datasets/{name}")
        assert landing.status_code == 410
        assert landing.json()["reason"] == "<b>consent</b> withdrawn"
        assert landing.json()["doi"] == bare_doi("10.5072/ABC")
    page = await portal.reader.get(f"/datasets/{SCAN.pid}", headers={"accept": "text/html"})
    assert page.status_code == 410
    assert page.headers["content-type"] == "application/problem+json"
    found = (await portal.get(f"/api/records/{SCAN.pid}/history")).json()
    assert found["withdrawn"]["reason"] == "<b>consent</b> withdrawn"
    refused = await portal.reader.post("/api/downloads", json={"pid": SCAN.pid})
    assert refused.status_code in (404, 410)


async def test_a_superseded_dataset_is_cited_but_not_found(portal: Portal) -> None:
    newer = SCAN.model_copy(update={"pid": f"{SCAN.pid}.v2", "edition": 2, "supersedes": SCAN.pid})
    await portal.publish([
        DocumentRegistered(document=KIDNEY, version=1),
        DatasetRegistered(dataset=SCAN, version=1),
    ])  # fmt: skip
    await portal.wait_indexed()
    old = SCAN.model_copy(update={"superseded_by": newer.pid})
    listing = KIDNEY.model_copy(update={"datasets": (newer.pid,)})
    await portal.publish([
        DatasetRegistered(dataset=newer, version=1),
        DatasetRegistered(dataset=old, version=2),
        DocumentRegistered(document=listing, version=2),
    ])  # fmt: skip
    await portal.wait_indexed()
    assert await portal.pids("/api/Datasets") == [newer.pid]
    assert (await portal.get(f"/api/Datasets/{SCAN.pid}")).status_code == 200
    found = (await portal.get(f"/api/records/{SCAN.pid}/history")).json()
    assert found["superseded_by"] == newer.pid
    includes = {"include": [{"relation": "datasets"}]}
    document = (await portal.get(f"/api/Documents/{KIDNEY.pid}", filter=includes)).json()
    assert [d["pid"] for d in document["datasets"]] == [newer.pid]


async def test_an_older_event_changes_nothing_and_a_newer_one_everything(
    fresh_atlas: Portal,
) -> None:
    newer = HEART.model_copy(update={"title": "Cor humanum"})
    await fresh_atlas.publish(registered(newer, version=3))
    await fresh_atlas.publish(registered(HEART, version=2))
    await fresh_atlas.wait_indexed()
    assert (await fresh_atlas.get(f"/api/Datasets/{HEART.pid}")).json()["title"] == "Cor humanum"
    assert await fresh_atlas.pids("/api/Documents", query="humanum") == [f"{DONOR}_heart"]
    hidden = newer.model_copy(update={"is_public": False})
    await fresh_atlas.publish(registered(hidden, version=4))
    await fresh_atlas.wait_indexed()
    assert HEART.pid not in await fresh_atlas.pids("/api/Datasets")
    assert await fresh_atlas.pids("/api/Documents", query="humanum") == []


async def test_a_rebuild_serves_throughout_and_loses_nothing(fresh_atlas: Portal) -> None:
    before = await fresh_atlas.pids("/api/Datasets")
    assert (await fresh_atlas.operator.post("/reindex")).status_code == 202
    late = scan("lung", "left", "zoom", 2.0)
    await fresh_atlas.publish(registered(late))
    while (await fresh_atlas.operator.get("/reindex")).json()["state"] != "done":
        assert len(await fresh_atlas.pids("/api/Datasets")) >= len(before)
        assert (await fresh_atlas.operator.get("/reindex")).json()["state"] != "failed"
    await fresh_atlas.wait_indexed()
    assert await fresh_atlas.pids("/api/Datasets") == sorted([*before, late.pid])
    assert (await fresh_atlas.get("/api/Datasets/count", query="kidney")).json() == {"count": 3}
