"""How a record gets its DOI: adopted or minted once, whatever comes twice, late or wrong."""

from tests.builders import dataset_registered, document_registered
from tests.drivers.datacite import PUT, DataCiteServer
from tests.drivers.services.doi import DoiService


async def test_the_doi_of_a_dataset_is_adopted_without_a_call(
    doi: DoiService, datacite: DataCiteServer
) -> None:
    await doi.publish(dataset_registered("a", doi="10.15151/esrf-dc-1"))
    status = await doi.wait_idle(messages=1)
    assert await doi.published() == [
        (
            "doi.minted.v1",
            {
                "pid": "a",
                "level": "dataset",
                "doi": "10.15151/esrf-dc-1",
                "url": "https://doi.org/10.15151/esrf-dc-1",
                "adopted": True,
                "state": "findable",
                "version": 1,
                "revision": 1,
            },
        )
    ]
    assert datacite.calls() == {}
    assert status["identifiers"] == {
        "total": 1, "pending": 0, "minted": 0, "adopted": 1, "failed": 0, "none": 0,
    }  # fmt: skip


async def test_a_dataset_without_a_doi_is_given_one_that_resolves(
    doi: DoiService, datacite: DataCiteServer
) -> None:
    await doi.publish(dataset_registered("left kidney/1"))
    await doi.wait_idle(messages=1)
    (event,) = (await doi.minted()).values()
    assert event["doi"] == datacite.doi_of("left kidney/1")
    assert (event["adopted"], event["state"]) == (False, "findable")
    record = datacite.doi(event["doi"])
    assert record["state"] == "findable"
    assert record["registered"]
    assert record["titles"] == [{"title": "Volume left kidney/1"}]
    assert datacite.landing_page(event["doi"]) == "http://portal.example/datasets/left%20kidney%2F1"
    assert datacite.calls()[PUT] == 1


async def test_a_document_and_its_datasets_list_each_other(
    doi: DoiService, datacite: DataCiteServer
) -> None:
    await doi.publish(
        document_registered("organ", ("a", "b", "c")),
        dataset_registered("c", doi="10.15151/esrf-dc-3", document="organ"),
        dataset_registered("b", is_public=False, document="organ"),
        dataset_registered("a", document="organ"),
    )
    await doi.wait_idle(messages=4)
    minted = await doi.minted()
    related = datacite.doi(minted["organ"]["doi"])["relatedIdentifiers"]
    assert [(r["relationType"], r["relatedIdentifier"]) for r in related] == [
        ("HasPart", datacite.doi_of("a")),
        ("HasPart", "10.15151/esrf-dc-3"),
    ]
    above = datacite.record("a")["relatedIdentifiers"]
    assert [(r["relationType"], r["relatedIdentifier"]) for r in above] == [
        ("IsPartOf", datacite.doi_of("organ"))
    ]
    assert minted["b"]["state"] == "draft"
    assert datacite.calls()[PUT] == 3


async def test_a_part_that_comes_late_or_is_removed_updates_its_document(
    doi: DoiService, datacite: DataCiteServer
) -> None:
    await doi.publish(
        document_registered("organ", ("a", "late")), dataset_registered("a", document="organ")
    )
    await doi.wait_idle(messages=2)  # after the patience with the missing one
    assert len(datacite.record("organ")["relatedIdentifiers"]) == 1
    await doi.publish(dataset_registered("late", document="organ"))
    await doi.wait_until(lambda _: len(datacite.record("organ")["relatedIdentifiers"]) == 2)
    await doi.publish(document_registered("organ", ("late",), version=2))
    await doi.wait_until(lambda _: not datacite.record("a")["relatedIdentifiers"])
    await doi.wait_idle(messages=4)
    parts = datacite.record("organ")["relatedIdentifiers"]
    assert [r["relatedIdentifier"] for r in parts] == [datacite.doi_of("late")]


async def test_the_same_events_again_cause_no_call_and_no_event(
    doi: DoiService, datacite: DataCiteServer
) -> None:
    events = [
        document_registered("organ", ("a", "b")),
        dataset_registered("a"),
        dataset_registered("b", doi="10.15151/b"),
    ]
    await doi.publish(*events, *events)
    await doi.wait_idle(messages=6)
    assert len(await doi.minted()) == 3
    before = datacite.calls()
    await doi.publish(
        *reversed(events), dataset_registered("a", version=2, details={"note": "not for DataCite"})
    )
    await doi.wait_idle(messages=10)
    assert await doi.published() == []
    assert datacite.calls() == before


