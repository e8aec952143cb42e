"""The ICAT simulator in a process of its own, and python-icat clients that connect quickly."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from urllib.request import Request, urlopen
from uuid import uuid4

import icat
from icat.entity import Entity
from typing_extensions import override

from tests.drivers.forks import children


class QuickClient(icat.Client):
    """Loads the descriptions of the entity types once per process.

    A client loads all of them when it connects, which takes 0.6 s; every simulator has the same.
    """

    _entity_infos: ClassVar[dict[str, Any]] = {}

    @override
    def getEntityInfo(self, beanName: str) -> Any:
        if beanName not in self._entity_infos:
            self._entity_infos[beanName] = super().getEntityInfo(beanName)
        return self._entity_infos[beanName]


class IcatSimulator:
    """A simulator that is ready when it is constructed."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.process = children.open_program("portal_local.icat", "--data", str(folder), *options)
        assert self.process.stdout is not None
        self.url: str = json.loads(self.process.stdout.readline())["listening"]

    def stop(self, *, kill: bool = False) -> None:
        if kill:
            self.process.kill()
        else:
            self.process.terminate()
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def get(self, path: str) -> Any:
        with urlopen(f"{self.url}{path}", timeout=30) as answer:  # noqa: S310
            return json.load(answer)

    def post(self, path: str, body: object) -> Any:
        request = Request(f"{self.url}{path}", json.dumps(body).encode(), method="POST")  # noqa: S310
        with urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)

    def fail_next(self, fault: str, **more: object) -> None:
        self.post("/_faults", {"faults": [{"fault": fault, **more}]})

    def client(
        self,
        user: str = "root",
        password: str | None = None,
        *,
        kind: type[icat.Client] = QuickClient,
    ) -> icat.Client:
        """A client that is logged in as simple/`user`, whose default password is the name."""
        client = kind(self.url, cache=None)
        client.autoLogout = False
        client.login("simple", {"username": user, "password": password or user})
        return client


@contextmanager
def running(folder: Path, *options: str) -> Iterator[IcatSimulator]:
    simulator = IcatSimulator(folder, *options)
    try:
        yield simulator
    finally:
        simulator.stop()


class Archive:
    """Creates beans, in a facility and an investigation of its own."""

    def __init__(self, client: icat.Client) -> None:
        self.client = client
        self.facility = self.make("Facility", name=f"facility-{uuid4()}")
        self.type = self.make("DatasetType", name="processed", facility=self.facility)
        self.investigation = self.make(
            "Investigation",
            facility=self.facility,
            type=self.make("InvestigationType", name="MD", facility=self.facility),
            name="md1290",
            visitId="bm18",
            title="Whole organs",
        )

    def new(self, bean: str, **fields: Any) -> Entity:
        return self.client.new(bean, **fields)

    def make(self, bean: str, **fields: Any) -> Entity:
        """Creates a bean and returns it as the server stored it."""
        made = self.new(bean, **fields)
        made.create()
        return self.client.get(f"{bean} INCLUDE 1", made.id)

    def dataset(self, name: str, **fields: Any) -> Entity:
        return self.new(
            "Dataset",
            **{"name": name, "type": self.type, "investigation": self.investigation, **fields},
        )

    def parameter_type(self, name: str, kind: str = "NUMERIC", **fields: Any) -> Entity:
        settings = {"applicableToDataset": True, "units": "", **fields}
        return self.make(
            "ParameterType", facility=self.facility, name=name, valueType=kind, **settings
        )

    def parameter(self, kind: Entity, **value: Any) -> Entity:
        return self.new("DatasetParameter", type=kind, **value)

    def search(self, query: str) -> list[Any]:
        return list(self.client.search(query.replace("{inv}", str(self.investigation.id))))
