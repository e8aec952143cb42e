"""The reader of OME-NGFF metadata, which curation and crops share."""

from typing import Any

import pytest
from portal_shared import ngff
from portal_shared.ngff import Axis, InvalidNgff

ZYX = [{"name": a, "type": "space", "unit": "micrometer"} for a in "zyx"]


def image(*steps: Any, axes: Any = ZYX, **more: Any) -> dict[str, Any]:
    level = {"path": "0", "coordinateTransformations": list(steps)}
    return {"multiscales": [{"axes": axes, "datasets": [level], **more}]}


def scale(*values: Any) -> dict[str, Any]:
    return {"type": "scale", "scale": list(values)}


def shift(*values: Any) -> dict[str, Any]:
    return {"type": "translation", "translation": list(values)}


def test_the_attributes_are_found_in_both_formats() -> None:
    assert ngff.attributes({"zarr_format": 3, "attributes": {"ome": {"a": 1}}}) == {"a": 1}
    assert ngff.attributes({"multiscales": []}) == {"multiscales": []}
    assert ngff.attributes({"zarr_format": 3}) == {}


def test_transformations_of_level_and_image_are_composed() -> None:
    common = {"coordinateTransformations": [scale(2, 2, 2), shift(1, 1, 1)]}
    level = ngff.multiscales(image(scale(3, 4, 5), shift(1, 2, 3), **common))[0].levels[0]
    assert (level.scale, level.translation) == ((6, 8, 10), (3, 5, 7))


def test_a_level_without_a_scale_has_none() -> None:
    level = ngff.multiscales(image({"type": "identity"}))[0].levels[0]
    assert (level.scale, level.translation, level.unsupported) == (None, None, None)


@pytest.mark.parametrize("step", [{"type": "affine", "affine": []}, {"type": "scale", "path": "s"}])
def test_another_transformation_is_reported(step: dict[str, Any]) -> None:
    assert ngff.multiscales(image(step))[0].levels[0].unsupported == step["type"]


def test_steps_in_a_sequence_are_composed() -> None:
    steps = {"type": "sequence", "transformations": [scale(2, 2, 2), shift(1, 1, 1)]}
    assert ngff.multiscales(image(steps))[0].levels[0].translation == (1, 1, 1)


def test_axes_are_those_of_the_version() -> None:
    names = ngff.multiscales(image(axes=["t", "Y", "X"]))[0]
    assert names.axes_of(3) == (
        Axis("t", "time", None), Axis("y", "space", None), Axis("x", "space", None)
    )  # fmt: skip
    none = ngff.multiscales(image(axes=None))[0]
    assert [axis.name for axis in none.axes_of(5)] == list("tczyx")
    assert none.axes_of(3) == ()
    with pytest.raises(InvalidNgff, match="3 axes for an array of 4 dimensions"):
        names.axes_of(4)


BAD: list[tuple[Any, str]] = [
    ({"multiscales": {}}, "is not a list"),
    ({"multiscales": [3]}, "is not a JSON object"),
    ({"multiscales": [{"axes": ZYX, "datasets": []}]}, "no levels"),
    ({"multiscales": [{"axes": ZYX, "datasets": [{"path": "a/../../b"}]}]}, "not the path"),
    ({"multiscales": [{"axes": ZYX, "datasets": [{"path": None}]}]}, "not the path"),
    (image(scale(1, 2)), "2 values for 3 axes"),
    (image(scale(1, 2, "3")), "not a number"),
    (image(scale(1, 2, float("inf"))), "not a number"),
    (image(axes=[{"type": "space"}]), "has no name"),
    (image(axes=["x", "X"]), "repeat"),
    (image(*[{"type": "identity"}] * 200), "more than 100"),
]


@pytest.mark.parametrize(("found", "reason"), BAD, ids=lambda value: str(value)[:40])
def test_metadata_that_contradict_the_standard_are_refused(found: Any, reason: str) -> None:
    with pytest.raises(InvalidNgff, match=reason):
        ngff.multiscales(found)


def test_a_container_of_bioformats2raw_is_known() -> None:
    assert ngff.is_container({"bioformats2raw.layout": 3})
    assert not ngff.is_container({"bioformats2raw.layout": 3, **image()})
