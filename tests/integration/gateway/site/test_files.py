"""The files of a dataset in pages: roles, folders, sums, where they are."""

import asyncio
import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio
from portal_gateway import app as gateway_app
from portal_gateway.settings import GatewaySettings
from portal_indexer.file_lists import FileLists
from portal_indexer.settings import IndexerSettings
from portal_shared.runtime import mongo

from tests.drivers.servers import isolated_settings
from tests.drivers.site.file_states import StatesServer, served_states
from tests.integration.gateway.loaded_atlas import load
from tests.integration.gateway.site import listed_files
from tests.integration.gateway.site.conftest import NO_BROKER
from tests.integration.gateway.site.listed_files import EMPTY, FILES, FULL, HIDDEN, HOSTILE, ONE

pytestmark = pytest.mark.asyncio(loop_scope="module")
ALL = len(FILES)
IN_ORDER = [f.location for f in sorted(FILES, key=lambda f: (f.path or "", f.name))]


@dataclass
class Listing:
    """A client of a gateway, with the downloader that it reads from."""

    reader: httpx.AsyncClient
    states: StatesServer
    lists: FileLists

    async def get(self, query: str = "", pid: str = FULL.pid) -> dict[str, Any]:
        answer = await self.reader.get(f"/api/records/{quote(pid, safe='')}/files?{query}")
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def listing(mongo_server: str, search_url: tuple[str, str]) -> AsyncGenerator[Listing]:
    with served_states() as states:
        own = {
            **isolated_settings(NO_BROKER, mongo_server).model_dump(),
            "meilisearch_url": search_url[0],
            "meilisearch_key": search_url[1],
            "index_prefix": f"t{uuid.uuid4().hex[:10]}_",
            "downloader_url": states.url,
        }
        indexer = IndexerSettings.model_validate(own)
        await load(indexer, listed_files.events())
        app = gateway_app.build(GatewaySettings.model_validate(own))
        client = mongo.connect(indexer)
        lists = FileLists(mongo.database(client, indexer, "catalogue"))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://portal") as reader:
            yield Listing(reader, states, lists)
        await app.state.file_states.close()
        app.state.engine.close()
        client.close()


def locations(found: dict[str, Any]) -> list[str]:
    return [row["location"] for row in found["rows"]]


async def test_pages_have_every_file_once_in_order(listing: Listing) -> None:
    first = await listing.get("per_page=20")
    assert (first["files"], first["all_files"], first["pages"]) == (ALL, ALL, -(-ALL // 20))
    assert first["bytes"] == sum(f.size or 0 for f in FILES)
    pages = [await listing.get(f"per_page=20&page={n + 1}") for n in range(first["pages"])]
    assert [one for page in pages for one in locations(page)] == IN_ORDER


async def test_a_file_has_role_format_checksum_and_address(listing: Listing) -> None:
    rows = {row["location"]: row for row in (await listing.get("per_page=200"))["rows"]}
    chunk = rows["volume.zarr/0/c/3/4"]
    assert (chunk["name"], chunk["folder"]) == ("4", "volume.zarr/0/c/3")
    assert (chunk["role"], chunk["level"], chunk["role_label"]) == ("level", 0, "Level 0")
    assert (chunk["format"], chunk["bytes"]) == ("Zarr chunk", 1000)
    assert chunk["sha256"] == f"{1000:064x}"
    assert chunk["url"] == f"/data/{FULL.pid}/volume.zarr/0/c/3/4"
    labels = {name: (row["role_label"], row["format"]) for name, row in rows.items()}
    assert labels["readme.txt"] == ("Metadata", "Text")
    assert labels["SHA256SUMS"] == ("Checksums", "Text")
    assert labels["slices.tif"] == ("Data", "TIFF image")
    assert labels["previews/front.webp"] == ("Preview", "WebP image")
    assert labels["thumbnails/small.webp"] == ("Thumbnail", "WebP image")
    unknown = rows["unknown.bin"]
    assert (unknown["role"], unknown["bytes"], unknown["sha256"]) == ("data", None, None)
    hostile = rows[f"Ärzte [raw]/{HOSTILE}"]
    assert hostile["url"] == f"/data/{FULL.pid}/" + quote(f"Ärzte [raw]/{HOSTILE}")


async def test_each_role_selects_the_files_that_its_sum_counts(listing: Listing) -> None:
    found = await listing.get()
    sums = {one["role"]: one for one in found["roles"]}
    order = ["data", "level-0", "level-1", "preview", "thumbnail", "metadata", "checksum"]
    assert list(sums) == order
    assert sum(one["files"] for one in sums.values()) == ALL
    assert sum(one["bytes"] for one in sums.values()) == found["all_bytes"]
    for role, one in sums.items():
        selected = await listing.get(f"role={role}&per_page=200")
        assert (selected["files"], selected["bytes"]) == (one["files"], one["bytes"])
        assert {row["role_label"] for row in selected["rows"]} == {one["label"]}
        assert len(selected["rows"]) == one["files"]
        assert selected["roles"] == found["roles"]
    levels = await listing.get("role=level&per_page=200")
    assert levels["files"] == sums["level-0"]["files"] + sums["level-1"]["files"]


async def test_folders_have_sums_of_all_below_them(listing: Listing) -> None:
    found = await listing.get()
    sums = {one["folder"]: one for one in found["folders"]}
    assert sums["volume.zarr"]["files"] == 62
    assert sums["volume.zarr"]["bytes"] == 60 * 1000 + 500 + 50
    assert sums["volume.zarr-old"]["files"] == 1
    assert found["direct_files"] + sum(one["files"] for one in sums.values()) == ALL
    inside = await listing.get("folder=volume.zarr&per_page=200")
    assert inside["files"] == 62
    assert all(row["location"].startswith("volume.zarr/") for row in inside["rows"])
    assert [one["name"] for one in inside["folders"]] == ["0", "1"]
    deep = await listing.get("folder=/volume.zarr/0/c/")
    assert [one["name"] for one in deep["folders"]] == [str(n) for n in range(12)]
    assert {one["folder"] for one in deep["folders"]} >= {"volume.zarr/0/c/11"}
    assert (deep["direct_files"], deep["folders_in_all"]) == (0, 12)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("name=README", ["readme.txt"]),
        ("name=Preview", ["previews/front.webp"]),
        ("name=r/zarr.j", ["volume.zarr/zarr.json"]),
        ("name=zarr/1", ["volume.zarr/1/c/0/0"]),
        ("name=100%25+(a%2Bb)", [f"Ärzte [raw]/{HOSTILE}"]),
        ("name=%C3%A4rzte", [f"Ärzte [raw]/{HOSTILE}"]),
        ("name=zarr.json&folder=volume.zarr-old", ["volume.zarr-old/zarr.json"]),
        ("name=&role=+&folder=%C3%84rzte+[raw]", [f"Ärzte [raw]/{HOSTILE}"]),
        ("name=.*", []),
        ("folder=volume", []),
        ("role=level-7", []),
    ],
)
async def test_conditions_select(listing: Listing, query: str, expected: list[str]) -> None:
    found = await listing.get(query)
    assert locations(found) == expected
    assert (found["files"], found["all_files"], found["pages"]) == (len(expected), ALL, 1)


