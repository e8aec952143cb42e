"""Creating, reading, updating and deleting DOIs over plain HTTP."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

Put = Callable[..., httpx.Response]
Payload = Callable[..., dict[str, Any]]


def test_put_creates_once_and_then_updates(publish: Put, doi: str) -> None:
    assert publish(doi).status_code == 201
    again = publish(doi, titles=[{"title": "Better"}])
    assert again.status_code == 200
    attributes = again.json()["data"]["attributes"]
    assert attributes["titles"] == [{"title": "Better"}]
    assert attributes["metadataVersion"] == 1


def test_a_resource_is_told_as_json_api(publish: Put, doi: str) -> None:
    data = publish(doi.upper()).json()["data"]
    assert (data["id"], data["type"]) == (doi, "dois")
    assert data["relationships"]["client"]["data"] == {"id": "demo.portal", "type": "clients"}
    attributes = data["attributes"]
    assert attributes["prefix"] == "10.5072"
    assert attributes["schemaVersion"] == "http://datacite.org/schema/kernel-4"
    assert attributes["types"]["citeproc"] == "dataset"
    assert attributes["xml"]
    assert attributes["created"] == attributes["registered"]


def test_publisher_and_affiliation_are_told_in_full_when_asked(
    publish: Put, us: httpx.Client, doi: str
) -> None:
    publish(doi)
    short = us.get(f"/dois/{doi}").json()["data"]["attributes"]
    assert short["publisher"] == "A Synchrotron"
    assert short["creators"][0]["affiliation"] == ["A Synchrotron"]
    asked = {"publisher": "true", "affiliation": "true"}
    full = us.get(f"/dois/{doi}", params=asked).json()["data"]["attributes"]
    assert full["publisher"] == {"name": "A Synchrotron"}
    assert full["creators"][0]["affiliation"] == [{"name": "A Synchrotron"}]


def test_alternate_identifiers_come_back_under_both_names(publish: Put, doi: str) -> None:
    sent = [{"alternateIdentifier": "hoa-1", "alternateIdentifierType": "pid"}]
    attributes = publish(doi, alternateIdentifiers=sent).json()["data"]["attributes"]
    assert attributes["alternateIdentifiers"] == sent
    assert attributes["identifiers"] == [{"identifier": "hoa-1", "identifierType": "pid"}]


@pytest.mark.parametrize("event", [None, "register", "hide", "nonsense"])
def test_events_that_do_not_apply_to_a_findable_doi_are_ignored(
    publish: Put, doi: str, event: str | None
) -> None:
    publish(doi)
    state = "registered" if event == "hide" else "findable"
    assert publish(doi, event=event).json()["data"]["attributes"]["state"] == state


def test_hiding_a_draft_leaves_a_draft(us: httpx.Client, payload: Payload, doi: str) -> None:
    made = us.put(f"/dois/{doi}", json=payload(event="hide"))
    assert made.json()["data"]["attributes"]["state"] == "draft"
    assert made.json()["data"]["attributes"]["registered"] is None


def test_only_findable_dois_are_public(
    publish: Put, us: httpx.Client, anyone: httpx.Client, payload: Payload, doi: str
) -> None:
    us.put(f"/dois/{doi}", json=payload())
    assert anyone.get(f"/dois/{doi}").status_code == 404
    publish(doi)
    assert anyone.get(f"/dois/{doi}").status_code == 200
    publish(doi, event="hide")
    assert anyone.get(f"/dois/{doi}").status_code == 404
    assert us.get(f"/dois/{doi}").status_code == 200


def test_writing_needs_credentials(anyone: httpx.Client, payload: Payload, doi: str) -> None:
    for answer in (
        anyone.post("/dois", json=payload(doi=doi)),
        anyone.put(f"/dois/{doi}", json=payload()),
        anyone.delete(f"/dois/{doi}"),
        anyone.get("/dois", headers={"Authorization": "Basic é".encode()}),
        anyone.get(f"/dois/{doi}", auth=("DEMO.PORTAL", "wrong")),
    ):
        assert answer.status_code == 401
        assert answer.json() == {"errors": [{"status": "401", "title": "Bad credentials."}]}


def test_a_foreign_prefix_is_forbidden(us: httpx.Client, payload: Payload) -> None:
    assert us.put("/dois/10.1234/x", json=payload()).status_code == 403
    assert us.post("/dois", json=payload(prefix="10.1234")).status_code == 403
    assert us.post("/dois", json=payload(prefix="10.60555")).status_code == 201


def test_patch_is_put(publish: Put, us: httpx.Client, payload: Payload, doi: str) -> None:
    publish(doi)
    patched = us.patch(f"/dois/{doi}", json=payload(version="2"))
    assert patched.status_code == 200
    attributes = patched.json()["data"]["attributes"]
    assert (attributes["version"], attributes["state"]) == ("2", "findable")
    assert us.patch(f"/dois/{doi}-new", json=payload()).status_code == 201


def test_only_drafts_are_deleted(
    publish: Put, us: httpx.Client, payload: Payload, doi: str
) -> None:
    us.put(f"/dois/{doi}", json=payload())
    assert us.delete(f"/dois/{doi}").status_code == 204
    assert us.delete(f"/dois/{doi}").status_code == 404
    publish(doi)
    refused = us.delete(f"/dois/{doi}")
    assert refused.status_code == 405
    assert refused.json()["errors"][0]["title"] == "Method not allowed"


def test_the_resolver_knows_what_is_registered(
    publish: Put, us: httpx.Client, anyone: httpx.Client, payload: Payload, doi: str
) -> None:
    us.put(f"/dois/{doi}", json=payload(url="https://example.org/it"))
    assert anyone.get(f"/{doi}").status_code == 404
    publish(doi)
    for written in (doi, doi.upper(), doi.replace("/", "%2F")):
        found = anyone.get(f"/{written}")
        assert (found.status_code, found.headers["location"]) == (302, "https://example.org/it")
    publish(doi, event="hide", url="https://example.org/tombstone")
    assert anyone.get(f"/{doi}").headers["location"] == "https://example.org/tombstone"


def test_the_heart_beats(anyone: httpx.Client) -> None:
    assert anyone.get("/heartbeat").text == "OK"
    assert anyone.get("/health").json() == {"status": "ok"}
