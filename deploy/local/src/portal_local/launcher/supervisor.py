"""Starts the components of an instance, restarts those that stop, and stops all of them."""

import http.client
import os
import shutil
import sys
import time
from collections.abc import Callable
from typing import Any

from portal_local.launcher import mongodb, rabbitmq
from portal_local.launcher.components import (
    Component,
    services,
    simulator_settings,
    simulators,
)
from portal_local.launcher.external_servers import check_external_servers
from portal_local.launcher.instance_lock import InstanceLock
from portal_local.launcher.layout import Layout, make_private, operator_token, write_instance
from portal_local.launcher.ports import NotStarted, check_port, wait_until
from portal_local.launcher.processes import Child
from portal_local.launcher.site import NoSite, site

READY_SECONDS = 120
WATCH_SECONDS = 0.5
STABLE_SECONDS = 10.0  # a component that ran this long is restarted without a pause
MAX_PAUSE_SECONDS = 30.0
MIN_FREE_BYTES = 200 * 10**6  # on the disk of the data folder, to start
MIN_RESTART_BYTES = 20 * 10**6  # to start broker or database again: each writes at its start

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

    def __init__(
        self, layout: Layout, *, port: int, print_line: PrintLine, with_site: bool = True
    ) -> None:
        self._layout = layout
        self._with_site = with_site
        self._port = port
        self._print_line = print_line
        self._node: rabbitmq.Node | None = None
        self._mongo: mongodb.Server | None = None
        self._running: dict[str, tuple[Component, Child]] = {}
        self._restarts: dict[str, int] = {}
        self._restart_at: dict[str, float] = {}
        self._restarted_at: dict[str, float] = {}
        self._early_deaths: dict[str, int] = {}  # in a row, each soon after a restart
        self._urls: dict[str, str] = {}
        self._url = f"http://localhost:{port}"
        self._lock = InstanceLock(layout.lock_file)
        self._is_waiting_for_room = False
        self._was_full = False  # the disk, while the broker ran
        self._is_unwritten = False  # instance.json is older than the processes: the disk is full

    def start(self, *, empty: bool) -> None:
        """Returns when everything is ready. Raises NotStarted after stopping what was started."""
        try:
            make_private(self._layout)
        except OSError as error:
            raise NotStarted(
                f"The data folder {self._layout.root} cannot be used: {error.strerror}. "
                "Choose another one with --data."
            ) from error
        self._lock.acquire({"pid": os.getpid(), "url": self._url})
        try:
            check_port(os.environ.get("PORTAL_HOST", "127.0.0.1"), self._port)
            check_external_servers(os.environ)
            if empty:
                self._remove_data()
            self._check_free_space()
            for folder in (self._layout.archive, self._layout.buffer, self._layout.tape):
                folder.mkdir(parents=True, exist_ok=True)
            self._start_all()
        except BaseException:
            self.stop()
            raise

    def _remove_data(self) -> None:
        for path in self._layout.removable_paths():
            shutil.rmtree(path, ignore_errors=True)
            path.unlink(missing_ok=True)

    def _check_free_space(self) -> None:
        free = shutil.disk_usage(self._layout.root).free
        if free < MIN_FREE_BYTES:
            raise NotStarted(
                f"The disk of the data folder {self._layout.root} is full: {free // 10**6} MB are "
                f"free, {MIN_FREE_BYTES // 10**6} MB are needed to start. Make room, or choose "
                "another folder with --data."
            )

    def _start_all(self) -> None:
        local = simulators(self._layout, os.environ)
        for simulator in local:  # they start while the servers start
            self._launch(simulator)
        self._start_servers()
        for simulator in local:
            self._wait_until_healthy(simulator)
        settings = {
            **simulator_settings(local, os.environ),
            **self._urls,
            "PORTAL_OPERATOR_TOKEN": operator_token(self._layout, os.environ),
        }
        self._declare_topology(settings)
        web = self._site_components()
        if web:
            settings["PORTAL_SITE_SERVER_URL"] = web[0].url
        portal = [*services(self._layout, settings, self._port), *web]
        for service in portal:
            self._launch(service)
        self._write_instance_file()
        for service in portal:
            self._wait_until_healthy(service)
        self._write_instance_file()

    def _site_components(self) -> list[Component]:
        """Returns the web site; an empty list if there is none, with a line that says why."""
        if not self._with_site:
            return []
        try:
            return [site(f"http://127.0.0.1:{self._port}")]
        except NoSite as error:
            self._print_line(f"starting without a web site: {error}")
            return []

    def _start_servers(self) -> None:
        if not os.environ.get("PORTAL_AMQP_URL"):
            self._print_line("starting RabbitMQ")
            self._node = self._start_rabbitmq(None)
            self._urls["PORTAL_AMQP_URL"] = self._node.url
        if not os.environ.get("PORTAL_MONGO_URL"):
            self._print_line("starting MongoDB")
            self._mongo = self._start_mongodb(None)
            self._urls["PORTAL_MONGO_URL"] = self._mongo.url

    def _start_rabbitmq(self, port: int | None) -> rabbitmq.Node:
        folder = self._layout.component_folder("rabbitmq")
        return rabbitmq.start(folder, port=port, inherited=self._lock.inherited)

    def _start_mongodb(self, port: int | None) -> mongodb.Server:
        folder = self._layout.component_folder("mongodb")
        return mongodb.start(folder, port=port, inherited=self._lock.inherited)

    def _declare_topology(self, settings: dict[str, str]) -> None:
        """Declares exchanges and queues before the services use them."""
        log = self._layout.logs / "topology.log"
        command = [
            sys.executable,
            "-c",
            "from portal_shared.messaging.broker.preparation import main; main()",
        ]
        child = Child(
            "topology", command, log=log, environment=settings, inherited=self._lock.inherited
        )
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
        child = Child(
            name,
            component.command,
            log=log,
            environment=component.environment,
            inherited=self._lock.inherited,
        )
        self._running[name] = (component, child)

    def _wait_until_healthy(self, component: Component) -> None:
        _, child = self._running[component.name]
        wait_until(lambda: is_healthy(component), child, READY_SECONDS)

    def _write_instance_file(self) -> None:
        """Writes the URLs and process ids for the `portal` command."""
        facts: dict[str, Any] = {
            "pid": os.getpid(),
            "gateway": self._url,
            "amqp_url": self._urls.get("PORTAL_AMQP_URL") or os.environ["PORTAL_AMQP_URL"],
            "mongo_url": self._urls.get("PORTAL_MONGO_URL") or os.environ["PORTAL_MONGO_URL"],
            "archive": str(self._layout.intake_root(os.environ).resolve()),
            "services": {
                name: {
                    "url": component.url,
                    "operator_url": component.operator_url,
                    "pid": child.pid,
                    "log": str(child.log),
                    "restarts": self._restarts.get(name, 0),
                }
                for name, (component, child) in self._running.items()
            },
        }
        servers = {
            "rabbitmq": self._node and self._node.child,
            "epmd": self._node and self._node.epmd,
            "mongodb": self._mongo and self._mongo.child,
        }
        facts["servers"] = {
            name: {"pid": child.pid, "log": str(child.log),
                   "restarts": self._restarts.get(name, 0)}
            for name, child in servers.items()
            if child
        }  # fmt: skip
        self._is_unwritten = True
        write_instance(self._layout, facts)
        self._is_unwritten = False

    def restart_dead(self) -> None:
        """Checks every process once; reports and restarts those that stopped.

        Raises NotStarted or OSError if a restart fails, for example on a full disk; the next call
        tries again.
        """
        for name, (component, child) in list(self._running.items()):
            if child.poll() is not None and self._may_restart(name, child.poll()):
                self._launch(component)
                self._write_instance_file()
        self._stop_broker_after_full_disk()
        self._restart_dead_servers()
        if self._is_unwritten:
            self._write_instance_file()

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

    def _has_room(self) -> bool:
        """Returns whether servers can start; on a full disk each attempt would do harm."""
        has_room = shutil.disk_usage(self._layout.root).free >= MIN_RESTART_BYTES
        if not has_room and not self._is_waiting_for_room:
            self._print_line("the disk of the data folder is full: servers start when it has room")
        self._is_waiting_for_room = not has_room
        return has_room

    def _stop_broker_after_full_disk(self) -> None:
        """Stops a broker that lived through a full disk, so that it is started again.

        Its log of quorum queues may have stopped meanwhile: such a node runs on, but its queues
        deliver nothing.
        """
        is_full = shutil.disk_usage(self._layout.root).free < MIN_RESTART_BYTES
        if self._was_full and not is_full and self._node and self._node.child.poll() is None:
            self._print_line("the disk has room again: rabbitmq is started again")
            self._node.kill()
        self._was_full = is_full

    def _restart_dead_servers(self) -> None:
        node, mongo = self._node, self._mongo
        dead = [server for server in (node, mongo) if server and server.child.poll() is not None]
        if not dead or not self._has_room():
            return
        if node in dead and node and self._may_restart("rabbitmq", node.child.poll()):
            node.kill()
            self._node = self._start_rabbitmq(node.port)
            self._write_instance_file()
        if mongo in dead and mongo and self._may_restart("mongodb", mongo.child.poll()):
            mongo.kill()
            self._mongo = self._start_mongodb(mongo.port)
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
        if self._lock.inherited:  # not that of another instance
            self._layout.instance_file.unlink(missing_ok=True)
        self._lock.release()