async def test_each_file_shows_where_it_is(listing: Listing) -> None:
    listing.states.online = {"readme.txt", f"Ärzte [raw]/{HOSTILE}"}
    rows = (await listing.get("per_page=200"))["rows"]
    states = {row["location"]: row["availability"] for row in rows}
    assert {name for name, state in states.items() if state == "ONLINE"} == listing.states.online
    assert set(states.values()) == {"ONLINE", "ARCHIVED"}


async def test_the_list_stays_without_the_downloader(listing: Listing) -> None:
    listing.states.status = 503
    try:
        found = await listing.get("per_page=200")
    finally:
        listing.states.status = 200
    assert len(found["rows"]) == ALL
    assert {row["availability"] for row in found["rows"]} == {None}


async def test_files_that_cannot_be_downloaded_have_no_address(listing: Listing) -> None:
    found = await listing.get(pid=ONE.pid)
    assert (found["files"], found["pages"], found["folders"]) == (1, 1, [])
    assert (found["rows"][0]["url"], found["rows"][0]["availability"]) == (None, None)


async def test_a_dataset_without_files_has_an_empty_page(listing: Listing) -> None:
    found = await listing.get(pid=EMPTY.pid)
    assert (found["files"], found["all_files"], found["pages"], found["rows"]) == (0, 0, 1, [])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=0", "page"),
        ("page=99", "page"),
        ("page=" + "9" * 30, "page"),
        ("page=x", "page"),
        ("per_page=201", "per_page"),
        ("role=colour", "role"),
        ("role=level-", "role"),
        ("colour=red", "colour"),
        ("name=%00", "name"),
        ("folder=a%0Ab", "folder"),
        ("name=" + "a" * 201, "name"),
        ("folder=" + "a" * 4001, "folder"),
    ],
)
async def test_a_wrong_parameter_is_reported(listing: Listing, query: str, field: str) -> None:
    answer = await listing.reader.get(f"/api/records/{FULL.pid}/files?{query}")
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"] == field


@pytest.mark.parametrize("name", ["(", "[a", "\\", "a{2,", "^$", "*", "\\x", "\ud7ff", "🫀", "%ff"])
async def test_no_name_is_an_expression(listing: Listing, name: str) -> None:
    answer = await listing.reader.get(f"/api/records/{FULL.pid}/files", params={"name": name})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("pid", "status"),
    [
        (HIDDEN.pid, 404),
        (listed_files.WITHDRAWN.pid, 410),
        (listed_files.DOCUMENT.pid, 404),
        ("none", 404),
    ],
)
async def test_only_files_of_public_datasets_are_listed(
    listing: Listing, pid: str, status: int
) -> None:
    answer = await listing.reader.get(f"/api/records/{pid}/files")
    assert (answer.status_code, "a.tif" in answer.text) == (status, False)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_record_leads_to_its_files(listing: Listing) -> None:
    record = (await listing.reader.get(f"/api/records/{FULL.pid}")).json()
    assert record["files"]["page"] == f"/datasets/{FULL.name}/files"
    answer = await listing.reader.get(record["files"]["pages_url"])
    assert answer.json()["all_files"] == ALL


async def test_readers_at_once_share_the_sums_and_a_new_list_has_its_own(listing: Listing) -> None:
    older = listed_files.listed(EMPTY, [listed_files.file(f"{n}.tif") for n in range(3)])
    await listing.lists.store_part(older)
    found = await asyncio.gather(*(listing.get(pid=EMPTY.pid) for _ in range(5)))
    assert [one["all_files"] for one in found] == [3] * 5
    newer = listed_files.listed(EMPTY, [listed_files.file("0.tif", 5)], version=2)
    await listing.lists.store_part(newer)
    found = await asyncio.gather(*(listing.get(pid=EMPTY.pid) for _ in range(2)))
    assert [(one["all_files"], one["all_bytes"]) for one in found] == [(1, 5)] * 2