async def test_the_newest_version_wins_in_any_order(
    doi: DoiService, datacite: DataCiteServer
) -> None:
    await doi.publish(
        dataset_registered("a", version=3, title="Third"),
        dataset_registered("a", version=2, title="Second"),
    )
    await doi.wait_idle(messages=2)
    assert datacite.record("a")["titles"] == [{"title": "Third"}]
    assert (await doi.minted())["a"]["version"] == 3


async def test_a_record_that_becomes_public_becomes_findable_and_else_is_hidden(
    doi: DoiService, datacite: DataCiteServer
) -> None:
    states: list[tuple[str, str]] = []
    for version, public in enumerate((False, True, False, True), 1):
        await doi.publish(dataset_registered("a", version=version, is_public=public))
        await doi.wait_idle(messages=version)
        states.append(((await doi.minted())["a"]["state"], datacite.record("a")["state"]))
    assert states == [
        ("draft", "draft"),
        ("findable", "findable"),
        ("registered", "registered"),
        ("findable", "findable"),
    ]


async def test_an_incomplete_record_fails_until_it_is_complete(
    doi: DoiService, datacite: DataCiteServer
) -> None:
    await doi.publish(dataset_registered("a", members=()))
    status = await doi.wait_idle(messages=1)
    assert status["identifiers"]["failed"] == 1
    ((key, event),) = await doi.published()
    assert (key, event["pid"], event["version"]) == ("doi.failed.v1", "a", 1)
    assert "creators" in event["reason"]
    await doi.publish(dataset_registered("a", version=2))
    await doi.wait_idle(messages=2)
    assert (await doi.minted())["a"]["doi"] == datacite.doi_of("a")


async def test_a_doi_shared_by_two_records_is_adopted_by_both(
    doi: DoiService, datacite: DataCiteServer
) -> None:
    await doi.publish(
        dataset_registered("a", doi="10.15151/same"), dataset_registered("b", doi="10.15151/SAME")
    )
    await doi.wait_idle(messages=2)
    assert {e["doi"] for e in (await doi.minted()).values()} == {"10.15151/same"}
    assert datacite.calls() == {}


async def test_an_unregistered_doi_with_our_prefix_is_registered_for_the_first_record(
    doi: DoiService, datacite: DataCiteServer
) -> None:
    wanted = f"{datacite.prefix}/wanted"
    await doi.publish(dataset_registered("a", doi=wanted), dataset_registered("b", doi=wanted))
    await doi.wait_idle(messages=2)
    minted = await doi.minted()
    assert {e["doi"] for e in minted.values()} == {wanted}
    assert sorted(e["adopted"] for e in minted.values()) == [False, True]
    assert datacite.all() == [wanted]


async def test_a_doi_with_our_prefix_that_somebody_else_registered_is_never_changed(
    doi: DoiService, datacite: DataCiteServer
) -> None:
    theirs = f"{datacite.prefix}/theirs"
    datacite.change(theirs, titles=[{"title": "Theirs"}])
    await doi.publish(dataset_registered("a", doi=theirs))
    await doi.wait_idle(messages=1)
    event = (await doi.minted())["a"]
    assert (event["adopted"], event["state"]) == (True, "draft")
    assert datacite.doi(theirs)["titles"] == [{"title": "Theirs"}]
    await doi.publish(dataset_registered("a", version=2, title="Changed", doi=theirs))
    await doi.wait_idle(messages=2)
    assert datacite.calls()[PUT] == 1  # theirs


async def test_records_of_a_profile_without_dois_are_not_registered(
    doi: DoiService, datacite: DataCiteServer
) -> None:
    await doi.publish(
        dataset_registered("a", profile="panosc"),
        dataset_registered("b", profile="panosc", doi="10.9/b"),
    )
    await doi.publish(dataset_registered("c", profile="unknown"))
    status = await doi.wait_idle(messages=3)
    stages = status["identifiers"]
    assert (stages["none"], stages["adopted"], stages["failed"]) == (1, 0, 2)
    reasons = await doi.failures()
    assert "not a DOI" in reasons["b"]
    assert "profile" in reasons["c"]
    assert datacite.calls() == {}
