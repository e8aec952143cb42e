"""The profile: what the site shows that comes from configuration."""

import pytest

from tests.integration.gateway.site.conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_the_profile_has_labels_facets_and_organs(site: Site) -> None:
    answer = await site.reader.get("/api/profile")
    profile = answer.json()
    fields = {f["name"]: f for f in profile["fields"]}
    assert profile["title"] == "Human Organ Atlas"
    assert profile["licence"] == {
        "id": "CC-BY-4.0", "name": "CC BY 4.0", "url": "https://creativecommons.org/licenses/by/4.0/",
    }  # fmt: skip
    assert fields["voxel_size"]["unit"] == "µm"
    assert fields["voxel_size"]["parameter"] == "voxel_um"
    assert fields["medical_history"]["parameter"] is None
    assert fields["donor_age"]["parameter"] is None
    tendon = next(v for v in fields["organ"]["values"] if v["value"] == "achillesTendon")
    assert (tendon["label"], tendon["term"]) == ("Achilles tendon", "UBERON:0003701")
    assert set(profile["facets"]) <= set(fields)
    assert {f["group"] for f in profile["fields"]} <= {g["name"] for g in profile["groups"]}
    kidney = next(o for o in profile["organs"] if o["value"] == "kidney")
    assert (kidney["width_mm"], kidney["in_text"]) == (66, "kidney")
    assert [s["up_to_um"] for s in kidney["sights"]] == sorted(
        s["up_to_um"] for s in kidney["sights"]
    )


async def test_the_profile_is_cached_by_its_tag(site: Site) -> None:
    first = await site.reader.get("/api/profile")
    assert "max-age" in first.headers["cache-control"]
    again = await site.reader.get("/api/profile", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


async def test_every_parameter_of_the_profile_is_a_parameter_of_the_search(site: Site) -> None:
    profile = (await site.reader.get("/api/profile")).json()
    for field in profile["fields"]:
        if field["parameter"]:
            query = f"{field['parameter']}={profile['search']['missing']}&per_page=1"
            assert (await site.reader.get(f"/api/search?{query}")).status_code == 200, query
    for sort in profile["sorts"]:
        answer = await site.reader.get(f"/api/search?sort={sort['key']}&per_page=1")
        assert answer.status_code == 200, sort
