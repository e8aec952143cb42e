"""Behind nginx: what readers see is the same, and the bytes are sent by it."""

from collections.abc import Iterator

import pytest

from tests import volumes
from tests.drivers import plain_http
from tests.drivers.nginx import Nginx
from tests.drivers.nginx import program as nginx_program
from tests.drivers.services.downloader import DownloaderClient
from tests.drivers.services.downloader_starters import SharedDownloader
from tests.drivers.services.operators import HEADERS
from tests.drivers.tape import TapeArchive

SIZE = 300_000


@pytest.fixture(scope="module")
def nginx(shared: SharedDownloader, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    process = shared.process
    if nginx_program() is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    made = Nginx(
        tmp_path_factory.mktemp("nginx"),
        downloader=process.url,
        gateway=process.url,
        cache=process.cache,
        site=f"{process.url}/no-site/",  # it has no pages
    )
    yield made
    made.stop()


@pytest.fixture
async def content(
    downloader: DownloaderClient, tape: TapeArchive, shared: SharedDownloader
) -> bytes:
    await shared.datasets.use(
        "behind nginx", downloader, tape, lambda: ([tape.write("d/x.json", SIZE)], None)
    )
    found: bytes = tape.content("d/x.json")
    return found


COMPARED = (
    "etag", "last-modified", "content-type", "content-length", "repr-digest", "content-range",
    "access-control-allow-origin", "access-control-expose-headers", "accept-ranges",
    "x-content-type-options", "cache-control", "link",
)  # fmt: skip


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Range": "bytes=0-9"},
        {"Range": "bytes=-9"},
        {"Range": "bytes=299999-"},
        {"Range": "bytes=300000-"},
        {"Range": "bytes=5-1"},
        {"Range": "bytes=0-5", "If-Range": '"other"'},
        {"Range": "bytes=0-5", "If-Range": "TAG"},
        {"If-None-Match": "TAG"},
        {"If-Match": "TAG"},
        {"If-Match": '"other"'},
        {"If-Modified-Since": "Thu, 01 Jan 2099 00:00:00 GMT"},
        {"If-Modified-Since": "Thu, 01 Jan 1990 00:00:00 GMT"},
        {"If-Unmodified-Since": "Thu, 01 Jan 1990 00:00:00 GMT"},
        {"Range": "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 40, 2))},
        {"X-Accel-Mapping": "/elsewhere/"},
    ],
    ids=str,
)
async def test_it_answers_as_the_downloader_does(
    downloader: DownloaderClient, nginx: Nginx, content: bytes, headers: dict[str, str]
) -> None:
    path = str((await downloader.get("p", "x.json")).url.raw_path.decode())
    tag = (await downloader.get("p", "x.json")).headers["etag"]
    sent = {name: tag if value == "TAG" else value for name, value in headers.items()}
    plain = {n: v for n, v in sent.items() if n != "X-Accel-Mapping"}
    expected = await downloader.http.get(path, headers=plain)
    async with plain_http.async_client(nginx.url) as client:
        for method in ("GET", "HEAD"):
            answer = await client.request(method, path, headers=sent)
            if method == "GET":
                assert answer.status_code == expected.status_code
                assert answer.content == expected.content
            compared = [n for n in COMPARED if answer.status_code == 200 or n != "accept-ranges"]
            reported = {name: answer.headers.get(name) for name in compared}
            reference = await downloader.http.request(method, path, headers=plain)
            if method == "HEAD" and "Range" in sent:
                continue  # nginx answers ranges of HEAD, which RFC 9110 leaves undefined
            assert reported == {name: reference.headers.get(name) for name in compared}


async def test_several_ranges_come_as_several_parts(
    downloader: DownloaderClient, nginx: Nginx, content: bytes
) -> None:
    path = str((await downloader.get("p", "x.json")).url.raw_path.decode())
    async with plain_http.async_client(nginx.url) as client:
        answer = await client.get(path, headers={"Range": "bytes=0-4,100-104,-3"})
    assert answer.status_code == 206
    assert answer.headers["content-type"].startswith("multipart/byteranges")
    for part in (content[:5], content[100:105], content[-3:]):
        assert part in answer.content


