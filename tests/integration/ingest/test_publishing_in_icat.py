"""DOIs in ICAT: a DataCollection in the form of ESRF, and a complete DataPublication."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import aio_pika
import icat
import pytest
from portal_shared.contracts.events import DoiMinted
from portal_shared.messaging import topology

from tests.builders import dataset_part, document_part, job
from tests.drivers.services.ingest import Ingest
from tests.integration.ingest.test_changing_records import change

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
FAR = (datetime.now(UTC) + timedelta(days=300)).isoformat()
QUERY = (
    "SELECT o FROM DataPublication o INCLUDE o.users AS u, u.affiliations, u.user, o.dates,"
    " o.fundingReferences AS f, f.funding, o.relatedItems, o.subjects, o.type,"
    " o.content AS c, c.dataCollectionDatasets, c.parameters AS p, p.type"
)


async def settled(ingest: Ingest) -> int:
    status = (await ingest.http.get("/status")).raise_for_status().json()
    return sum(status["settled"].values())


async def publish_minted(ingest: Ingest, pid: str, level: Any, doi: str, version: int) -> None:
    """Publishes that a DOI was minted; returns once ingest has stored it."""
    before = await settled(ingest)
    event = DoiMinted(pid=pid, level=level, doi=doi, url="https://x.org", adopted=False,
                      state="findable", version=version)  # fmt: skip
    exchange = await ingest.broker.channel.get_exchange(topology.EVENTS)
    body = event.model_dump_json().encode()
    message = aio_pika.Message(body, message_id=str(uuid.uuid4()), type=event.key)
    await exchange.publish(message, routing_key=event.key)
    async with asyncio.timeout(60):
        while await settled(ingest) == before:
            await asyncio.sleep(0.05)


async def published(catalogue: icat.Client, title: str) -> Any:
    async with asyncio.timeout(60):
        while True:
            found = await asyncio.to_thread(catalogue.search, QUERY)
            if found and found[0].title == title and found[0].relatedItems:
                return found[0]
            await asyncio.sleep(0.3)


async def test_a_document_is_published_with_people_dates_funding_and_relations(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    document: dict[str, Any] = {
        "name": "D1_kidney",
        "title": "Kidney of donor D1",
        "keywords": ["kidney", "HiP-CT"],
        "start_date": "2021-09-01T00:00:00Z",
        "end_date": "2021-09-30T00:00:00Z",
        "members": [
            {
                "person": {"id": "p", "full_name": "Ada O'Lovelace", "last_name": "O'Lovelace",
                           "orcid": "0000-0002-1825-0097"},
                "affiliation": {"id": "ucl", "name": "UCL", "ror": "https://ror.org/02jx3x895"},
            }
        ],
        "funding": [{"funder": "CZI", "award": "2020-225394"}],
        "related": [{"relation": "IsSupplementTo", "identifier": "10.1038/s41592-021-01317-x"}],
    }  # fmt: skip
    await ingest.run(job(dataset_part("a"), job_id="j1", document=document))
    await publish_minted(ingest, "a", "dataset", "10.5072/a", 1)
    await publish_minted(ingest, "D1_kidney", "document", "10.5072/d", 1)
    found = await published(catalogue, "Kidney of donor D1")
    assert (found.pid, found.type.name) == ("10.5072/d", "Collection")
    assert found.content.doi == "10.5072/d"
    assert len(found.content.dataCollectionDatasets) == 1
    assert {p.type.name: p.stringValue for p in found.content.parameters} == {
        "title": "Kidney of donor D1",
        "abstract": "Kidney of donor D1",
    }
    user = found.users[0]
    assert (user.fullName, user.user.orcidId) == ("Ada O'Lovelace", "0000-0002-1825-0097")
    assert user.affiliations[0].pid == "https://ror.org/02jx3x895"
    assert [(d.dateType, d.date) for d in found.dates] == [("Collected", "2021-09-01/2021-09-30")]
    assert found.fundingReferences[0].funding.awardNumber == "2020-225394"
    related = {(r.relationType, r.identifier) for r in found.relatedItems}
    assert ("IsSupplementTo", "10.1038/s41592-021-01317-x") in related
    assert {s.name for s in found.subjects} == {"kidney", "HiP-CT"}
    document |= {"title": "Corrected", "related": [], "keywords": ["kidney"]}
    await ingest.run(job(dataset_part("a"), job_id="j2", document=document))
    renewed = await published(catalogue, "Corrected")
    async with asyncio.timeout(30):
        while {s.name for s in renewed.subjects} != {"kidney"}:
            await asyncio.sleep(0.3)
            renewed = await published(catalogue, "Corrected")
    parameters = {p.type.name: p.stringValue for p in renewed.content.parameters}
    assert parameters["title"] == "Corrected"
    assert {(r.relationType, r.identifier) for r in renewed.relatedItems} == {
        ("HasPart", "10.5072/a")
    }


async def parts(catalogue: icat.Client, *expected: str) -> None:
    """Waits until the publication has these parts."""
    async with asyncio.timeout(60):
        while True:
            found = await asyncio.to_thread(catalogue.search, QUERY)
            if found and {r.identifier for r in found[0].relatedItems} == set(expected):
                return
            await asyncio.sleep(0.3)


async def document_row(ingest: Ingest) -> dict[str, Any]:
    answer = (await ingest.http.get("/dois")).raise_for_status().json()
    return next(row for row in answer["records"] if row["pid"] == "D1_kidney")


async def test_a_publication_gets_the_parts_whose_dois_come_later(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    await ingest.run(job(dataset_part("a"), dataset_part("b"), job_id="j1"))
    await publish_minted(ingest, "a", "dataset", "10.5072/a", 1)
    await publish_minted(ingest, "D1_kidney", "document", "10.5072/d", 1)
    await parts(catalogue, "10.5072/a")
    await publish_minted(ingest, "b", "dataset", "10.5072/b", 1)
    await parts(catalogue, "10.5072/a", "10.5072/b")
    row = await document_row(ingest)
    assert (row["missing_parts"], row["unknown_parts"]) == ([], [])


async def test_the_audit_finds_and_writes_relations_that_differ_in_icat(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    cited = {"relation": "IsCitedBy", "identifier": "10.1038/x"}
    await ingest.run(job(dataset_part("a"), document=document_part(related=[cited]), job_id="j1"))
    await publish_minted(ingest, "a", "dataset", "10.5072/a", 1)
    await publish_minted(ingest, "D1_kidney", "document", "10.5072/d", 1)
    await parts(catalogue, "10.5072/a", "10.1038/x")
    for item in catalogue.search("SELECT r FROM RelatedItem r INCLUDE 1"):
        item.identifier = f"{item.identifier}-other"
        item.update()
    row = await document_row(ingest)
    assert (row["missing_parts"], row["unknown_parts"]) == (["10.5072/a"], ["10.5072/a-other"])
    assert row["missing_relations"] == ["IsCitedBy 10.1038/x"]
    assert row["unknown_relations"] == ["IsCitedBy 10.1038/x-other"]
    await ingest.http.post("/dois/mend", json={"pids": ["D1_kidney"]})
    await parts(catalogue, "10.5072/a", "10.1038/x")
    found = await document_row(ingest)
    assert [found[name] for name in found if name.endswith(("_parts", "_relations"))] == [[]] * 4


async def test_the_audit_finds_and_adds_datasets_that_a_collection_lacks_in_icat(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    await ingest.run(job(dataset_part("a"), dataset_part("b"), job_id="j1"))
    await ingest.run(job(dataset_part("c"), document=document_part("other"), job_id="j2"))
    await publish_minted(ingest, "D1_kidney", "document", "10.5072/d", 1)
    await wait_until_nothing_waits(ingest)
    row = await document_row(ingest)
    assert row["missing_datasets"] == []
    ids = {one.name: one.id for one in catalogue.search("SELECT d FROM Dataset d")}
    links = catalogue.search("SELECT l FROM DataCollectionDataset l INCLUDE 1")
    catalogue.delete(next(one for one in links if one.dataset.id == ids["a"]))
    foreign = catalogue.new("dataCollectionDataset", dataCollection=links[0].dataCollection)
    foreign.dataset = catalogue.new("dataset", id=ids["c"])
    foreign.create()
    row = await document_row(ingest)
    assert row["missing_datasets"] == ["a"]
    answer = await ingest.http.post("/dois/mend", json={"pids": ["D1_kidney"]})
    assert answer.json() == {"told": 1}
    row = await document_row(ingest)
    assert row["missing_datasets"] == []
    assert (await publications(catalogue))["10.5072/d"][1] == {
        "a",
        "b",
        "c",
    }  # added by the facility


async def test_a_document_with_look_alikes_reaches_icat(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    people = [
        {"roles": ["Investigation"], "person": {"id": name, "full_name": name}}
        for name in ("muller-a", "müller-a")
    ]
    related = [
        {"relation": relation, "identifier": identifier}
        for relation, identifier in (
            ("IsCitedBy", "10.1234/ABC"),
            ("IsDescribedBy", "10.1234/abc"),
        )
    ]
    document = document_part(keywords=["Heart", "heart", "심장", "신장"], related=related)
    await ingest.run(job(dataset_part("a"), document={**document, "members": people}, job_id="j1"))
    await publish_minted(ingest, "a", "dataset", "10.5072/a", 1)
    await publish_minted(ingest, "D1_kidney", "document", "10.5072/d", 1)
    found = await published(catalogue, document["title"])
    assert {s.name for s in found.subjects} == {"Heart", "심장", "신장"}
    assert {u.fullName for u in found.users} == {"muller-a", "müller-a"}
    names = sorted(u.user.name.partition(" ~")[0] for u in found.users)
    assert names == ["muller-a", "müller-a"]
    await parts(catalogue, "10.5072/a", "10.1234/ABC")
    row = await document_row(ingest)
    assert not any(row[name] for name in row if name.endswith(("_parts", "_relations")))


async def publications(catalogue: icat.Client) -> dict[str, tuple[str, set[str]]]:
    """Returns title and names of datasets of every publication, by its DOI."""
    query = "SELECT o FROM DataPublication o INCLUDE o.content AS c, c.dataCollectionDatasets AS d"
    found = await asyncio.to_thread(catalogue.search, f"{query}, d.dataset")
    return {
        row.pid: (row.title, {d.dataset.name for d in row.content.dataCollectionDatasets})
        for row in found
    }


async def wait_until_nothing_waits(ingest: Ingest) -> None:
    async with asyncio.timeout(60):
        while (await ingest.http.get("/status")).raise_for_status().json()["icat_due"]:
            await asyncio.sleep(0.1)


async def audited_pids(ingest: Ingest) -> set[str]:
    answer = (await ingest.http.get("/dois")).raise_for_status().json()
    assert all(row["icat"] == row["doi"] for row in answer["records"])
    return {row["pid"] for row in answer["records"]}


async def test_icat_gets_the_publication_of_a_document_when_it_is_released(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    hidden = document_part(release_date=FAR)
    await ingest.run(job(dataset_part("a"), job_id="j1", document=hidden))
    await publish_minted(ingest, "a", "dataset", "10.5072/a", 1)
    await publish_minted(ingest, "D1_kidney", "document", "10.5072/d", 1)
    await wait_until_nothing_waits(ingest)
    assert await publications(catalogue) == {}
    assert await audited_pids(ingest) == {"a"}
    await ingest.run(change("r1", "release", *({"pid": pid} for pid in ("a", "D1_kidney"))))
    await wait_until_nothing_waits(ingest)
    assert await publications(catalogue) == {"10.5072/d": ("Kidney of donor D1", {"a"})}
    assert await audited_pids(ingest) == {"a", "D1_kidney"}


async def test_a_publication_in_icat_contains_no_hidden_dataset(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    atlas = document_part("atlas", title="Atlas", type="atlas", documents=["D1_kidney"])
    await ingest.run(job(document=atlas, job_id="j0"))
    await publish_minted(ingest, "atlas", "document", "10.5072/t", 1)
    await ingest.run(job(dataset_part("a"), dataset_part("b", is_public=False), job_id="j1"))
    await publish_minted(ingest, "D1_kidney", "document", "10.5072/d", 1)
    await wait_until_nothing_waits(ingest)
    assert {doi: names for doi, (_, names) in (await publications(catalogue)).items()} == {
        "10.5072/d": {"a"},
        "10.5072/t": {"a"},
    }
    await ingest.run(change("r1", "release", {"pid": "b"}))
    await wait_until_nothing_waits(ingest)
    assert {doi: names for doi, (_, names) in (await publications(catalogue)).items()} == {
        "10.5072/d": {"a", "b"},
        "10.5072/t": {"a", "b"},
    }


async def test_changes_of_a_hidden_document_do_not_reach_its_publication_in_icat(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    await ingest.run(job(dataset_part("a"), job_id="j1"))
    await publish_minted(ingest, "D1_kidney", "document", "10.5072/d", 1)
    fields = {"is_public": False, "title": "Secret"}
    await ingest.run(change("p1", "patch", {"pid": "D1_kidney", "fields": fields}))
    await wait_until_nothing_waits(ingest)
    assert await publications(catalogue) == {"10.5072/d": ("Kidney of donor D1", {"a"})}


async def test_the_audit_finds_and_removes_the_publication_of_a_hidden_document(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    await ingest.run(job(dataset_part("a"), job_id="j1"))
    await publish_minted(ingest, "D1_kidney", "document", "10.5072/d", 1)
    await wait_until_nothing_waits(ingest)
    assert "10.5072/d" in await publications(catalogue)
    hidden = document_part("D2_heart", is_public=False)
    await ingest.run(job(dataset_part("b"), job_id="j2", document=hidden))
    await publish_minted(ingest, "D2_heart", "document", "10.5072/e", 1)
    await wait_until_nothing_waits(ingest)
    [publication] = catalogue.search("SELECT o FROM DataPublication o INCLUDE 1")
    publication.pid = "10.5072/e"  # as an earlier version published it
    publication.update()
    rows = (await ingest.http.get("/dois")).raise_for_status().json()["records"]
    assert [row["is_public"] for row in rows if row["pid"] == "D2_heart"] == [False]
    await ingest.http.post("/dois/mend", json={"pids": ["D2_heart"]})
    assert await publications(catalogue) == {}


async def test_a_person_has_in_each_publication_the_name_published_there(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    def by(name: str, **fields: Any) -> dict[str, Any]:
        person = {"id": "p", "full_name": name, "orcid": "0000-0002-1825-0097", **fields}
        place = {"id": "ucl", "name": f"UCL {name}"}
        return document_part(members=[{"person": person, "affiliation": place}])

    async def names(*expected: tuple[str | None, ...]) -> None:
        query = (
            "SELECT u FROM DataPublicationUser u ORDER BY u.publication.pid INCLUDE u.affiliations"
        )
        async with asyncio.timeout(60):
            while True:
                found = await asyncio.to_thread(catalogue.search, query)
                rows = [(u.fullName, u.givenName, u.affiliations[0].name) for u in found]
                if rows == list(expected):
                    return
                await asyncio.sleep(0.1)

    await ingest.run(job(dataset_part("a"), job_id="j1", document=by("Ada Lovelace")))
    await publish_minted(ingest, "D1_kidney", "document", "10.5072/d", 1)
    other = {**by("A. Lovelace"), "name": "D2_kidney"}
    await ingest.run(job(dataset_part("b"), job_id="j2", document=other))
    await publish_minted(ingest, "D2_kidney", "document", "10.5072/e", 1)
    second = ("A. Lovelace", None, "UCL A. Lovelace")
    await names(("Ada Lovelace", None, "UCL Ada Lovelace"), second)
    changed = by("Ada Lovelace", first_name="Augusta Ada")
    await ingest.run(job(dataset_part("a"), job_id="j3", document=changed))
    await names(("Ada Lovelace", "Augusta Ada", "UCL Ada Lovelace"), second)
    [user] = catalogue.search("SELECT u FROM User u")
    assert (user.orcidId, user.fullName) == ("0000-0002-1825-0097", None)
