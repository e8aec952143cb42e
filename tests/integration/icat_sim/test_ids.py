"""The simulator's IDS, beyond what python-icat's own tests cover."""

import http.client
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import icat
import pytest
from icat.ids import DataSelection

from tests.drivers.icat import Archive, IcatSimulator, running

USERS = ("--user=root:root", "--user=guest:guest", "--root-user=simple/root")
SLOW_RESTORE = "--restore-seconds=600"


class Stored:
    """A dataset with two files in the IDS."""

    def __init__(self, server: IcatSimulator, archive: Archive) -> None:
        self.server, self.client = server, archive.client
        self.client.add_ids(f"{server.url}/ids")
        self.volume = archive.make(
            "Dataset", name="heart", type=archive.type, investigation=archive.investigation
        )
        kind = archive.make("DatafileFormat", name="JP2", version="1", facility=archive.facility)
        self.kind = kind
        self.files = [self.put(name, content) for name, content in (("a", b"abc"), ("b", b"de"))]
        self.all = DataSelection([self.volume])

    def put(self, name: str, content: bytes) -> Any:
        file = self.client.new("Datafile", name=name, dataset=self.volume, datafileFormat=self.kind)
        return self.client.putData(io.BytesIO(content), file)

    def all_content(self) -> list[Path]:
        """The files in the storage of the server."""
        return sorted((self.server.folder / "ids").rglob("*-*"))

    def guest(self) -> icat.Client:
        guest = self.server.client("guest")
        guest.add_ids(f"{self.server.url}/ids")
        return guest


@pytest.fixture(scope="module")
def ids_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IcatSimulator]:
    with running(tmp_path_factory.mktemp("icat"), *USERS, SLOW_RESTORE) as server:
        yield server


@pytest.fixture
def stored(ids_server: IcatSimulator) -> Stored:
    return Stored(ids_server, Archive(ids_server.client()))


def test_a_file_is_read_from_an_offset(stored: Stored) -> None:
    one = DataSelection(stored.files[:1])
    assert stored.client.ids.getData(one).read() == b"abc"
    rest = stored.client.ids.getData(one, offset=2)
    assert (rest.status, rest.read()) == (206, b"c")
    with pytest.raises(icat.IDSBadRequestError, match="The range must match"):
        stored.client.ids.opener.open(
            Request(stored.client.ids.getDataUrl(one), headers={"Range": "bytes=0-1"})  # noqa: S310
        )


def test_a_dataset_comes_as_the_same_zip_each_time(stored: Stored) -> None:
    for compress in (False, True):
        first, again = (stored.client.ids.getData(stored.all, compress).read() for _ in range(2))
        assert first == again
        with zipfile.ZipFile(io.BytesIO(first)) as archive:
            names = [name.rpartition("/md1290/")[2] for name in archive.namelist()]
            assert names == ["bm18/heart/a", "bm18/heart/b"]
            assert [archive.read(name) for name in archive.namelist()] == [b"abc", b"de"]


def test_archived_data_must_be_restored_first(stored: Stored) -> None:
    ids = stored.client.ids
    ids.archive(stored.all)
    assert ids.getStatus(stored.all) == "ARCHIVED"
    with pytest.raises(icat.IDSDataNotOnlineError, match="restoration requested automatically"):
        ids.getData(stored.all)
    assert ids.getStatus(stored.all) == "RESTORING"
    assert ids.getServiceStatus()["opsQueue"] == [
        {"data": str(stored.volume.id), "request": "RESTORE"}
    ]
    with pytest.raises(icat.IDSDataNotOnlineError):
        ids.delete(stored.all)
    with pytest.raises(icat.IDSDataNotOnlineError):
        stored.put("c", b"f")
    assert ids.getDatafileIds(stored.all) == [file.id for file in stored.files]
    prepared = ids.prepareData(stored.all)
    assert not ids.isPrepared(prepared)


