"""Outside systems whose certificates are of a private authority, over TLS."""

import asyncio
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
from portal_doi.datacite import DataCite
from portal_doi.settings import DoiSettings
from portal_downloader.archives.ids import IdsArchive
from portal_downloader.archives.tape_locations import TapeLocator
from portal_downloader.archives.wlcg import WlcgArchive
from portal_downloader.settings import DownloaderSettings
from portal_gateway.engine.client import Engine
from portal_gateway.settings import GatewaySettings
from portal_indexer.meilisearch import Meilisearch
from portal_indexer.settings import IndexerSettings
from portal_ingest.icat.client import connect
from portal_ingest.settings import IngestSettings
from portal_shared.runtime.errors import Unavailable
from pydantic import ValidationError
from typing_extensions import override

from tests.drivers.icat import running

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture(scope="module")
def icat_url(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("icat")
    certificate = folder / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    with running(folder / "data", "--certificate", str(certificate)) as server:
        assert server.url.startswith("https://")
        yield server.url


class Handler(BaseHTTPRequestHandler):
    """Answers what clients of DataCite, a tape archive and a search engine request first."""

    @override
    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/health":
            self._answer(200, {"status": "available"})
        elif "dois" in self.path:
            self._answer(404, {"errors": []})
        else:
            api = f"https://{self.headers['Host']}/api/v1"
            self._answer(200, {"endpoints": [{"uri": api, "version": "v1"}]})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/places":
            self._answer(200, [{"path": "/a", "tape": "T1"}])
        else:
            self._answer(200, [{"path": "/a", "locality": "DISK"}])

    def _answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture(scope="module")
def https_url(authority: trustme.CA) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"https://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_icat_is_reached_with_its_authority_and_not_without(icat_url: str, ca_file: Path) -> None:
    with pytest.raises(
        Unavailable, match=r"certificate of ICAT is not trusted.*PORTAL_ICAT_CA_FILE"
    ):
        connect(IngestSettings(icat_url=icat_url))
    client = connect(IngestSettings(icat_url=icat_url, icat_ca_file=ca_file))
    assert client.getUserName() == "simple/ingest"
    client.logout()


async def test_ids_is_reached_with_its_authority_and_not_without(
    icat_url: str, ca_file: Path
) -> None:
    for file, reason in ((None, UNTRUSTED), (ca_file, "")):
        archive = IdsArchive(DownloaderSettings(icat_url=icat_url, icat_ca_file=file))
        try:
            if reason:
                with pytest.raises(Unavailable, match=reason):
                    await archive.localities(["/a"])
            else:
                assert await archive.localities(["/a"]) == {"/a": "missing"}
        finally:
            await archive.close()


async def test_datacite_is_reached_with_its_authority_and_not_without(
    https_url: str, ca_file: Path
) -> None:
    for file in (None, ca_file):
        datacite = DataCite(DoiSettings(datacite_url=https_url, datacite_ca_file=file))
        try:
            if file is None:
                with pytest.raises(Unavailable, match=UNTRUSTED):
                    await datacite.find("10.5072/x")
            else:
                assert await datacite.find("10.5072/x") is None
        finally:
            await datacite.close()


async def test_the_tape_archive_is_reached_with_its_authority_and_not_without(
    https_url: str, ca_file: Path
) -> None:
    for file in (None, ca_file):
        archive = WlcgArchive(DownloaderSettings(tape_url=https_url, tape_ca_file=file))
        try:
            if file is None:
                with pytest.raises(Unavailable, match=UNTRUSTED):
                    await archive.localities(["/a"])
            else:
                assert await archive.localities(["/a"]) == {"/a": "DISK"}
        finally:
            await archive.close()


async def test_tape_places_are_found_with_the_authority_of_the_archive(
    https_url: str, ca_file: Path
) -> None:
    url = f"{https_url}/places"
    assert await TapeLocator(url, timeout=30).locate(["/a"]) == {}
    found = await TapeLocator(url, timeout=30, ca_file=ca_file).locate(["/a"])
    assert found["/a"].tape == "T1"


async def test_the_search_engine_is_reached_with_its_authority_and_not_without(
    https_url: str, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "")  # the indexer sets it, for its own process

    async def check(ca_file: Path | None) -> None:
        values: dict[str, Any] = {"meilisearch_url": https_url, "meilisearch_ca_file": ca_file}
        engine = Engine(GatewaySettings(**values))
        results = await asyncio.gather(
            engine.check_health(),
            Meilisearch(IndexerSettings(**values)).check_ready(),
            return_exceptions=True,
        )
        engine.close()
        reasons.append([str(one) for one in results if one is not None])

    reasons: list[list[str]] = []
    await check(None)
    await check(ca_file)
    assert [UNTRUSTED in one for one in reasons[0]] == [True, True]
    assert reasons[1] == []


@pytest.mark.parametrize("content", [None, "no certificate"], ids=["missing", "text"])
def test_a_file_without_certificates_is_refused_by_name(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    for settings, name in (
        (IngestSettings, "icat_ca_file"),
        (DoiSettings, "datacite_ca_file"),
        (DownloaderSettings, "tape_ca_file"),
    ):
        with pytest.raises(ValidationError, match=r"no file of certificates") as refused:
            settings(**{name: path})
        assert name in str(refused.value)
