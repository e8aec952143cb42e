"""The operations of ids.server: what a request asks for in, what is answered out."""

import sqlite3
import uuid
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from portal_local.icat.beans.decoder import Record
from portal_local.icat.beans.rights import Gate, Rights
from portal_local.icat.beans.writer import Writer
from portal_local.icat.errors import IcatError, bad_parameter
from portal_local.icat.ids.download import Content, raw, zipped
from portal_local.icat.ids.selection import Selection, select
from portal_local.icat.ids.storage import Shelf
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


class NotOnline(Exception):
    """The data are not in the main storage; they have been asked for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: its parameters, and what came with it."""

    parameters: Mapping[str, str]
    body: Iterable[bytes] = ()
    range: str = ""

    def text(self, name: str) -> str:
        value = self.parameters.get(name, "")
        if not value:
            raise bad_parameter(f"{name} is needed")
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
    """A selection as it was when its user could read it; whoever has its id may get it."""

    selection: Selection
    zip: bool
    compress: bool


@dataclass(frozen=True)
class Catalogue:
    """ICAT, as IDS needs it."""

    schema: Schema
    store: Store
    sessions: Sessions
    planner: Planner
    rights: Rights
    writer: Writer


Operation = Callable[[Asked], Content]


class Ids:
    def __init__(self, icat: Catalogue, shelf: Shelf) -> None:
        self.icat = icat
        self.shelf = shelf
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
            ("POST", "archive"): lambda asked: self._move(asked, self.shelf.archive),
            ("POST", "restore"): lambda asked: self._move(asked, self.shelf.restore),
            ("POST", "write"): lambda asked: self._move(asked, _at_once),
            ("POST", "reset"): lambda asked: self._move(asked, _at_once),
            ("PUT", "put"): self._put,
            ("DELETE", "delete"): self._delete,
        }

    def operation(self, method: str, name: str) -> Operation | None:
        return self._operations.get((method, name))

    def _get_service_status(self, asked: Asked) -> Content:
        with self.icat.store.reading() as connection:
            user, gate = self._who(connection, asked)
        if not gate.root:
            raise IcatError("INSUFFICIENT_PRIVILEGES", f"{user} may not ask for the status")
        queue = [{"data": str(ds), "request": "RESTORE"} for ds in self.shelf.restoring()]
        return Content.json({"opsQueue": queue, "lockCount": 0, "locks": [], "failures": []})

    def _get_size(self, asked: Asked) -> Content:
        return Content.text(str(sum(file.size for file in self._selected(asked).files)))

    def _get_status(self, asked: Asked) -> Content:
        selection = self._selected(asked, anybody=True)
        return Content.text(self.shelf.state(selection.datasets))

    def _is_prepared(self, asked: Asked) -> Content:
        datasets = self._selected_before(asked).selection.datasets
        self.shelf.restore(datasets)
        return Content.text("true" if self.shelf.state(datasets) == "ONLINE" else "false")

    def _get_datafile_ids(self, asked: Asked) -> Content:
        return Content.json({"ids": [file.id for file in self._selected(asked).files]})

    def _prepare_data(self, asked: Asked) -> Content:
        selection = self._selected(asked)
        self.shelf.restore(selection.datasets)
        number = str(uuid.uuid4())
        self._prepared[number] = Prepared(selection, asked.flag("zip"), asked.flag("compress"))
        return Content.text(number)

    def _get_data(self, asked: Asked) -> Content:
        if asked.parameters.get("preparedId"):
            wanted = self._selected_before(asked)
        else:
            wanted = Prepared(self._selected(asked), asked.flag("zip"), asked.flag("compress"))
        selection = wanted.selection
        if not selection.files:
            raise bad_parameter("no datafile is selected that there would be something to get of")
        self._online(selection.datasets)
        name = asked.parameters.get("outname", "")
        if len(selection.files) == 1 and not selection.wide and not wanted.zip:
            return raw(self.shelf, selection.files[0], name, asked.range)
        return zipped(self.shelf, selection.files, name, asked.range, compress=wanted.compress)

    def _move(self, asked: Asked, move: Callable[[Iterable[int]], None]) -> Content:
        move(self._selected(asked).datasets)
        return Content.text("")

    def _put(self, asked: Asked) -> Content:
        dataset, form = asked.number("datasetId"), asked.number("datafileFormatId")
        name = asked.text("name")
        moments = ("datafileCreateTime", "datafileModTime")
        times = {key: asked.number(key) for key in moments if asked.parameters.get(key)}
        with self.icat.store.reading() as connection:
            _, gate = self._who(connection, asked)
            named = {"datasetIds": str(dataset)}
            select(self.icat.schema, self.icat.planner, connection, gate, named)
        self._online([dataset])
        location, size, checksum = self.shelf.put(dataset, asked.body)
        values: dict[str, Value] = {
            "name": name, "location": location, "fileSize": size, "checksum": f"{checksum:x}",
            "description": asked.parameters.get("description"),
            "doi": asked.parameters.get("doi"), **times,
        }  # fmt: skip
        beans = self.icat.schema.beans
        ones = {
            "dataset": Record(beans["Dataset"], dataset),
            "datafileFormat": Record(beans["DatafileFormat"], form),
        }
        try:
            number = self._catalogue(asked, Record(beans["Datafile"], None, values, ones))
        except IcatError:
            self.shelf.remove(location)
            raise
        answer = {"id": number, "checksum": checksum, "location": location, "size": size}
        return Content.json(answer, status=201)

    def _catalogue(self, asked: Asked, record: Record) -> int:
        with self.icat.store.writing() as connection:
            user, gate = self._who(connection, asked)
            number = self.icat.writer.create(connection, record, user)
            gate.require("CREATE", record.bean, [number])
        return number

    def _delete(self, asked: Asked) -> Content:
        selection = self._selected(asked)
        self._online(selection.datasets)
        bean = self.icat.schema.beans["Datafile"]
        with self.icat.store.writing() as connection:
            _, gate = self._who(connection, asked)
            gate.require("DELETE", bean, [file.id for file in selection.files])
            for file in selection.files:
                doomed = self.icat.writer.doomed(connection, Record(bean, file.id))
                self.icat.writer.delete(connection, doomed)
        for file in selection.files:
            self.shelf.remove(file.location or "")
        return Content.text("")

    def _online(self, datasets: Iterable[int]) -> None:
        datasets = list(datasets)
        self.shelf.restore(datasets)
        if self.shelf.state(datasets) != "ONLINE":
            raise NotOnline(_OFFLINE)

    def _selected(self, asked: Asked, *, anybody: bool = False) -> Selection:
        if asked.parameters.get("preparedId"):
            return self._selected_before(asked).selection
        with self._reading(asked, anybody=anybody) as (connection, gate):
            return select(self.icat.schema, self.icat.planner, connection, gate, asked.parameters)

    def _selected_before(self, asked: Asked) -> Prepared:
        number = asked.text("preparedId")
        try:
            return self._prepared[str(uuid.UUID(number))]
        except ValueError as error:
            raise bad_parameter("The preparedId parameter is not a valid UUID") from error
        except KeyError as error:
            raise IcatError("NO_SUCH_OBJECT_FOUND", "The preparedId is not known") from error

    @contextmanager
    def _reading(
        self, asked: Asked, *, anybody: bool
    ) -> Generator[tuple[sqlite3.Connection, Gate]]:
        """Reads as the request's user; what `anybody` may ask is read as IDS itself."""
        with self.icat.store.reading() as connection:
            if anybody and not asked.parameters.get("sessionId"):
                yield connection, Gate(connection, self.icat.planner, "", root=True)
            else:
                yield connection, self._who(connection, asked)[1]

    def _who(self, connection: sqlite3.Connection, asked: Asked) -> tuple[str, Gate]:
        user = self.icat.sessions.user(connection, asked.parameters.get("sessionId"))
        return user, self.icat.rights.gate(connection, user)


def _at_once(_: Iterable[int]) -> None:
    """Nothing waits: what is put is written at once, and no restore ends in a failure."""
