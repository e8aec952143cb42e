"""Starts the components of an instance, restarts those that stop, and stops all of them."""

import http.client
import os
import shutil
import sys
import time
from collections.abc import Callable
from typing import Any

from portal_local.launcher import mongodb, rabbitmq
from portal_local.launcher.components import Component, services, simulator_settings, simulators
from portal_local.launcher.layout import Layout, is_running, read_instance, write_instance
from portal_local.launcher.ports import NotStarted, listens, wait_until
from portal_local.launcher.processes import Child

READY_SECONDS = 120
WATCH_SECONDS = 0.5
STABLE_SECONDS = 10.0  # a component that ran this long is restarted without a pause
MAX_PAUSE_SECONDS = 30.0

PrintLine = Callable[[str], None]


def is_healthy(component: Component) -> bool:
    """Returns whether GET on its health address returns 200."""
    connection = http.client.HTTPConnection("127.0.0.1", component.port, timeout=6)
    try:
        connection.request("GET", component.health)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class Supervisor:
    """Runs one instance: servers, simulators and services."""

    def __init__(self, layout: Layout, *, port: int, print_line: PrintLine) -> None:
        self._layout = layout
        self._port = port
        self._print_line = print_line
        self._node: rabbitmq.Node | None = None
        self._mongo: mongodb.Server | None = None
        self._running: dict[str, tuple[Component, Child]] = {}
        self._restarts: dict[str, int] = {}
        self._restart_at: dict[str, float] = {}
        self._restarted_at: dict[str, float] = {}
        self._early_deaths: dict[str, int] = {}  # in a row, each soon after a restart
        self._server_ports: dict[str, int] = {}  # broker and database; the same after a restart
        self._urls: dict[str, str] = {}

    def start(self, *, empty: bool) -> None:
        """Returns when everything is ready. Raises NotStarted after stopping what was started."""
        found = read_instance(self._layout)
        if found and is_running(int(found.get("pid", 0))) and found.get("pid") != os.getpid():
            raise NotStarted(
                f"An instance already runs in {self._layout.root}. Stop it with: "
                f"portal down --data {self._layout.root}"
            )
        if listens(self._port):
            raise NotStarted(f"Port {self._port} is in use. Choose another one with --port.")
        if empty:
            for path in self._layout.removable_paths():
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
        for simulator in local:  # they start while the servers start
            self._launch(simulator)
        self._start_servers()
        for simulator in local:
            self._wait_until_healthy(simulator)
        settings = {**simulator_settings(local, os.environ), **self._urls}
        self._declare_topology(settings)
        portal = services(self._layout, settings, self._port)
        for service in portal:
            self._launch(service)
        self._write_instance_file()
        for service in portal:
            self._wait_until_healthy(service)
        self._write_instance_file()

    def _start_servers(self) -> None:
        if not os.environ.get("PORTAL_AMQP_URL"):
            self._print_line("starting RabbitMQ")
            self._node = rabbitmq.start(
                self._layout.component_folder("rabbitmq"), port=self._server_ports.get("rabbitmq")
            )
            self._server_ports["rabbitmq"] = self._node.port
            self._urls["PORTAL_AMQP_URL"] = self._node.url
        if not os.environ.get("PORTAL_MONGO_URL"):
            self._print_line("starting MongoDB")
            self._mongo = mongodb.start(
                self._layout.component_folder("mongodb"), port=self._server_ports.get("mongodb")
            )
            self._server_ports["mongodb"] = self._mongo.port
            self._urls["PORTAL_MONGO_URL"] = self._mongo.url

    def _declare_topology(self, settings: dict[str, str]) -> None:
        """Declares exchanges and queues before the services use them."""
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
            raise NotStarted(f"The queues could not be declared in RabbitMQ; see {log}")

    def _launch(self, component: Component) -> None:
        name = component.name
        self._print_line(f"starting {name}")
        log = self._layout.logs / f"{name}.log"
        child = Child(name, component.command, log=log, environment=component.environment)
        self._running[name] = (component, child)

    def _wait_until_healthy(self, component: Component) -> None:
        _, child = self._running[component.name]
        wait_until(lambda: is_healthy(component), child, READY_SECONDS)

    def _write_instance_file(self) -> None:
        """Writes the URLs and process ids for the `portal` command."""
        facts: dict[str, Any] = {
            "pid": os.getpid(),
            "gateway": f"http://localhost:{self._port}",
            "amqp_url": self._urls.get("PORTAL_AMQP_URL") or os.environ["PORTAL_AMQP_URL"],
            "mongo_url": self._urls.get("PORTAL_MONGO_URL") or os.environ["PORTAL_MONGO_URL"],
            "archive": str(self._layout.archive.resolve()),
            "services": {
                name: {
                    "url": component.url,
                    "pid": child.pid,
                    "log": str(child.log),
                    "restarts": self._restarts.get(name, 0),
                }
                for name, (component, child) in self._running.items()
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

    def restart_dead(self) -> None:
        """Checks every process once; reports and restarts those that stopped."""
        for name, (component, child) in list(self._running.items()):
            if child.poll() is not None and self._may_restart(name, child.poll()):
                self._launch(component)
                self._write_instance_file()
        self._restart_dead_servers()

    def _may_restart(self, name: str, code: int | None) -> bool:
        """Returns whether to restart it now.

        The first restart is immediate. If it stops again within STABLE_SECONDS, each further
        restart waits twice as long, up to MAX_PAUSE_SECONDS.
        """
        now = time.monotonic()
        restart_at = self._restart_at.get(name)
        if restart_at is None:
            self._restarts[name] = self._restarts.get(name, 0) + 1
            was_stable = now - self._restarted_at.get(name, 0.0) > STABLE_SECONDS
            deaths = 0 if was_stable else self._early_deaths.get(name, 0) + 1
            self._early_deaths[name] = deaths
            pause = 0.0 if deaths < 2 else min(2.0 ** (deaths - 2), MAX_PAUSE_SECONDS)  # noqa: PLR2004
            self._print_line(f"{name} stopped with exit code {code}; restart in {pause:.0f} s")
            restart_at = self._restart_at[name] = now + pause
        if now < restart_at:
            return False
        del self._restart_at[name]
        self._restarted_at[name] = now
        return True

    def _restart_dead_servers(self) -> None:
        node, mongo = self._node, self._mongo
        if (
            node
            and node.child.poll() is not None
            and self._may_restart("rabbitmq", node.child.poll())
        ):
            node.kill()
            self._node = rabbitmq.start(self._layout.component_folder("rabbitmq"), port=node.port)
            self._write_instance_file()
        if (
            mongo
            and mongo.child.poll() is not None
            and self._may_restart("mongodb", mongo.child.poll())
        ):
            mongo.kill()
            self._mongo = mongodb.start(self._layout.component_folder("mongodb"), port=mongo.port)
            self._write_instance_file()

    def stop(self) -> None:
        """Stops everything: first services and simulators, then RabbitMQ and MongoDB."""
        children = [child for _, child in reversed(self._running.values())]
        for child in children:
            child.terminate()
        for child in children:
            child.stop()
        self._running.clear()
        if self._node:
            self._node.stop()
        if self._mongo:
            self._mongo.stop()
        found = read_instance(self._layout)
        if found and found.get("pid") == os.getpid():  # not that of another running instance
            self._layout.instance_file.unlink(missing_ok=True)
