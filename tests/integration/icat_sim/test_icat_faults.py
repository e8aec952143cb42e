"""Fault injection: each fault as the client sees it, and the count of calls."""

import http.client
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen
from uuid import uuid4

import icat
import pytest
from icat.exception import ICATError

from tests.drivers.icat import IcatSimulator, running


@pytest.fixture(scope="module")
def flaky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IcatSimulator]:
    """A server into which the tests inject faults, one after the other."""
    with running(tmp_path_factory.mktemp("flaky")) as server:
        yield server


@pytest.fixture(scope="module")
def root(flaky: IcatSimulator) -> icat.Client:
    return flaky.client(kind=icat.Client)


@pytest.fixture
def own(flaky: IcatSimulator) -> IcatSimulator:
    flaky.post("/_faults", {"clear": True})
    return flaky


def names(client: icat.Client, name: str = "-") -> list[str]:
    return client.search(f"SELECT f.name FROM Facility f WHERE f.name = '{name}'")  # noqa: S608


@pytest.mark.parametrize(
    ("fault", "raised", "done"),
    [
        ({"fault": "http", "status": 502}, Exception, False),
        ({"fault": "html"}, AttributeError, False),
        ({"fault": "truncate"}, http.client.IncompleteRead, True),
        ({"fault": "drop_before"}, http.client.RemoteDisconnected, False),
        ({"fault": "drop_after"}, http.client.RemoteDisconnected, True),
        ({"fault": "bare_fault"}, ICATError, False),
        ({"fault": "unknown_type"}, KeyError, False),
        ({"fault": "error"}, icat.ICATInternalError, False),
        ({"fault": "lock_wait", "seconds": 0}, icat.ICATInternalError, False),
        ({"fault": "error", "type": "NOT_IMPLEMENTED"}, icat.ICATNotImplementedError, False),
        ({"fault": "error", "type": "INSUFFICIENT_PRIVILEGES"}, icat.ICATPrivilegesError, False),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else None,
)
def test_a_fault_hits_the_next_call_of_its_operation(
    own: IcatSimulator,
    root: icat.Client,
    fault: dict[str, Any],
    raised: type[Exception],
    *,
    done: bool,
) -> None:
    name = str(uuid4())
    own.fail_next(**fault, operation="create")
    assert names(root, name) == []
    with pytest.raises(raised):
        root.new("Facility", name=name).create()
    assert own.get("/_faults") == []
    assert names(root, name) == ([name] if done else [])
    root.new("Facility", name=f"{name} again").create()


def test_faults_last_for_the_calls_they_were_given(own: IcatSimulator, root: icat.Client) -> None:
    own.fail_next("http", count=2)
    for _ in range(2):
        with pytest.raises(Exception, match="503"):
            names(root)
    assert names(root) == []
    own.fail_next("error", count=100)
    own.post("/_faults", {"clear": True})
    assert names(root) == []


def test_a_slow_answer_exceeds_the_timeout_of_the_client(
    own: IcatSimulator, root: icat.Client
) -> None:
    root.set_options(timeout=0.2)
    own.fail_next("slow", seconds=3, operation="search")
    with pytest.raises((TimeoutError, URLError)):
        names(root)
    root.set_options(timeout=60)
    own.fail_next("slow", seconds=0.3)
    assert names(root) == []


def test_calls_are_counted_by_operation(own: IcatSimulator, root: icat.Client) -> None:
    before = own.get("/_calls")
    assert before["login"] == 1
    assert before["getEntityInfo"] == 54
    root.createMany([root.new("Facility", name=name) for name in "ab"])
    root.new("Facility", name="c").create()
    names(root)
    after = own.get("/_calls")
    changed = {name: n - before.get(name, 0) for name, n in after.items() if n != before.get(name)}
    assert changed == {"create": 1, "createMany": 1, "search": 1}


def test_delete_all_leaves_a_server_as_new(start: Callable[..., IcatSimulator]) -> None:
    server = start()
    client = server.client(kind=icat.Client)
    facility = client.new("Facility", name="f")
    facility.create()
    client.new("Instrument", facility=facility, name="i").create()
    server.post("/_faults", {"delete_all": True})
    with pytest.raises(icat.ICATSessionError):
        client.search("SELECT f FROM Facility f")
    again = server.client(kind=icat.Client)
    assert again.search("SELECT COUNT(f) FROM Facility f") == [0]
    assert again.search("SELECT COUNT(i) FROM Instrument i") == [0]


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (b"nonsense", "the body is not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"expire": true}', "unknown field 'expire'"),
        (b'{"clear": 1}', "clear: must be true or false"),
        (b'{"faults": {}}', "faults: must be a list"),
        (b'{"faults": [1]}', "each must be an object"),
        (b'{"faults": [{}]}', "fault must be one of"),
        (b'{"faults": [{"fault": "flood"}]}', "fault: 'flood' is not allowed"),
        (b'{"faults": [{"fault": "http", "status": 299}]}', "status: 299 is not allowed"),
        (b'{"faults": [{"fault": "http", "count": 0}]}', "count: 0 is not allowed"),
        (b'{"faults": [{"fault": "error", "type": []}]}', "type: [] is not allowed"),
    ],
)
def test_an_invalid_fault_is_refused(server: IcatSimulator, order: bytes, reason: str) -> None:
    with pytest.raises(HTTPError) as refused:
        urlopen(Request(f"{server.url}/_faults", order, method="POST"), timeout=30)  # noqa: S310
    with refused.value as answer:
        assert answer.code == 400
        assert reason in json.load(answer)["detail"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<a/>", b"not a SOAP 1.1 envelope"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"document type"),
    ],
)
def test_what_is_not_soap_is_refused(server: IcatSimulator, body: bytes, reason: bytes) -> None:
    with pytest.raises(HTTPError) as refused:
        urlopen(Request(f"{server.url}/ICATService/ICAT", body, method="POST"), timeout=30)  # noqa: S310
    with refused.value as answer:
        assert answer.code == 400
        assert reason in answer.read()


def test_a_control_character_is_refused_without_detail(client: icat.Client) -> None:
    with pytest.raises(ICATError, match="Failed to copy a message") as refused:
        client.new("Facility", name="ctrl \x01").create()
    assert refused.value.type is None


def test_one_connection_carries_many_requests(server: IcatSimulator) -> None:
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=30)
    for _ in range(3):
        connection.request("GET", "/health")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"ready\n")
    connection.request("GET", "/ICATService/ICAT?wsdl", headers={"Host": "icat.example.org:81"})
    address = b'<soap:address location="http://icat.example.org:81/ICATService/ICAT"/>'
    assert address in connection.getresponse().read()
    connection.close()


def test_every_type_of_error_reaches_the_client(own: IcatSimulator, root: icat.Client) -> None:
    kinds = {
        "BAD_PARAMETER": icat.ICATParameterError,
        "INTERNAL": icat.ICATInternalError,
        "INSUFFICIENT_PRIVILEGES": icat.ICATPrivilegesError,
        "NO_SUCH_OBJECT_FOUND": icat.ICATNoObjectError,
        "OBJECT_ALREADY_EXISTS": icat.ICATObjectExistsError,
        "SESSION": icat.ICATSessionError,
        "VALIDATION": icat.ICATValidationError,
        "NOT_IMPLEMENTED": icat.ICATNotImplementedError,
    }
    for kind, error in kinds.items():
        own.fail_next("error", type=kind, message="so be it")
        with pytest.raises(error, match="so be it"):
            names(root)
