"""A volume whose chunks hold more than its arrays allow is refused with the reason."""

import numcodecs
from portal_shared.contracts.records import File

from tests.drivers.services.downloader import DownloaderClient
from tests.drivers.tape import TapeArchive
from tests.integration.downloader.routes.test_crop_routes import volume


async def test_a_crop_of_a_bomb_is_an_error_of_the_volume_and_others_are_served(
    downloader: DownloaderClient, tape: TapeArchive
) -> None:
    _, _ = volume(tape)
    bomb = bytes(numcodecs.Zstd().encode(bytes(256 * 2**20)))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    chunk = tape.archive / tape.name / "d" / "v.ome.zarr" / "0" / "c" / "0" / "0" / "0"
    chunk.write_bytes(bomb)
    files: list[File] = tape.list_files("d")
    await downloader.register("p", files)
    await downloader.final_event(await downloader.request("p"))
    for kind in ("tiff", "nrrd", "zarr"):
        answer = await downloader.get("p", "crop", params={"format": kind, "z": "0:2"})
        assert (answer.status_code, answer.json()["field"]) == (400, "volume")
        assert "more than" in answer.json()["detail"]
    intact = await downloader.get("p", "crop", params={"z": "16:18", "y": "0:5", "x": "0:5"})
    assert intact.status_code == 200
