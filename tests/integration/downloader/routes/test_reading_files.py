"""GET and HEAD of files: ranges, conditions, digests; and what cannot be reached."""

import asyncio
import base64
import hashlib
import re

import pytest

from tests.drivers import plain_http
from tests.drivers.services.downloader import DownloaderClient
from tests.drivers.tape import TapeArchive

SIZE = 2_500_000
PID = "a/b c+d"
NAME = "vol ümé/0/c%2F#?.bin"


@pytest.fixture
async def volume(downloader: DownloaderClient, tape: TapeArchive) -> bytes:
    """One file of some size, online, under an awkward name."""
    folder, _, name = NAME.rpartition("/")
    file = tape.write(f"d/{NAME}", SIZE).model_copy(update={"name": name, "path": folder})
    await downloader.register(PID, [file])
    await downloader.final_event(await downloader.request(PID))
    content: bytes = tape.content(f"d/{NAME}")
    return content


async def test_a_file_is_served_according_to_the_standards(
    downloader: DownloaderClient, volume: bytes
) -> None:
    whole = await downloader.get(PID, NAME)
    sha = hashlib.sha256(volume)
    assert whole.content == volume
    reported = whole.headers
    assert reported["etag"] == f'"sha256-{sha.hexdigest()}"'
    assert reported["repr-digest"] == f"sha-256=:{base64.b64encode(sha.digest()).decode()}:"
    assert (reported["accept-ranges"], reported["content-length"]) == ("bytes", str(SIZE))
    assert "Content-Range" in reported["access-control-expose-headers"]
    head = await downloader.http.head(str(whole.url))
    assert head.content == b""
    same = {"content-length", "etag", "last-modified", "content-type", "repr-digest"}
    assert {k: head.headers[k] for k in same} == {k: reported[k] for k in same}
    again = await downloader.get(PID, NAME, headers={"If-None-Match": reported["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = await downloader.get(PID, NAME, headers={"If-Match": '"other"'})
    assert other.status_code == 412

    ranges = [
        ("bytes=0-0", 0, 0),
        ("bytes=1048570-1048580", 1_048_570, 1_048_580),
        ("bytes=2499990-", 2_499_990, SIZE - 1),
        ("bytes=-7", SIZE - 7, SIZE - 1),
        ("bytes=100-99999999", 100, SIZE - 1),
    ]
    for header, first, last in ranges:
        part = await downloader.get(PID, NAME, headers={"Range": header})
        assert part.status_code == 206, header
        assert part.headers["content-range"] == f"bytes {first}-{last}/{SIZE}"
        assert part.content == volume[first : last + 1]
        assert part.headers["repr-digest"] == reported["repr-digest"]
    for header in ("lines=1-2", "bytes=5-1", "bytes=x"):
        ignored = await downloader.get(PID, NAME, headers={"Range": header})
        assert (ignored.status_code, len(ignored.content)) == (200, SIZE)
    for header in (f"bytes={SIZE}-", "bytes=-0", "bytes=" + ",".join(["0-1,5-6"] * 5000)):
        refused = await downloader.get(PID, NAME, headers={"Range": header})
        assert refused.status_code == 416, header[:20]
        assert refused.headers["content-range"] == f"bytes */{SIZE}"
        assert refused.headers["content-type"] == "application/problem+json"


async def test_content_leads_back_to_the_page_of_its_dataset(
    downloader: DownloaderClient, volume: bytes
) -> None:
    whole = await downloader.get(PID, NAME)
    pid = str(whole.url).partition("/data/")[2].partition("/")[0]
    listed = await downloader.http.get(f"/data/{pid}/?format=metalink")
    archive = await downloader.http.head(f"/data/{pid}/?format=zip")
    for answer in (whole, listed, archive):
        expected = f'/datasets/{pid}>; rel="collection"; type="text/html"'
        assert answer.headers["link"].endswith(expected)


async def test_several_ranges_come_as_several_parts(
    downloader: DownloaderClient, volume: bytes
) -> None:
    answer = await downloader.get(PID, NAME, headers={"Range": "bytes=10-19,2000000-2000009,-5"})
    assert answer.status_code == 206
    kind = answer.headers["content-type"]
    boundary = re.fullmatch(r"multipart/byteranges; boundary=(\w+)", kind)
    assert boundary
    parts = answer.content.split(f"--{boundary[1]}".encode())[1:]
    assert parts.pop() == b"--\r\n"
    bodies = [p.removesuffix(b"\r\n").split(b"\r\n\r\n", 1)[1] for p in parts]
    assert bodies == [volume[10:20], volume[2_000_000:2_000_010], volume[-5:]]
    assert int(answer.headers["content-length"]) == len(answer.content)


async def test_halves_of_different_files_never_meet(
    downloader: DownloaderClient, volume: bytes
) -> None:
    sent = {"Range": "bytes=100-199", "If-Range": '"sha256-of another"'}
    answer = await downloader.get(PID, NAME, headers=sent)
    assert (answer.status_code, len(answer.content)) == (200, len(volume))
    tag = answer.headers["etag"]
    answer = await downloader.get(PID, NAME, headers={**sent, "If-Range": tag})
    assert (answer.status_code, answer.content) == (206, volume[100:200])


async def test_preflight_requests_of_other_origins_are_allowed(
    downloader: DownloaderClient, volume: bytes
) -> None:
    sent = {"Origin": "https://viewer.example", "Access-Control-Request-Headers": "range"}
    answer = await downloader.http.request("OPTIONS", "/data/x/y", headers=sent)
    assert answer.status_code == 204
    assert "Range" in answer.headers["access-control-allow-headers"]


async def test_the_response_for_a_file_on_tape_contains_the_request_to_send(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    await downloader.register("p", [tape.write("d/f")])
    answer = await downloader.get("p", "f")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    reported = answer.json()
    assert reported["state"] == "ARCHIVED"
    assert reported["request"]["href"] == "http://portal.example/api/downloads"
    assert reported["request"]["body"] == {"pid": downloader.pid("p"), "files": ["f"]}
    assert tape.recalls == {}


async def test_unknown_or_private_datasets_are_not_found(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    await downloader.register("p", [tape.write("d/f")])
    await downloader.register("hidden", [tape.write("h/f")], folder="h", public=False)
    response = [("nobody", "f"), ("p", "g"), ("hidden", "f"), ("hidden", ""), ("nobody", "")]
    for pid, location in response:
        answer = await downloader.get(pid, location)
        assert (answer.status_code, answer.json()["status"]) == (404, 404), (pid, location)


async def test_a_page_has_a_size(downloader: DownloaderClient, tape: TapeArchive) -> None:
    await downloader.register("p", [tape.write("d/f")])
    for limit in ("0", "-1", "x", "1001", "1e3", "٣", "9" * 100):
        answer = await downloader.get("p", params={"limit": limit})
        assert (answer.status_code, answer.json()["field"]) == (422, "limit"), limit


ATTACKS = [
    "/data/{pid}/../../../../etc/passwd",
    "/data/{pid}/..%2f..%2f..%2fetc/passwd",
    "/data/{pid}/%2e%2e/%2e%2e/etc/passwd",
    "/data/{pid}//etc/passwd",
    "/data/{pid}/%2fetc%2fpasswd",
    "/data/{pid}/f%00",
    "/data/{pid}/f%00.bin",
    "/data/{pid}/..\\..\\f",
    "/data/{pid}/./f",
    "/data/{pid}/f/",
    "/data/{pid}/f/.",
    "/data/{pid}/F",
    "/data/../health",
    "/data/..%2f..%2fcache/objects",
    "/data/%2e%2e/f",
    "/data/{pid}/%ff%fe",
    "/data/{pid}/e%2Ff",
    "/data/{pid}/e%2ff",
    "/data/{pid}/e%5Cf",
    "/data/{pid}/%c0%ae%c0%ae/f",
    "/data/{pid}/incoming/x.part",
    "/data/{pid}/%E2%80%AE",
    "/data/" + "a" * 5000 + "/f",
    "/data/%",
    "/data/%zz/f",
]


async def test_no_path_leads_anywhere_but_to_a_file_of_a_dataset(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    below = tape.write("d/e/f").model_copy(update={"path": "e"})
    await downloader.register("p", [tape.write("d/f"), below])
    for attack in ATTACKS:
        path = attack.replace("{pid}", downloader.pid("p").replace("/", "%2F"))
        reader, writer = await asyncio.open_connection("127.0.0.1", downloader.process.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert answer.split(b" ")[1] in (b"404", b"400"), (attack, answer[:200])


async def test_a_file_that_is_replaced_is_read_to_its_end(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    """An open file is read to its end: the content matches the tag that was sent."""
    await downloader.register("p", [tape.write("d/f", 6_000_000)])
    await downloader.final_event(await downloader.request("p"))
    content = tape.content("d/f")
    url = f"{downloader.process.url}{(await downloader.get('p', 'f')).url.raw_path.decode()}"
    async with plain_http.async_client() as client, client.stream("GET", url) as answer:
        chunks = answer.aiter_raw(100_000)
        got = await anext(chunks)
        sha = hashlib.sha256(content).hexdigest()
        (downloader.process.cache / "objects" / sha[:2] / sha).unlink()
        async for chunk in chunks:
            got += chunk
    assert got == content
    assert (await downloader.get("p", "f")).status_code == 503
