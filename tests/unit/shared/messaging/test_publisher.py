"""A publisher whose broker cannot be reached."""

import asyncio
import gc
import logging
import warnings

import pytest
from portal_local.launcher.ports import free_port
from portal_shared.messaging.publisher import Publisher
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.settings import Settings


def test_a_connection_that_failed_leaves_nothing_open(caplog: pytest.LogCaptureFixture) -> None:
    """Collected while no loop ran, an open one warned in whichever test came next."""
    caplog.set_level(logging.CRITICAL)  # a captured record would hold the connection
    url = f"amqp://127.0.0.1:{free_port()}/"
    publisher = Publisher(Settings.model_validate({"amqp_url": url}), "test")
    with asyncio.Runner() as runner, warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with pytest.raises(Unavailable) as failure:
            runner.run(publisher.channel())
        asyncio.set_event_loop(None)  # as between two tests, where no task can be made
        del failure  # its traceback holds the connection
        gc.collect()
        assert [str(warning.message) for warning in seen] == []
        runner.run(publisher.close())
