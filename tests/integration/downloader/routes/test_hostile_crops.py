"""Hostile crop requests: each is answered or refused with a reason, and costs little."""
# ruff: noqa: RUF001  # digits that are none

import asyncio
import itertools
import random
from collections.abc import Iterator
from urllib.parse import quote

from portal_shared.contracts.file_urls import data_path

from tests.drivers.services.downloader import DownloaderClient
from tests.drivers.tape import TapeArchive
from tests.integration.downloader.routes.test_crop_routes import online

SPANS = [
    "", " ", ":", "::", "0:", ":5", "5", "-1:5", "5:-1", "5:5", "6:5", "0:61", "59:60", "0:5:2",
    "0:99999999999999999999", "99999999999999999999:0", "9" * 5000 + ":", "1e1:2e1", "0.5:1.5",
    "NaN:1", "nan:nan", "0:inf", "-inf:inf", "0x1:0x5", "+1:5", " 1:5", "1 :5", "1_0:2_0",
    "0:5,7:9",
    "٠:٥", "０:５", "²:³", "①:②", "0:5\x00", "0:5\n", "0:5\r\nX: y", "\ufeff0:5", "0\u200b:5",
    "True:False", "None", "[0:5]", "{}", "${x}", "%s:%n", "../..", "a" * 20_000, "𝟎:𝟓", "0：5",
]  # fmt: skip
LEVELS = [
    "0",
    "1",
    "2",
    "-0",
    "-1",
    "00",
    "1.0",
    "1e0",
    "²",
    "١",
    "",
    " ",
    "NaN",
    "9" * 5000,
    "\x00",
]
FORMATS = ["tiff", "nrrd", "zarr", "TIFF", "", "zarr/../x", "tiff\x00", "jpeg", "t" * 20_000, "тиф"]
VOLUMES = ["", ".", "..", "../../etc/passwd", "/etc/passwd", "v.ome.zarr", "v.ome.zarr/", "\x00",
           "v.ome.zarr/..", "v.ome.zarr/0", "v" * 20_000, "Ⅴ.ome.zarr"]  # fmt: skip
RAW = ["x=%ff:%fe", "x=%u0041", "x", "=", "&&&&", "%", "%zz=1", "x=0:1;y=0:1", "x=0:1&x=0:1",
       "x[]=0:1", "&".join(f"x{n}=0:1" for n in range(2000)), "x=0:1&" * 2000, "level=0&level=1",
       "%00=1", "x=0%3A5%00", "x=" + "%2525" * 5000]  # fmt: skip
REFUSED = {400, 404, 413, 414, 431}


def queries() -> Iterator[str]:
    """Each value alone in each field, and some of all together."""
    spans = [("x", value) for value in SPANS]
    others = [(name, value) for name, values in (("level", LEVELS), ("format", FORMATS),
              ("volume", VOLUMES)) for value in values]  # fmt: skip
    for name, value in itertools.chain(spans, others):
        yield f"{name}={quote(value, safe='')}"
    dice = random.Random(5)  # noqa: S311
    for _ in range(60):
        chosen = [*(f"{axis}={quote(dice.choice(SPANS), safe='')}" for axis in "xyz"),
                  f"level={quote(dice.choice(LEVELS), safe='')}",
                  f"format={quote(dice.choice(FORMATS[:3]), safe='')}"]  # fmt: skip
        yield "&".join(dice.sample(chosen, dice.randrange(1, 5)))
    yield from RAW


async def test_no_box_however_absurd_is_an_error_of_ours(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    await online(downloader, tape)
    response = list(queries())
    address = data_path(downloader.pid("p"), "crop")
    answered = dict.fromkeys(response, 0)
    waiting = iter(response)

    async def query_text() -> None:
        for query in waiting:
            answer = await downloader.http.get(f"{address}?{query}")
            answered[query] = answer.status_code
            if answer.status_code in {400, 413}:
                assert answer.json()["detail"]

    await asyncio.gather(*(query_text() for _ in range(4)))
    wrong = {q[:80]: status for q, status in answered.items() if status not in {200, *REFUSED}}
    assert wrong == {}
    assert sum(status == 200 for status in answered.values()) > 3
    assert (await downloader.get("p", "crop", params={"z": "0:1"})).status_code == 200
