"""Creating, reading, updating and deleting DOIs over plain HTTP."""

import httpx
import pytest

from tests.drivers.datacite import Publisher, payload


def test_put_creates_once_and_then_updates(publish: Publisher, doi: str) -> None:
    assert publish(doi).status_code == 201
    again = publish(doi, titles=[{"title": "Better"}])
    assert again.status_code == 200
    attributes = again.json()["data"]["attributes"]
    assert attributes["titles"] == [{"title": "Better"}]
    assert attributes["metadataVersion"] == 1


def test_a_resource_has_the_shape_of_json_api(publish: Publisher, doi: str) -> None:
    data = publish(doi.upper()).json()["data"]
    assert (data["id"], data["type"]) == (doi, "dois")
    assert data["relationships"]["client"]["data"] == {"id": "demo.portal", "type": "clients"}
    attributes = data["attributes"]
    assert attributes["prefix"] == "10.5072"
    assert attributes["schemaVersion"] == "http://datacite.org/schema/kernel-4"
    assert attributes["types"]["citeproc"] == "dataset"
    assert attributes["xml"]
    assert attributes["created"] == attributes["registered"]


def test_publisher_and_affiliation_are_complete_on_request(
    publish: Publisher, client: httpx.Client, doi: str
) -> None:
    publish(doi)
    short = client.get(f"/dois/{doi}").json()["data"]["attributes"]
    assert short["publisher"] == "A Synchrotron"
    assert short["creators"][0]["affiliation"] == ["A Synchrotron"]
    params = {"publisher": "true", "affiliation": "true"}
    full = client.get(f"/dois/{doi}", params=params).json()["data"]["attributes"]
    assert full["publisher"] == {"name": "A Synchrotron"}
    assert full["creators"][0]["affiliation"] == [{"name": "A Synchrotron"}]


def test_alternate_identifiers_come_back_under_both_names(publish: Publisher, doi: str) -> None:
    sent = [{"alternateIdentifier": "hoa-1", "alternateIdentifierType": "pid"}]
    attributes = publish(doi, alternateIdentifiers=sent).json()["data"]["attributes"]
    assert attributes["alternateIdentifiers"] == sent
    assert attributes["identifiers"] == [{"identifier": "hoa-1", "identifierType": "pid"}]


@pytest.mark.parametrize("event", [None, "register", "hide", "nonsense"])
def test_events_that_do_not_apply_to_a_findable_doi_are_ignored(
    publish: Publisher, doi: str, event: str | None
) -> None:
    publish(doi)
    state = "registered" if event == "hide" else "findable"
    assert publish(doi, event=event).json()["data"]["attributes"]["state"] == state


def test_hiding_a_draft_leaves_a_draft(client: httpx.Client, doi: str) -> None:
    made = client.put(f"/dois/{doi}", json=payload(event="hide"))
    assert made.json()["data"]["attributes"]["state"] == "draft"
    assert made.json()["data"]["attributes"]["registered"] is None


def test_only_findable_dois_are_public(
    publish: Publisher, client: httpx.Client, anonymous: httpx.Client, doi: str
) -> None:
    client.put(f"/dois/{doi}", json=payload())
    assert anonymous.get(f"/dois/{doi}").status_code == 404
    publish(doi)
    assert anonymous.get(f"/dois/{doi}").status_code == 200
    publish(doi, event="hide")
    assert anonymous.get(f"/dois/{doi}").status_code == 404
    assert client.get(f"/dois/{doi}").status_code == 200


def test_writing_needs_credentials(anonymous: httpx.Client, doi: str) -> None:
    for answer in (
        anonymous.post("/dois", json=payload(doi=doi)),
        anonymous.put(f"/dois/{doi}", json=payload()),
        anonymous.delete(f"/dois/{doi}"),
        anonymous.get("/dois", headers={"Authorization": "Basic é".encode()}),
        anonymous.get(f"/dois/{doi}", auth=("DEMO.PORTAL", "wrong")),
    ):
        assert answer.status_code == 401
        assert answer.json() == {"errors": [{"status": "401", "title": "Bad credentials."}]}


def test_a_foreign_prefix_is_forbidden(client: httpx.Client) -> None:
    assert client.put("/dois/10.1234/x", json=payload()).status_code == 403
    assert client.post("/dois", json=payload(prefix="10.1234")).status_code == 403
    assert client.post("/dois", json=payload(prefix="10.60555")).status_code == 201


def test_patch_is_put(publish: Publisher, client: httpx.Client, doi: str) -> None:
    publish(doi)
    patched = client.patch(f"/dois/{doi}", json=payload(version="2"))
    assert patched.status_code == 200
    attributes = patched.json()["data"]["attributes"]
    assert (attributes["version"], attributes["state"]) == ("2", "findable")
    assert client.patch(f"/dois/{doi}-new", json=payload()).status_code == 201


def test_only_drafts_are_deleted(publish: Publisher, client: httpx.Client, doi: str) -> None:
    client.put(f"/dois/{doi}", json=payload())
    assert client.delete(f"/dois/{doi}").status_code == 204
    assert client.delete(f"/dois/{doi}").status_code == 404
    publish(doi)
    refused = client.delete(f"/dois/{doi}")
    assert refused.status_code == 405
    assert refused.json()["errors"][0]["title"] == "Method not allowed"


def test_the_resolver_knows_what_is_registered(
    publish: Publisher, client: httpx.Client, anonymous: httpx.Client, doi: str
) -> None:
    client.put(f"/dois/{doi}", json=payload(url="https://example.org/it"))
    assert anonymous.get(f"/{doi}").status_code == 404
    publish(doi)
    for written in (doi, doi.upper(), doi.replace("/", "%2F")):
        found = anonymous.get(f"/{written}")
        assert (found.status_code, found.headers["location"]) == (302, "https://example.org/it")
    publish(doi, event="hide", url="https://example.org/tombstone")
    assert anonymous.get(f"/{doi}").headers["location"] == "https://example.org/tombstone"


def test_heartbeat_and_health_answer(anonymous: httpx.Client) -> None:
    assert anonymous.get("/heartbeat").text == "OK"
    assert anonymous.get("/health").json() == {"status": "ok"}