def test_a_restore_takes_time_and_is_lost_in_a_restart(
    start: Callable[..., IcatSimulator],
) -> None:
    server = start(*USERS, SLOW_RESTORE)
    stored = Stored(server, Archive(server.client()))
    stored.client.ids.archive(stored.all)
    stored.client.ids.restore(stored.all)
    assert stored.client.ids.getStatus(stored.all) == "RESTORING"
    server.stop(kill=True)
    again = start(*USERS).client()
    again.add_ids(f"{again.url.partition('/ICAT')[0]}/ids")
    assert again.ids.getStatus(stored.all) == "ARCHIVED"
    again.ids.restore(stored.all)
    assert again.ids.getStatus(stored.all) == "ONLINE"
    assert again.ids.getData(DataSelection(stored.files[1:])).read() == b"de"


def test_rules_apply_to_files(stored: Stored) -> None:
    guest, archive = stored.guest(), stored.client
    file = DataSelection(stored.files[:1])
    with pytest.raises(icat.IDSInsufficientPrivilegesError, match="READ access"):
        guest.ids.getData(file)
    archive.createRules("R", ["Dataset", "Datafile [name = 'a']"])
    assert guest.ids.getData(file).read() == b"abc"
    assert guest.ids.getSize(stored.all) == 3
    for attempt in (
        lambda: guest.ids.delete(file),
        lambda: guest.ids.getData(DataSelection(stored.files)),
        guest.ids.getServiceStatus,
        lambda: guest.ids.put(io.BytesIO(b"x"), "c", stored.volume.id, stored.kind.id),
    ):
        with pytest.raises(icat.IDSInsufficientPrivilegesError):
            attempt()
    assert guest.ids.getStatus(stored.all) == "ONLINE"


def test_a_file_that_is_refused_leaves_nothing(stored: Stored) -> None:
    before = stored.all_content()
    with pytest.raises(icat.IDSBadRequestError, match="exists with"):
        stored.put("a", b"again")
    connection = http.client.HTTPConnection(stored.server.url.removeprefix("http://"), timeout=30)
    query = urlencode(
        {
            "sessionId": stored.client.sessionId, "name": "c",
            "datasetId": stored.volume.id, "datafileFormatId": stored.kind.id,
        }
    )  # fmt: skip
    connection.putrequest("PUT", f"/ids/put?{query}")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders(b"3\r\nabc\r\nno size\r\n")
    assert connection.getresponse().status == 400
    connection.close()
    assert stored.all_content() == before
    assert len([path for path in before if path.parent.name == str(stored.volume.id)]) == 2


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("getData?datasetIds=1,x", 400, "BadRequestException"),
        ("getData?datafileIds=999999", 404, "NotFoundException"),
        ("getData", 400, "BadRequestException"),
        ("getData?preparedId=00000000-0000-0000-0000-000000000000", 404, "NotFoundException"),
        ("isPrepared?preparedId=1", 400, "BadRequestException"),
        ("getSize?sessionId=1&datasetIds=1", 403, "InsufficientPrivilegesException"),
        ("shred", 501, "NotImplementedException"),
    ],
)
def test_an_invalid_request_is_refused(
    server: IcatSimulator, client: icat.Client, path: str, status: int, code: str
) -> None:
    session = "" if "sessionId" in path else f"&sessionId={client.sessionId}"
    url = f"{server.url}/ids/{path}{'' if '?' in path else '?'}{session}"
    with pytest.raises(HTTPError) as refused:
        urlopen(url, timeout=30)  # noqa: S310
    with refused.value as answer:
        assert answer.code == status
        assert json.load(answer)["code"] == code


def test_an_empty_selection_deletes_nothing(stored: Stored) -> None:
    stored.client.ids.delete(DataSelection())
    assert stored.client.ids.getSize(stored.all) == 5


def test_ids_has_the_address_of_its_icat(server: IcatSimulator) -> None:
    with urlopen(f"{server.url}/ids/getIcatUrl", timeout=30) as answer:  # noqa: S310
        assert answer.read().decode() == server.url
