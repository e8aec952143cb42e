"""The operations of ids.server: each takes a request and returns its content."""

import sqlite3
import uuid
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from portal_local.icat.beans.decoder import Record
from portal_local.icat.beans.rights import Gate, Rights
from portal_local.icat.beans.writer import Writer
from portal_local.icat.errors import IcatError, bad_parameter
from portal_local.icat.ids.download import Content, file_content, zip_content
from portal_local.icat.ids.selection import Selection, select
from portal_local.icat.ids.storage import TieredStorage
from portal_local.icat.jpql.plan import Planner
from portal_local.icat.schema.schema import Schema
from portal_local.icat.schema.store import Store
from portal_local.icat.schema.values import Value, long
from portal_local.icat.sessions import Sessions

VERSION = "2.1.1"
_OFFLINE = (
    "Before putting, getting or deleting a datafile, its dataset has to be restored,"
    " restoration requested automatically"
)


class DataNotOnline(Exception):
    """The data are not in the main storage; their restore was requested."""


@dataclass(frozen=True, slots=True)
class IdsRequest:
    """A request: its parameters, body and range."""

    parameters: Mapping[str, str]
    body: Iterable[bytes] = ()
    range: str = ""

    def text(self, name: str) -> str:
        value = self.parameters.get(name, "")
        if not value:
            raise bad_parameter(f"{name} is required")
        return value

    def number(self, name: str) -> int:
        value = long(self.text(name))
        if value is None:
            raise bad_parameter(f"{name} is not a number")
        return value

    def flag(self, name: str) -> bool:
        return self.parameters.get(name, "").lower() == "true"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A selection that was prepared for download; anyone with its id may get it."""

    selection: Selection
    zip: bool
    compress: bool


@dataclass(frozen=True)
class Catalogue:
    """The parts of ICAT that IDS uses."""

    schema: Schema
    store: Store
    sessions: Sessions
    planner: Planner
    rights: Rights
    writer: Writer


Operation = Callable[[IdsRequest], Content]


class IdsService:
    def __init__(self, icat: Catalogue, storage: TieredStorage) -> None:
        self.icat = icat
        self.storage = storage
        self._prepared: dict[str, Prepared] = {}
        self._operations: dict[tuple[str, str], Operation] = {
            ("GET", "ping"): lambda _: Content.text("IdsOK"),
            ("GET", "version"): lambda _: Content.json({"version": VERSION}),
            ("GET", "isReadOnly"): lambda _: Content.text("false"),
            ("GET", "isTwoLevel"): lambda _: Content.text("true"),
            ("GET", "getServiceStatus"): self._get_service_status,
            ("GET", "getSize"): self._get_size,
            ("GET", "getStatus"): self._get_status,
            ("GET", "isPrepared"): self._is_prepared,
            ("GET", "getDatafileIds"): self._get_datafile_ids,
            ("GET", "getData"): self._get_data,
            ("POST", "prepareData"): self._prepare_data,
            ("POST", "archive"): lambda request: self._move(request, self.storage.archive),
            ("POST", "restore"): lambda request: self._move(request, self.storage.restore),
            ("POST", "write"): lambda request: self._move(request, _do_nothing),
            ("POST", "reset"): lambda request: self._move(request, _do_nothing),
            ("PUT", "put"): self._put,
            ("DELETE", "delete"): self._delete,
        }

    def operation(self, method: str, name: str) -> Operation | None:
        return self._operations.get((method, name))

    def _get_service_status(self, request: IdsRequest) -> Content:
        with self.icat.store.read_transaction() as connection:
            user, gate = self._authenticate(connection, request)
        if not gate.root:
            raise IcatError("INSUFFICIENT_PRIVILEGES", f"{user} may not read the service status")
        queue = [{"data": str(ds), "request": "RESTORE"} for ds in self.storage.restoring()]
        return Content.json({"opsQueue": queue, "lockCount": 0, "locks": [], "failures": []})

    def _get_size(self, request: IdsRequest) -> Content:
        return Content.text(str(sum(file.size for file in self._select(request).files)))

    def _get_status(self, request: IdsRequest) -> Content:
        selection = self._select(request, allow_anonymous=True)
        return Content.text(self.storage.state(selection.datasets))

    def _is_prepared(self, request: IdsRequest) -> Content:
        datasets = self._prepared_selection(request).selection.datasets
        self.storage.restore(datasets)
        return Content.text("true" if self.storage.state(datasets) == "ONLINE" else "false")

    def _get_datafile_ids(self, request: IdsRequest) -> Content:
        return Content.json({"ids": [file.id for file in self._select(request).files]})

    def _prepare_data(self, request: IdsRequest) -> Content:
        selection = self._select(request)
        self.storage.restore(selection.datasets)
        number = str(uuid.uuid4())
        self._prepared[number] = Prepared(selection, request.flag("zip"), request.flag("compress"))
        return Content.text(number)

    def _get_data(self, request: IdsRequest) -> Content:
        if request.parameters.get("preparedId"):
            wanted = self._prepared_selection(request)
        else:
            wanted = Prepared(self._select(request), request.flag("zip"), request.flag("compress"))
        selection = wanted.selection
        if not selection.files:
            raise bad_parameter("no datafile is selected")
        self._require_online(selection.datasets)
        name = request.parameters.get("outname", "")
        if len(selection.files) == 1 and not selection.whole_datasets and not wanted.zip:
            return file_content(self.storage, selection.files[0], name, request.range)
        return zip_content(
            self.storage, selection.files, name, request.range, compress=wanted.compress
        )

    def _move(self, request: IdsRequest, move: Callable[[Iterable[int]], None]) -> Content:
        move(self._select(request).datasets)
        return Content.text("")

    def _put(self, request: IdsRequest) -> Content:
        dataset, form = request.number("datasetId"), request.number("datafileFormatId")
        name = request.text("name")
        moments = ("datafileCreateTime", "datafileModTime")
        times = {key: request.number(key) for key in moments if request.parameters.get(key)}
        with self.icat.store.read_transaction() as connection:
            _, gate = self._authenticate(connection, request)
            target = {"datasetIds": str(dataset)}
            select(self.icat.schema, self.icat.planner, connection, gate, target)
        self._require_online([dataset])
        location, size, checksum = self.storage.put(dataset, request.body)
        values: dict[str, Value] = {
            "name": name, "location": location, "fileSize": size, "checksum": f"{checksum:x}",
            "description": request.parameters.get("description"),
            "doi": request.parameters.get("doi"), **times,
        }  # fmt: skip
        beans = self.icat.schema.beans
        ones = {
            "dataset": Record(beans["Dataset"], dataset),
            "datafileFormat": Record(beans["DatafileFormat"], form),
        }
        try:
            number = self._create_datafile(request, Record(beans["Datafile"], None, values, ones))
        except IcatError:
            self.storage.remove(location)
            raise
        answer = {"id": number, "checksum": checksum, "location": location, "size": size}
        return Content.json(answer, status=201)

    def _create_datafile(self, request: IdsRequest, record: Record) -> int:
        with self.icat.store.write_transaction() as connection:
            user, gate = self._authenticate(connection, request)
            number = self.icat.writer.create(connection, record, user)
            gate.require("CREATE", record.bean, [number])
        return number

    def _delete(self, request: IdsRequest) -> Content:
        selection = self._select(request)
        self._require_online(selection.datasets)
        bean = self.icat.schema.beans["Datafile"]
        with self.icat.store.write_transaction() as connection:
            _, gate = self._authenticate(connection, request)
            gate.require("DELETE", bean, [file.id for file in selection.files])
            for file in selection.files:
                deletions = self.icat.writer.deletions(connection, Record(bean, file.id))
                self.icat.writer.delete(connection, deletions)
        for file in selection.files:
            self.storage.remove(file.location or "")
        return Content.text("")

    def _require_online(self, datasets: Iterable[int]) -> None:
        datasets = list(datasets)
        self.storage.restore(datasets)
        if self.storage.state(datasets) != "ONLINE":
            raise DataNotOnline(_OFFLINE)

    def _select(self, request: IdsRequest, *, allow_anonymous: bool = False) -> Selection:
        if request.parameters.get("preparedId"):
            return self._prepared_selection(request).selection
        with self._gate(request, allow_anonymous=allow_anonymous) as (connection, gate):
            return select(self.icat.schema, self.icat.planner, connection, gate, request.parameters)

    def _prepared_selection(self, request: IdsRequest) -> Prepared:
        number = request.text("preparedId")
        try:
            return self._prepared[str(uuid.UUID(number))]
        except ValueError as error:
            raise bad_parameter("The preparedId parameter is not a valid UUID") from error
        except KeyError as error:
            raise IcatError("NO_SUCH_OBJECT_FOUND", "The preparedId is not known") from error

    @contextmanager
    def _gate(
        self, request: IdsRequest, *, allow_anonymous: bool
    ) -> Generator[tuple[sqlite3.Connection, Gate]]:
        """Opens a read transaction as the request's user; without a session, as root if allowed."""
        with self.icat.store.read_transaction() as connection:
            if allow_anonymous and not request.parameters.get("sessionId"):
                yield connection, Gate(connection, self.icat.planner, "", root=True)
            else:
                yield connection, self._authenticate(connection, request)[1]

    def _authenticate(
        self, connection: sqlite3.Connection, request: IdsRequest
    ) -> tuple[str, Gate]:
        user = self.icat.sessions.user(connection, request.parameters.get("sessionId"))
        return user, self.icat.rights.gate(connection, user)


def _do_nothing(_: Iterable[int]) -> None:
    """Files are written immediately and no restore fails, so there is nothing to do."""
