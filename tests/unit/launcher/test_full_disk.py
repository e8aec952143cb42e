"""On a full disk broker and database are not started again, until there is room."""

from pathlib import Path
from unittest.mock import create_autospec

import pytest
from portal_local.launcher import mongodb, rabbitmq, supervisor
from portal_local.launcher.layout import Layout, read_instance
from portal_local.launcher.processes import Child
from portal_local.launcher.supervisor import Supervisor


def dead_child() -> Child:
    child = create_autospec(Child, instance=True)
    child.poll.return_value, child.pid, child.log = 74, 1, Path("log")
    return child


class Servers:
    """Servers that die at once, and how often each was started."""

    def __init__(self) -> None:
        self.starts: list[str] = []

    def start_node(self, *_: object, **__: object) -> rabbitmq.Node:
        self.starts.append("rabbitmq")
        return rabbitmq.Node(dead_child(), 1, "amqp://localhost:1", None, None, 2, 3)

    def start_mongodb(self, *_: object, **__: object) -> mongodb.Server:
        self.starts.append("mongodb")
        return mongodb.Server(dead_child(), 4, "mongodb://localhost:4")


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Servers:
    made = Servers()
    monkeypatch.setattr(rabbitmq, "start", made.start_node)
    monkeypatch.setattr(mongodb, "start", made.start_mongodb)
    for variable in ("PORTAL_AMQP_URL", "PORTAL_MONGO_URL"):
        monkeypatch.delenv(variable, raising=False)
    return made


def test_servers_wait_for_room_and_start_as_soon_as_there_is_some(
    tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    made = Supervisor(Layout(tmp_path), port=8000, print_line=lines.append)
    made._start_servers()
    with monkeypatch.context() as full:
        full.setattr(supervisor, "MIN_RESTART_BYTES", 2**62)
        for _ in range(3):
            made.restart_dead()
    assert servers.starts == ["rabbitmq", "mongodb"]
    assert [line for line in lines if "disk" in line] == [
        "the disk of the data folder is full: servers start when it has room"
    ]
    made.restart_dead()
    assert servers.starts == ["rabbitmq", "mongodb"] * 2
    found = read_instance(Layout(tmp_path))
    assert found is not None
    assert found["servers"]["mongodb"]["restarts"] == 1


def test_an_instance_file_that_could_not_be_written_is_written_later(
    tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Supervisor(Layout(tmp_path), port=8000, print_line=lambda _: None)
    made._start_servers()
    with monkeypatch.context() as full:

        def no_room(*_: object) -> None:
            raise OSError(28, "No space left on device")

        full.setattr(supervisor, "write_instance", no_room)
        full.setattr(made, "_restart_dead_servers", made._write_instance_file)
        with pytest.raises(OSError, match="No space"):
            made.restart_dead()
        assert read_instance(Layout(tmp_path)) is None
    monkeypatch.setattr(made, "_restart_dead_servers", lambda: None)
    made.restart_dead()
    assert read_instance(Layout(tmp_path)) is not None


def test_a_broker_that_lived_through_a_full_disk_is_started_again(
    tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Supervisor(Layout(tmp_path), port=8000, print_line=lambda _: None)
    made._start_servers()
    assert made._node
    assert made._mongo
    broker, database = made._node.child, made._mongo.child
    for child in (broker, database):
        child.poll.return_value = None  # type: ignore[attr-defined]
    broker.kill.side_effect = lambda: setattr(broker.poll, "return_value", -9)  # type: ignore[attr-defined]
    with monkeypatch.context() as full:
        full.setattr(supervisor, "MIN_RESTART_BYTES", 2**62)
        made.restart_dead()
    assert servers.starts == ["rabbitmq", "mongodb"]
    made.restart_dead()
    assert servers.starts == ["rabbitmq", "mongodb", "rabbitmq"]
