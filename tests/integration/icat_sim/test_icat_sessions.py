"""Logins, sessions and their end; the schema that a client learns."""

from collections.abc import Callable

import icat
import pytest

from tests.drivers.icat import IcatSimulator, QuickClient


def test_a_client_learns_the_schema_from_the_server(client: icat.Client) -> None:
    assert client.apiversion == "6.2.0"
    assert client.getVersion() == "6.2.0"
    names = client.getEntityNames()
    assert len(names) == 53
    assert names[0] == "Affiliation"
    assert "Parameter" not in names
    dataset = client.typemap["dataset"]
    assert dataset.Constraint == ("investigation", "name")
    assert {"investigation", "sample", "type"} == dataset.InstRel
    assert "datasetTechniques" in dataset.InstMRel


def test_entity_info_has_lengths_and_nullability(client: icat.Client) -> None:
    fields = {field.name: field for field in client.getEntityInfo("Dataset").fields}
    assert fields["location"].stringLength == 511
    assert fields["name"].notNullable
    assert not fields["sample"].notNullable
    assert fields["complete"].type == "boolean"
    assert fields["createTime"].type == "Date"
    with pytest.raises(icat.ICATParameterError, match="Organ is not an ICAT entity"):
        client.getEntityInfo("Organ")


def test_a_login_has_a_user_name_and_lasts_two_hours(server: IcatSimulator) -> None:
    client = server.client()
    assert client.getUserName() == "simple/root"
    assert 119 < client.getRemainingMinutes() <= 120
    assert "maxEntities 10000" in client.getProperties()


def test_the_authenticators_list_their_credentials(client: icat.Client) -> None:
    (simple,) = client.getAuthenticatorInfo()
    assert simple.mnemonic == "simple"
    assert [(key.name, key.hide) for key in simple.keys] == [
        ("username", False),
        ("password", True),
    ]


@pytest.mark.parametrize(
    ("authenticator", "credentials", "message"),
    [
        ("simple", {"username": "root", "password": "wrong"}, "The username and password do not"),
        ("simple", {"username": "nobody", "password": "root"}, "The username and password do not"),
        ("simple", {}, "username cannot be null or empty"),
        ("simple", {"username": "root"}, "password cannot be null or empty"),
        ("ldap", {"username": "root", "password": "root"}, "mnemonic ldap not recognised"),
    ],
)
def test_a_wrong_login_is_refused(
    client: icat.Client, authenticator: str, credentials: dict[str, str], message: str
) -> None:
    session, client.sessionId = client.sessionId, None
    try:
        with pytest.raises(icat.ICATSessionError, match=message):
            client.login(authenticator, credentials)
    finally:
        client.sessionId = session


def test_a_session_that_was_logged_out_is_unknown(server: IcatSimulator) -> None:
    client = server.client("ingest")
    assert client.getUserName() == "simple/ingest"
    session = client.sessionId
    client.logout()
    client.sessionId = session
    with pytest.raises(icat.ICATSessionError, match=f"Unable to find user by sessionid: {session}"):
        client.search("Facility")
    client.sessionId = None
    with pytest.raises(icat.ICATSessionError, match="Session Id cannot be null or empty"):
        client.search("Facility")


def test_an_expired_session_refuses_until_it_is_refreshed(
    start: Callable[..., IcatSimulator],
) -> None:
    server = start()
    client = server.client()
    assert server.post("/_faults", {"expire_sessions": True})["expired_sessions"] == 1
    with pytest.raises(icat.ICATSessionError, match="has expired"):
        client.new("Facility", name="ESRF").create()
    client.refresh()
    assert client.search("Facility") == []


def test_sessions_end_after_their_lifetime(start: Callable[..., IcatSimulator]) -> None:
    server = start("--lifetime-minutes", "0")
    client = QuickClient(server.url, cache=None)
    client.autoLogout = False
    with pytest.raises(icat.ICATSessionError, match="has expired"):
        client.login("simple", {"username": "root", "password": "root"})


def test_data_and_session_survive_a_kill(start: Callable[..., IcatSimulator]) -> None:
    first = start()
    client = first.client()
    client.new("Facility", name="ESRF").create()
    first.stop(kill=True)
    again = QuickClient(start().url, cache=None)
    again.autoLogout = False
    again.sessionId = client.sessionId
    assert again.getUserName() == "simple/root"
    assert [facility.name for facility in again.search("Facility")] == ["ESRF"]


def test_a_user_without_rights_sees_nothing_and_changes_nothing(
    start: Callable[..., IcatSimulator],
) -> None:
    server = start("--user", "root:r", "--user", "guest:g", "--root-user", "simple/root")
    root, guest = server.client("root", "r"), server.client("guest", "g")
    facility = root.new("Facility", name="ESRF")
    facility.create()
    assert root.isAccessAllowed(facility, "DELETE")
    mine = guest.new("Facility", id=facility.id, name="mine")
    assert not guest.isAccessAllowed(mine, "UPDATE")
    assert guest.search("Facility") == []
    assert guest.search("SELECT COUNT(f) FROM Facility f") == [0]
    for attempt, access in (
        (lambda: guest.get("Facility", facility.id), "READ"),
        (guest.new("Facility", name="theirs").create, "CREATE"),
        (mine.update, "UPDATE"),
        (lambda: guest.delete(mine), "DELETE"),
    ):
        with pytest.raises(
            icat.ICATPrivilegesError, match=f"{access} access to this Facility is not allowed."
        ):
            attempt()
    assert root.search("SELECT f.name FROM Facility f") == ["ESRF"]
