"""`make sbom` lists the packages of each image: those that its Dockerfile installs, no others."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
IMAGES = {"ingest", "doi", "indexer", "downloader", "gateway", "cli", "local", "site"}


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The document of each image."""
    folder = tmp_path_factory.mktemp("sbom")
    subprocess.run([ROOT / "deploy" / "list-packages", folder], check=True, capture_output=True)
    return {
        path.name.removeprefix("portal-").removesuffix(".cdx.json"): json.loads(path.read_bytes())
        for path in folder.iterdir()
    }


def names(document: dict[str, Any]) -> set[str]:
    return {one["name"] for one in document["components"]}


def test_every_image_has_a_document(documents: dict[str, dict[str, Any]]) -> None:
    assert documents.keys() == IMAGES
    for image, document in documents.items():
        assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.5")
        assert all(one["purl"] and one["version"] for one in document["components"]
                   if one["name"] not in {"portal-shared", f"portal-{image}"}), image  # fmt: skip


def test_a_document_has_what_is_installed_and_no_tools(
    documents: dict[str, dict[str, Any]],
) -> None:
    services = {image: found for image, found in documents.items() if image != "site"}
    for image, document in services.items():
        assert {"fastapi", "pydantic"} <= names(document), image
        assert not {"pytest", "ruff", "basedpyright"} & names(document), image
    assert "citeproc-py" in names(documents["gateway"]) - names(documents["doi"])
    assert "svelte" in names(documents["site"])


def test_the_command_has_the_atlas_without_imaging_libraries(
    documents: dict[str, dict[str, Any]],
) -> None:
    """They are two thirds of an image with them: `hoa-tools` requires them, its metadata do not."""
    found = names(documents["cli"])
    assert "hoa-tools" in found
    assert not {"simpleitk", "pandas", "xarray", "dask", "imagecodecs", "rasterio"} & found
