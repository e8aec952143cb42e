"""Updates of objects in ICAT: what is sent of the objects that they refer to."""

from pathlib import Path
from typing import Any

import pytest
from portal_ingest.icat.client import connect
from portal_ingest.icat.transport import KeepAliveTransport
from portal_ingest.settings import IngestSettings

from tests.drivers.icat import running

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_an_update_sends_ids_of_related_objects_and_changes_none_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bytes] = []
    send = KeepAliveTransport.u2open

    def note(self: KeepAliveTransport, request: Any, timeout: float | None = None) -> Any:
        sent.append(request.data)
        return send(self, request, timeout)

    with running(tmp_path) as simulator:
        client = connect(IngestSettings(icat_url=simulator.url))
        facility = client.make("facility", name="ESRF", description="a synchrotron")
        facility.create()
        kind = client.make("investigationType", name="MD", facility=facility)
        kind.create()
        investigation = client.make(
            "investigation", name="md1", visitId="1", title="old", facility=facility, type=kind
        )
        investigation.create()
        found = client.get("Investigation INCLUDE 1", int(investigation.id))
        found.title = "new"
        monkeypatch.setattr(KeepAliveTransport, "u2open", note)
        found.update()
        after = client.get("Investigation INCLUDE 1", int(investigation.id))
        client.close()
    assert b"new" in sent[0]
    assert b"synchrotron" not in sent[0]
    assert (after.title, after.type.name, after.facility.description) == (
        "new", "MD", "a synchrotron",
    )  # fmt: skip
