"""Servers that are started once per worker; each test has its own virtual host and databases."""

import os
from collections.abc import Iterator

import pytest
from portal_shared.runtime.settings import Settings

from tests.drivers.plugins.examples import use_patient_examples
from tests.drivers.plugins.signals import signal_handlers, signals_reach_later_processes  # noqa: F401
from tests.drivers.servers import (
    RabbitNode,
    isolated_settings,
    serve_mongodb,
    serve_rabbitmq,
    virtual_host,
)
from tests.drivers.services import operators
from tests.drivers.site.shared_instance import leave_run

# Set before numpy is imported: with threads, products of small matrices wait for busy processors.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

use_patient_examples()
operators.give_token()


def pytest_sessionfinish(session: pytest.Session) -> None:
    leave_run(session.config.getoption("basetemp"))


@pytest.fixture(scope="session")
def rabbitmq_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitNode]:
    with serve_rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as node:
        yield node


@pytest.fixture
def amqp_url(rabbitmq_node: RabbitNode) -> Iterator[str]:
    with virtual_host(rabbitmq_node) as url:
        yield url


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve_mongodb(tmp_path_factory.mktemp("mongodb")) as url:
        yield url


@pytest.fixture
def settings(amqp_url: str, mongo_server: str) -> Settings:
    """Settings of a service: its own virtual host, its own databases, quick retries."""
    return isolated_settings(amqp_url, mongo_server)


@pytest.fixture(scope="module")
def settings_of_module(rabbitmq_node: RabbitNode, mongo_server: str) -> Iterator[Settings]:
    """The same for all tests of a module that read what was put there once."""
    with virtual_host(rabbitmq_node) as url:
        yield isolated_settings(url, mongo_server)