async def test_the_cache_is_not_to_be_had_by_its_own_names(
    nginx: Nginx, content: bytes, shared: SharedDownloader
) -> None:
    objects = shared.process.cache / "objects"
    name = next(p for p in objects.rglob("*") if p.is_file()).relative_to(objects)
    async with plain_http.async_client(nginx.url) as client:
        for path in (f"/_objects/{name}", "/_objects/", f"/data/..%2f_objects/{name}"):
            assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/status",
        "/metrics",
        "/status/",
        "/%73tatus",
        "//metrics",
        "/data/../status",
        "/health/live",
    ],
)
async def test_figures_of_operators_are_not_on_the_port_of_readers(nginx: Nginx, path: str) -> None:
    async with plain_http.async_client(nginx.url) as client:
        url = client.base_url.copy_with(raw_path=path.encode())
        answer = await client.get(url, headers=HEADERS)
    assert answer.status_code == 404


async def test_archives_come_through(
    downloader: DownloaderClient, nginx: Nginx, content: bytes
) -> None:
    direct = await downloader.get("p", params={"format": "zip"})
    path = str(direct.url.raw_path.decode())
    async with plain_http.async_client(nginx.url) as client:
        answer = await client.get(path, headers={"Range": "bytes=1000-"})
    assert answer.content == direct.content[1000:]


async def test_chunks_and_thumbnails_are_sent_by_nginx_and_slices_come_through(
    downloader: DownloaderClient, nginx: Nginx, tape: TapeArchive
) -> None:
    folder = tape.archive / tape.name / "d" / "v.ome.zarr"
    voxels = volumes.gradient((8, 16, 24), name=tape.name)
    volumes.write_volume(folder, voxels, levels=1, name=tape.name, chunks=(8, 8, 24))
    picture = tape.write("d/thumbnails/small.webp", 900)
    picture = picture.model_copy(update={"path": "thumbnails", "role": "thumbnail"})
    files = [f for f in tape.list_files("d") if f.name != "small.webp"]
    await downloader.register("p", [*files, picture])
    await downloader.final_event(await downloader.request("p"))
    chunk, thumbnail = "v.ome.zarr/0/c/0/1/0", "thumbnail/small"
    itself = {"X-Accel-Mapping": "/_objects/"}
    async with plain_http.async_client(nginx.url) as client:
        for location, file in ((chunk, f"d/{chunk}"), (thumbnail, "d/thumbnails/small.webp")):
            direct = await downloader.get("p", location, headers=itself)
            assert direct.headers["x-accel-redirect"].startswith("/_objects/"), location
            path = str(direct.url.raw_path.decode())
            whole = await client.get(path)
            assert whole.content == tape.content(file)
            assert "x-accel-redirect" not in whole.headers
            part = await client.get(path, headers={"Range": "bytes=-10"})
            assert (part.status_code, part.content) == (206, tape.content(file)[-10:])
            assert part.headers["access-control-allow-origin"] == "*"
        slice_ = await downloader.get("p", "slices/z/3", headers=itself)
        path = str(slice_.url.raw_path.decode())
        for method in ("GET", "HEAD"):
            answer = await client.request(method, path)
            assert answer.content == (slice_.content if method == "GET" else b"")
            same = ("etag", "content-type", "slice-index", "cache-control", "content-length")
            assert {n: answer.headers[n] for n in same} == {n: slice_.headers[n] for n in same}
        answer = await client.get(path, headers={"If-None-Match": slice_.headers["etag"]})
        assert answer.status_code == 304
        absent = path.replace("slices/z/3", "v.ome.zarr/0/c/9/9/9")
        assert (await client.get(absent)).status_code == 404
