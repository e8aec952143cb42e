"""A record's way to a DOI: adopted or minted, once, whatever comes twice, late or wrong."""

from collections.abc import Callable
from typing import Any

Records = Callable[..., Any]


async def test_a_dataset_that_brings_a_doi_is_adopted_without_a_call(
    doi: Any, datacite: Any, dataset: Records
) -> None:
    await doi.say(dataset("a", doi="10.15151/esrf-dc-1"))
    told = await doi.idle(1)
    assert await doi.said() == [
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
    assert told["identifiers"] == {
        "total": 1, "pending": 0, "minted": 0, "adopted": 1, "failed": 0, "none": 0,
    }  # fmt: skip


async def test_a_dataset_without_one_is_given_one_that_resolves(
    doi: Any, datacite: Any, dataset: Records
) -> None:
    await doi.say(dataset("left kidney/1"))
    await doi.idle(1)
    (event,) = (await doi.minted()).values()
    assert event["doi"] == datacite.ours("left kidney/1")
    assert (event["adopted"], event["state"]) == (False, "findable")
    held = datacite.doi(event["doi"])
    assert held["state"] == "findable"
    assert held["registered"]
    assert held["titles"] == [{"title": "Volume left kidney/1"}]
    assert datacite.landing_page(event["doi"]) == "http://portal.example/datasets/left%20kidney%2F1"
    assert datacite.calls()["PUT /dois/{doi}"] == 1


async def test_a_document_names_its_datasets_and_they_name_it(
    doi: Any, datacite: Any, dataset: Records, document: Records
) -> None:
    await doi.say(
        document("organ", ["a", "b", "c"]),
        dataset("c", doi="10.15151/esrf-dc-3", document="organ"),
        dataset("b", is_public=False, document="organ"),
        dataset("a", document="organ"),
    )
    await doi.idle(4)
    minted = await doi.minted()
    related = datacite.doi(minted["organ"]["doi"])["relatedIdentifiers"]
    assert [(r["relationType"], r["relatedIdentifier"]) for r in related] == [
        ("HasPart", datacite.ours("a")),
        ("HasPart", "10.15151/esrf-dc-3"),
    ]
    above = datacite.doi(datacite.ours("a"))["relatedIdentifiers"]
    assert [(r["relationType"], r["relatedIdentifier"]) for r in above] == [
        ("IsPartOf", datacite.ours("organ"))
    ]
    assert minted["b"]["state"] == "draft"
    assert datacite.calls()["PUT /dois/{doi}"] == 3


async def test_a_part_that_comes_late_or_leaves_is_told(
    doi: Any, datacite: Any, dataset: Records, document: Records
) -> None:
    await doi.say(document("organ", ["a", "late"]), dataset("a", document="organ"))
    await doi.idle(2)  # after our patience with the missing one
    assert len(datacite.doi(datacite.ours("organ"))["relatedIdentifiers"]) == 1
    await doi.say(dataset("late", document="organ"))
    await doi.until(lambda _: len(datacite.doi(datacite.ours("organ"))["relatedIdentifiers"]) == 2)
    await doi.say(document("organ", ["late"], version=2))
    await doi.until(lambda _: not datacite.doi(datacite.ours("a"))["relatedIdentifiers"])
    await doi.idle(4)
    parts = datacite.doi(datacite.ours("organ"))["relatedIdentifiers"]
    assert [r["relatedIdentifier"] for r in parts] == [datacite.ours("late")]


async def test_the_same_events_again_cause_no_call_and_no_event(
    doi: Any, datacite: Any, dataset: Records, document: Records
) -> None:
    events = [document("organ", ["a", "b"]), dataset("a"), dataset("b", doi="10.15151/b")]
    await doi.say(*events, *events)
    await doi.idle(6)
    assert len(await doi.minted()) == 3
    before = datacite.calls()
    await doi.say(*reversed(events), dataset("a", version=2, details={"note": "not for DataCite"}))
    await doi.idle(10)
    assert await doi.said() == []
    assert datacite.calls() == before


async def test_the_newest_version_wins_in_any_order(
    doi: Any, datacite: Any, dataset: Records
) -> None:
    await doi.say(dataset("a", version=3, title="Third"), dataset("a", version=2, title="Second"))
    await doi.idle(2)
    assert datacite.doi(datacite.ours("a"))["titles"] == [{"title": "Third"}]
    assert (await doi.minted())["a"]["version"] == 3


async def test_a_record_that_becomes_public_becomes_findable_and_else_is_hidden(
    doi: Any, datacite: Any, dataset: Records
) -> None:
    states: list[tuple[str, str]] = []
    for version, public in enumerate((False, True, False, True), 1):
        await doi.say(dataset("a", version=version, is_public=public))
        await doi.idle(version)
        states.append(
            ((await doi.minted())["a"]["state"], datacite.doi(datacite.ours("a"))["state"])
        )
    assert states == [
        ("draft", "draft"),
        ("findable", "findable"),
        ("registered", "registered"),
        ("findable", "findable"),
    ]


async def test_a_record_that_datacite_could_not_take_fails_until_it_is_mended(
    doi: Any, datacite: Any, dataset: Records
) -> None:
    await doi.say(dataset("a", members=()))
    told = await doi.idle(1)
    assert told["identifiers"]["failed"] == 1
    ((key, event),) = await doi.said()
    assert (key, event["pid"], event["version"]) == ("doi.failed.v1", "a", 1)
    assert "creators" in event["reason"]
    await doi.say(dataset("a", version=2))
    await doi.idle(2)
    assert (await doi.minted())["a"]["doi"] == datacite.ours("a")


async def test_a_doi_shared_by_two_records_is_adopted_by_both(
    doi: Any, datacite: Any, dataset: Records
) -> None:
    await doi.say(dataset("a", doi="10.15151/same"), dataset("b", doi="10.15151/SAME"))
    await doi.idle(2)
    assert {e["doi"] for e in (await doi.minted()).values()} == {"10.15151/same"}
    assert datacite.calls() == {}


async def test_a_doi_of_our_prefix_is_registered_as_wished_where_datacite_does_not_know_it(
    doi: Any, datacite: Any, dataset: Records
) -> None:
    wish = f"{datacite.prefix}/wished"
    await doi.say(dataset("a", doi=wish), dataset("b", doi=wish))
    await doi.idle(2)
    minted = await doi.minted()
    assert {e["doi"] for e in minted.values()} == {wish}
    assert sorted(e["adopted"] for e in minted.values()) == [False, True]
    assert datacite.all() == [wish]


async def test_a_doi_of_our_prefix_that_somebody_else_made_is_never_changed(
    doi: Any, datacite: Any, dataset: Records
) -> None:
    theirs = f"{datacite.prefix}/theirs"
    made = {"data": {"attributes": {"titles": [{"title": "Theirs"}]}}}
    datacite.http.put(f"/dois/{theirs}", json=made).raise_for_status()
    await doi.say(dataset("a", doi=theirs))
    await doi.idle(1)
    event = (await doi.minted())["a"]
    assert (event["adopted"], event["state"]) == (True, "draft")
    assert datacite.doi(theirs)["titles"] == [{"title": "Theirs"}]
    await doi.say(dataset("a", version=2, title="Changed", doi=theirs))
    await doi.idle(2)
    assert datacite.calls()["PUT /dois/{doi}"] == 1  # theirs


async def test_records_of_a_profile_that_mints_none_are_left_alone(
    doi: Any, datacite: Any, dataset: Records
) -> None:
    await doi.say(dataset("a", profile="panosc"), dataset("b", profile="panosc", doi="10.9/b"))
    await doi.say(dataset("c", profile="unheard-of"))
    told = await doi.idle(3)
    stages = told["identifiers"]
    assert (stages["none"], stages["adopted"], stages["failed"]) == (1, 0, 2)
    reasons = {e["pid"]: e["reason"] for key, e in await doi.said() if key == "doi.failed.v1"}
    assert "no DOI" in reasons["b"]
    assert "profile" in reasons["c"]
    assert datacite.calls() == {}
