"""Starts an instance part by part, watches it, starts again what dies, ends all of it."""

import http.client
import os
import shutil
import sys
import time
from collections.abc import Callable
from typing import Any

from portal_local.launcher import mongodb, rabbitmq
from portal_local.launcher.components import Part, outside, services, simulators
from portal_local.launcher.layout import Layout, read_instance, runs, write_instance
from portal_local.launcher.ports import NotStarted, listens, wait_until
from portal_local.launcher.processes import Child

READY_SECONDS = 120
WATCH_SECONDS = 0.5
SETTLED_SECONDS = 10.0  # who lived so long is not broken
LONGEST_PAUSE = 30.0

Say = Callable[[str], None]


def healthy(part: Part) -> bool:
    """Whether GET health answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", part.port, timeout=6)
    try:
        connection.request("GET", part.health)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class Supervisor:
    def __init__(self, layout: Layout, *, port: int, say: Say) -> None:
        self._layout = layout
        self._port = port
        self._say = say
        self._node: rabbitmq.Node | None = None
        self._mongo: mongodb.Server | None = None
        self._running: dict[str, tuple[Part, Child]] = {}
        self._restarts: dict[str, int] = {}
        self._again_at: dict[str, float] = {}
        self._launched: dict[str, float] = {}  # when it was started again
        self._soon: dict[str, int] = {}  # how often it died soon after that, without a break
        self._servers: dict[str, int] = {}  # port of broker and database: kept over a restart
        self._urls: dict[str, str] = {}

    def start(self, *, empty: bool) -> None:
        """Everything up and ready. Raises NotStarted, with what ran ended again."""
        found = read_instance(self._layout)
        if found and runs(int(found.get("pid", 0))) and found.get("pid") != os.getpid():
            raise NotStarted(f"an instance runs already in {self._layout.root}: portal down")
        if listens(self._port):
            raise NotStarted(f"port {self._port} is taken; choose another with --port")
        if empty:
            for path in self._layout.everything():
                shutil.rmtree(path, ignore_errors=True)
                path.unlink(missing_ok=True)
        for folder in (self._layout.archive, self._layout.buffer, self._layout.tape):
            folder.mkdir(parents=True, exist_ok=True)
        try:
            self._start_all()
        except BaseException:
            self.stop()
            raise

    def _start_all(self) -> None:
        local = simulators(self._layout, os.environ)
        for part in local:  # they come up while the servers do
            self._launch(part)
        self._start_servers()
        for part in local:
            self._await(part)
        settings = {**outside(local, os.environ), **self._urls}
        self._declare(settings)
        portal = services(self._layout, settings, self._port)
        for part in portal:
            self._launch(part)
        self._note()
        for part in portal:
            self._await(part)
        self._note()

    def _start_servers(self) -> None:
        if not os.environ.get("PORTAL_AMQP_URL"):
            self._say("starting RabbitMQ")
            self._node = rabbitmq.start(
                self._layout.part("rabbitmq"), port=self._servers.get("rabbitmq")
            )
            self._servers["rabbitmq"] = self._node.port
            self._urls["PORTAL_AMQP_URL"] = self._node.url
        if not os.environ.get("PORTAL_MONGO_URL"):
            self._say("starting MongoDB")
            self._mongo = mongodb.start(
                self._layout.part("mongodb"), port=self._servers.get("mongodb")
            )
            self._servers["mongodb"] = self._mongo.port
            self._urls["PORTAL_MONGO_URL"] = self._mongo.url

    def _declare(self, settings: dict[str, str]) -> None:
        """The bus's topology, before anybody uses it."""
        log = self._layout.logs / "topology.log"
        command = [
            sys.executable,
            "-c",
            "from portal_shared.messaging.topology import main; main()",
        ]
        child = Child("topology", command, log=log, environment=settings)
        end = time.monotonic() + READY_SECONDS
        while child.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        if child.poll() != 0:
            child.kill()
            raise NotStarted(f"the bus could not be set up; see {log}")

    def _launch(self, part: Part) -> None:
        self._say(f"starting {part.name}")
        log = self._layout.logs / f"{part.name}.log"
        child = Child(part.name, part.command, log=log, environment=part.environment)
        self._running[part.name] = (part, child)

    def _await(self, part: Part) -> None:
        _, child = self._running[part.name]
        wait_until(lambda: healthy(part), child, READY_SECONDS)

    def _note(self) -> None:
        """Tell the portal command what runs where."""
        facts: dict[str, Any] = {
            "pid": os.getpid(),
            "gateway": f"http://localhost:{self._port}",
            "amqp_url": self._urls.get("PORTAL_AMQP_URL") or os.environ["PORTAL_AMQP_URL"],
            "mongo_url": self._urls.get("PORTAL_MONGO_URL") or os.environ["PORTAL_MONGO_URL"],
            "archive": str(self._layout.archive.resolve()),
            "services": {
                name: {
                    "url": part.url,
                    "pid": child.pid,
                    "log": str(child.log),
                    "restarts": self._restarts.get(name, 0),
                }
                for name, (part, child) in self._running.items()
            },
        }
        servers = {"rabbitmq": self._node, "mongodb": self._mongo}
        facts["servers"] = {
            name: {"pid": server.child.pid, "log": str(server.child.log),
                   "restarts": self._restarts.get(name, 0)}
            for name, server in servers.items()
            if server
        }  # fmt: skip
        write_instance(self._layout, facts)

    def watch(self) -> None:
        """Look after everything once; restart and report what has died."""
        for name, (part, child) in list(self._running.items()):
            if child.poll() is not None and self._may_restart(name, child.poll()):
                self._launch(part)
                self._note()
        self._watch_servers()

    def _may_restart(self, name: str, code: int | None) -> bool:
        """At once; of one that dies soon again and again, later each time: it does not spin."""
        now = time.monotonic()
        due = self._again_at.get(name)
        if due is None:
            self._restarts[name] = self._restarts.get(name, 0) + 1
            lived = now - self._launched.get(name, 0.0)
            soon = self._soon[name] = 0 if lived > SETTLED_SECONDS else self._soon.get(name, 0) + 1
            pause = 0.0 if soon < 2 else min(2.0 ** (soon - 2), LONGEST_PAUSE)  # noqa: PLR2004
            self._say(f"{name} ended with code {code}; starting it again in {pause:.0f} s")
            due = self._again_at[name] = now + pause
        if now < due:
            return False
        del self._again_at[name]
        self._launched[name] = now
        return True

    def _watch_servers(self) -> None:
        node, mongo = self._node, self._mongo
        if (
            node
            and node.child.poll() is not None
            and self._may_restart("rabbitmq", node.child.poll())
        ):
            node.kill()
            self._node = rabbitmq.start(self._layout.part("rabbitmq"), port=node.port)
            self._note()
        if (
            mongo
            and mongo.child.poll() is not None
            and self._may_restart("mongodb", mongo.child.poll())
        ):
            mongo.kill()
            self._mongo = mongodb.start(self._layout.part("mongodb"), port=mongo.port)
            self._note()

    def stop(self) -> None:
        """End everything: the services first, then what they need."""
        children = [child for _, child in reversed(self._running.values())]
        for child in children:
            child.ask_to_stop()
        for child in children:
            child.stop()
        self._running.clear()
        if self._node:
            self._node.stop()
        if self._mongo:
            self._mongo.stop()
        self._layout.instance.unlink(missing_ok=True)
