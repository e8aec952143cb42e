"""The role of a file by its location, and which files stay online."""

import pytest
from portal_downloader.domain.online_rule import LevelSums
from portal_shared import profile as profiles
from portal_shared.contracts.file_roles import recognise
from portal_shared.profile import OnlineRules

ROLES: list[tuple[str, int | None, str]] = [
    ("data", None, "x.tif slices.tif stack/0001.tif scan.h5 0/c/0/0/0 v.zarr/c/0/0 v.zarr.zip"),
    ("data", None, "previews/z.tif pictures/z.png zarr/0/x"),
    ("level", 0, "v.zarr/0/c/0/0/0 v.ome.zarr/0/0.0.0 a/b/v.ome.zarr/0/1/2/3 v.n5/s0/0/0/0"),
    ("level", 3, "v.zarr/3/c/0/0/0 v.zarr/s3/0/0/0"),
    ("metadata", None, "v.zarr/zarr.json v.zarr/2/zarr.json v.zarr/.zattrs v.zarr/0/.zarray"),
    ("metadata", None, "v.zarr/.zmetadata v.n5/s0/attributes.json v.zarr/OME/METADATA.ome.xml"),
    ("metadata", None, "metadata.json README README.md LICENSE.txt ro-crate-metadata.json"),
    ("checksum", None, "SHA256SUMS d/md5sums.txt x.tif.sha256 portal-manifest.sha256"),
    ("preview", None, "previews/z.webp Preview/a.png preview_x.jpg"),
    ("thumbnail", None, "thumbnails/small.webp a/thumbnails/large.png thumbnail.png"),
]


@pytest.mark.parametrize("case", range(len(ROLES)))
def test_a_role_is_recognised_by_the_location(case: int) -> None:
    role, level, locations = ROLES[case]
    found = {location: recognise(location) for location in locations.split()}
    wrong = {name: r for name, r in found.items() if (r.role, r.level) != (role, level)}
    assert wrong == {}


def test_levels_with_few_bytes_stay_online_as_a_whole() -> None:
    rules = OnlineRules.model_validate({"roles": ["preview"], "levels_below": "1 KiB"})
    files = [{"role": "level", "level": n, "size": size} for n, size in
             ((0, 600), (0, 424), (1, 1023), (2, 5), (2, None))]  # fmt: skip
    sums = LevelSums()
    for file in files:
        sums.add([file])
    found = sums.online_files(rules)
    assert found.levels == {1, 2}
    assert found.contain({"role": "preview"})
    assert found.contain({"role": "level", "level": 2})
    for other in ({}, {"role": None}, {"role": "data"}, {"role": "level"}, {"role": "thumbnail"}):
        assert not found.contain(other)


def test_profiles_of_volumes_state_what_stays_online() -> None:
    assert profiles.load("human-organs").online.levels_below == 256 * 2**20
    assert profiles.load("panosc").online == OnlineRules()
