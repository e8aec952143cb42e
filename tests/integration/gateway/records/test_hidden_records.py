"""Nothing of a record that was never public is in any public answer, also once it is withdrawn."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from portal_gateway.citation.formats import NAMES
from portal_shared.contracts.events import (
    DatasetFilesListed,
    DatasetRegistered,
    DatasetWithdrawn,
    DocumentRegistered,
    DocumentWithdrawn,
    DoiMinted,
    Event,
    InstrumentRegistered,
)
from portal_shared.contracts.records import (
    Change,
    Dataset,
    Document,
    File,
    FileSummary,
    Instrument,
    files_digest,
)

from tests.drivers.portal import Portal
from tests.integration.gateway.records.small_atlas import organ, scan

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
SECRET = "Zanzibarium"  # in every text of a hidden record
HISTORY = (Change(version=1, at=NOW, kind="registered", job_id=SECRET),)
TEXTS: dict[str, Any] = {
    "title": f"The {SECRET}",
    "summary": f"On {SECRET}",
    "keywords": [SECRET],
    "members": [{"person": {"id": "z", "full_name": f"Zoe {SECRET}"}}],
    "funding": [{"funder": f"{SECRET} fund"}],
}
PUBLIC = scan("kidney", "left", "overview", 25.0)
HIDDEN = scan(
    "kidney", "left", "zoom", 1.0, is_public=False, folder="x",
    samples=[{"pid": SECRET, "name": SECRET}], instrument={"pid": "bm18", "name": "BM18",
    "facility": "ESRF"}, techniques=[{"pid": f"local/{SECRET}", "name": SECRET}], **TEXTS,
)  # fmt: skip
HIDDEN_ORGAN = organ("brain", HIDDEN, is_public=False, **TEXTS)
KIDNEY = organ("kidney", PUBLIC, HIDDEN)
DOI, ORGAN_DOI = "10.5072/hidden", "10.5072/hidden-organ"
FORMATS = (*NAMES, "ieee")
ACCEPTS = ("text/html", "application/json", "application/ld+json", "application/x-bibtex",
           "text/x-bibliography; style=apa")  # fmt: skip


def minted(pid: str, level: Any, doi: str, *, state: Any = "findable") -> DoiMinted:
    return DoiMinted(pid=pid, level=level, doi=doi, url="https://x.org", adopted=False,
                     state=state, version=1)  # fmt: skip


def registered() -> list[Event]:
    files = (File(name=f"{SECRET}.tif", size=1),)
    return [
        DatasetRegistered(dataset=PUBLIC, version=1),
        DatasetRegistered(dataset=HIDDEN, version=1, history=HISTORY),
        DocumentRegistered(document=KIDNEY, version=1),
        DocumentRegistered(document=HIDDEN_ORGAN, version=1, history=HISTORY),
        DatasetFilesListed(pid=HIDDEN.pid, version=1, digest=files_digest(list(files)), folder="x",
                           part=0, parts=1, files=files),
        minted(HIDDEN.pid, "dataset", DOI),
        minted(HIDDEN_ORGAN.pid, "document", ORGAN_DOI),
    ]  # fmt: skip


def withdrawn(version: int = 2) -> list[Event]:
    """The events as older versions of ingest published them, with title and history."""
    given: dict[str, Any] = {
        "version": version, "reason": f"{SECRET} withdrawn", "withdrawn_at": NOW,
        "title": f"The {SECRET}", "history": HISTORY,
    }  # fmt: skip
    return [
        DatasetWithdrawn(pid=HIDDEN.pid, **given),
        DocumentWithdrawn(pid=HIDDEN_ORGAN.pid, **given),
    ]


def addresses_of(level: str, pid: str, doi: str) -> list[str]:
    """Every public address of one record."""
    names = [quote(pid, safe=""), quote(doi, safe=""), doi]
    return [
        f"/doi/{doi}",
        *(f"/{level}s/{name}" for name in names),
        *(f"/api/{level.capitalize()}s/{name}" for name in names),
        *(f"/api/records/{name}/history" for name in names),
        *(f"/api/records/{n}/citation?format={form}" for n in names for form in FORMATS),
        f"/api/Datasets/{names[0]}/files",
        f"/api/Datasets/{names[0]}/files/count",
    ]


def lists() -> list[str]:
    """Public lists, counts, facets, suggestions and exports."""
    everything = quote('{"include": [{"relation": "datasets"}, {"relation": "parameters"}]}')
    found = ["/api/staging", "/api/Instruments", "/", f"/api/Documents?filter={everything}"]
    for entity in ("Datasets", "Documents"):
        facets = "samples,techniques,instrument,keywords"
        found += [
            f"/api/{entity}",
            f"/api/{entity}?snippets=true&query={SECRET}",
            f"/api/{entity}/count?query={SECRET}",
            f"/api/{entity}/facets?facets={facets}",
            f"/api/{entity}/suggest?typed={SECRET[:4]}",
            f"/api/{entity}/export?format=csv",
        ]
    found += [f"/documents/{KIDNEY.pid}", f"/datasets/{PUBLIC.pid}"]
    return found


async def assert_hidden(portal: Portal) -> None:
    """No public answer has the secret text, pid or DOI of the hidden records."""
    names = (SECRET, HIDDEN.pid, HIDDEN_ORGAN.pid, DOI)
    for address in lists():
        answer = await portal.reader.get(address)
        assert answer.status_code == 200, (address, answer.text)
        text = answer.text.replace(f"query={SECRET}", "")
        assert not [name for name in names if name in text], (address, text)
    for level, pid, doi in (
        ("dataset", HIDDEN.pid, DOI),
        ("document", HIDDEN_ORGAN.pid, ORGAN_DOI),
    ):
        for address in addresses_of(level, pid, doi):
            for accept in ACCEPTS:
                answer = await portal.reader.get(address, headers={"accept": accept})
                assert answer.status_code in (404, 406), (address, accept, answer.text)
                assert SECRET not in answer.text, (address, accept)
    refused = await portal.reader.post("/api/downloads", json={"pid": HIDDEN.pid})
    assert refused.status_code == 404
    assert SECRET not in refused.text


async def test_no_answer_has_anything_of_a_record_that_was_never_public(portal: Portal) -> None:
    await portal.publish(registered())
    await portal.wait_indexed()
    await assert_hidden(portal)
    await portal.publish(withdrawn())
    await portal.wait_indexed()
    await assert_hidden(portal)


async def test_a_record_that_only_its_withdrawal_names_is_not_public(portal: Portal) -> None:
    await portal.publish([
        DatasetRegistered(dataset=PUBLIC, version=1),
        DocumentRegistered(document=KIDNEY, version=1),
        *withdrawn(),
    ])  # fmt: skip
    await portal.wait_indexed()
    await assert_hidden(portal)


async def test_what_was_public_stays_public_while_hidden_changes_do_not(portal: Portal) -> None:
    shown = [
        scan("kidney", "left", "zoom", 1.0, title="Public scan"),
        organ("brain", title="Public organ", keywords=["brain"]),
    ]
    levels: dict[Any, str] = {"dataset": DOI, "document": ORGAN_DOI}
    await portal.publish([
        *_events(shown, version=1),
        *(minted(r.pid, level, doi) for r, (level, doi) in zip(shown, levels.items(), strict=True)),
    ])  # fmt: skip
    await portal.wait_indexed()
    await portal.publish(_events([HIDDEN, HIDDEN_ORGAN], version=2))
    await portal.wait_indexed()
    assert (await portal.get(f"/datasets/{HIDDEN.pid}")).status_code == 404
    await portal.publish(_tombstones(version=3))
    await portal.wait_indexed()
    for record, (level, doi) in zip(shown, levels.items(), strict=True):
        for form in FORMATS:
            cited = await portal.get(f"/api/records/{record.pid}/citation", format=form)
            assert cited.status_code == 200
            assert record.title in cited.text
            assert SECRET not in cited.text
        for accept in ACCEPTS:
            answer = await portal.reader.get(f"/doi/{doi}", headers={"accept": accept})
            assert SECRET not in answer.text
        landing = await portal.get(f"/{level}s/{record.pid}")
        assert (landing.status_code, landing.json()["record_title"]) == (410, record.title)
        found = (await portal.get(f"/api/records/{record.pid}/history")).json()
        assert found["withdrawn"]["title"] == record.title


def _events(records: list[Any], version: int) -> list[Event]:
    return [
        DatasetRegistered(dataset=r, version=version)
        if isinstance(r, Dataset)
        else DocumentRegistered(document=r, version=version)
        for r in records
    ]


def _tombstones(version: int) -> list[Event]:
    given: dict[str, Any] = {"version": version, "reason": "wrong donor", "withdrawn_at": NOW}
    return [
        DatasetWithdrawn(pid=HIDDEN.pid, title=f"The {SECRET}", **given),
        DocumentWithdrawn(pid=HIDDEN_ORGAN.pid, title=f"The {SECRET}", **given),
    ]


async def test_a_tombstone_shows_the_last_public_state_that_its_event_carries(
    portal: Portal,
) -> None:
    given: dict[str, Any] = {"version": 3, "reason": "wrong donor", "withdrawn_at": NOW}
    await portal.publish([
        DatasetWithdrawn(pid=PUBLIC.pid, title=PUBLIC.title, dataset=PUBLIC, **given),
        minted(PUBLIC.pid, "dataset", DOI),
    ])  # fmt: skip
    await portal.wait_indexed()
    text = (await portal.get(f"/api/records/{PUBLIC.pid}/citation")).text
    assert PUBLIC.title in text
    assert (await portal.get(f"/datasets/{PUBLIC.pid}")).status_code == 410


async def test_a_public_edition_stays_until_the_next_one_is_public(portal: Portal) -> None:
    """Also for records that earlier versions of ingest stored as superseded at once."""
    update = {"pid": f"{PUBLIC.pid}.v2", "edition": 2, "supersedes": PUBLIC.pid}
    newer = HIDDEN.model_copy(update=update)
    old = PUBLIC.model_copy(update={"superseded_by": newer.pid})
    listing: Document = organ("kidney", newer)
    await portal.publish([
        DocumentRegistered(document=listing, version=1),
        DatasetRegistered(dataset=old, version=2),
        DatasetRegistered(dataset=newer, version=1),
        minted(newer.pid, "dataset", DOI, state="registered"),
        minted(old.pid, "dataset", "10.5072/old"),
    ])  # fmt: skip
    await portal.wait_indexed()
    includes = {"include": [{"relation": "datasets"}]}

    async def listed() -> list[str]:
        document = (await portal.get(f"/api/Documents/{KIDNEY.pid}", filter=includes)).json()
        return [d["pid"] for d in document.get("datasets", ())]

    async def answers() -> list[str]:
        pid = PUBLIC.pid
        paths = [f"/api/records/{pid}/history", f"/datasets/{pid}", f"/documents/{KIDNEY.pid}"]
        paths += [f"/api/records/{pid}/citation?format={form}" for form in FORMATS]
        return [(await portal.reader.get(path)).text for path in paths]

    assert await portal.pids("/api/Datasets") == [PUBLIC.pid]
    assert await listed() == [PUBLIC.pid]
    assert not [text for text in await answers() if newer.pid in text or DOI in text]
    shown = newer.model_copy(update={"is_public": True})
    await portal.publish([DatasetRegistered(dataset=shown, version=2)])
    await portal.wait_indexed()
    assert await portal.pids("/api/Datasets") == [newer.pid]
    assert await listed() == [newer.pid]
    assert newer.pid in (await answers())[0]
    hidden = newer.model_copy(update={"title": "Hidden again"})
    await portal.publish([DatasetRegistered(dataset=hidden, version=3)])
    await portal.wait_indexed()
    assert await portal.pids("/api/Datasets") == [PUBLIC.pid]


INSTRUMENTS = [Instrument(pid=f"i{n}", name=f"I{n}", facility="ESRF") for n in range(3)]


def measured(name: str, number: int, *, is_public: bool) -> Dataset:
    """A dataset that was measured at an instrument."""
    return PUBLIC.model_copy(
        update={"pid": name, "is_public": is_public, "instrument": INSTRUMENTS[number]}
    )


async def test_an_instrument_that_hidden_datasets_alone_use_is_not_public(portal: Portal) -> None:
    shown, hidden = measured("shown", 0, is_public=True), measured("hidden", 1, is_public=False)
    instruments = [InstrumentRegistered(instrument=one, version=1) for one in INSTRUMENTS]
    datasets = [DatasetRegistered(dataset=one, version=1) for one in (shown, hidden)]
    await portal.publish([*instruments, *datasets])
    await portal.wait_indexed()
    assert await portal.pids("/api/Instruments") == ["i0", "i2"]  # no dataset uses the third
    assert (await portal.reader.get("/api/Instruments/i1")).status_code == 404
    for version, (one, is_public, found) in enumerate(
        [(hidden, True, ["i0", "i1", "i2"]), (shown, False, ["i1", "i2"])], start=2
    ):
        changed = one.model_copy(update={"is_public": is_public})
        await portal.publish([DatasetRegistered(dataset=changed, version=version)])
        await portal.wait_indexed()
        assert await portal.pids("/api/Instruments") == found
    again = shown.model_copy(update={"is_public": False, "instrument": INSTRUMENTS[2]})
    await portal.publish([DatasetRegistered(dataset=again, version=4)])
    other = measured("other", 0, is_public=True)
    await portal.publish([DatasetRegistered(dataset=other, version=1)])
    await portal.wait_indexed()
    assert "i0" in await portal.pids("/api/Instruments")
    gone = {"pid": "other", "version": 2, "reason": "wrong", "withdrawn_at": NOW, "title": "x"}
    await portal.publish([DatasetWithdrawn(**gone, dataset=other)])
    await portal.wait_indexed()
    assert "i0" in await portal.pids("/api/Instruments")  # its tombstone is public


async def test_the_indexes_are_rebuilt_without_hidden_instruments(portal: Portal) -> None:
    hidden = measured("hidden", 1, is_public=False)
    instruments = [InstrumentRegistered(instrument=one, version=1) for one in INSTRUMENTS]
    await portal.publish([*instruments, DatasetRegistered(dataset=hidden, version=1)])
    await portal.wait_indexed()
    (await portal.operator.post("/reindex")).raise_for_status()
    async with asyncio.timeout(60):
        while (state := (await portal.operator.get("/status")).json()["reindex"])["state"] in (
            "asked",
            "running",
        ):
            await asyncio.sleep(0.05)
    assert state["state"] == "done", state
    await portal.wait_indexed()
    assert await portal.pids("/api/Instruments") == ["i0", "i2"]


async def test_a_dataset_that_is_hidden_while_it_is_restored_is_not_listed(portal: Portal) -> None:
    file = File(name="v.tif", size=1)
    digest = files_digest([file])
    summary = FileSummary(count=1, bytes=1, digest=digest)
    archived = PUBLIC.model_copy(update={"folder": "x", "files": summary})
    await portal.publish(
        [
            DatasetRegistered(dataset=archived, version=1),
            DatasetFilesListed(pid=archived.pid, version=1, digest=digest, folder="x",
                               part=0, parts=1, files=(file,)),
        ]
    )  # fmt: skip
    await portal.wait_indexed()
    answer = await portal.reader.post("/api/downloads", json={"pid": archived.pid})
    assert answer.status_code == 202, answer.text
    listed = (await portal.reader.get("/api/staging")).json()
    assert ([row["pid"] for row in listed["datasets"]], listed["downloads"]) == ([archived.pid], 1)
    hidden = archived.model_copy(update={"is_public": False})
    await portal.publish([DatasetRegistered(dataset=hidden, version=2)])
    await portal.wait_indexed()
    for accept in ("application/json", "text/html"):
        answer = await portal.reader.get("/api/staging", headers={"accept": accept})
        assert archived.pid not in answer.text
    assert (await portal.reader.get("/api/staging")).json() == {"datasets": [], "downloads": 0}
