"""Loggers of processes that configure their logs more than once."""

import logging

import structlog
from portal_shared.runtime import logs
from structlog.testing import capture_logs


def test_a_logger_used_before_a_second_configuration_writes_by_the_second() -> None:
    handlers = logging.getLogger().handlers
    try:
        logs.configure("first")
        log = logs.logger("portal_shared.tests")
        log.info("before")
        logs.configure("second")
        with capture_logs() as entries:
            log.info("after")
        assert [entry["event"] for entry in entries] == ["after"]
    finally:
        logging.getLogger().handlers = handlers
        structlog.reset_defaults()
