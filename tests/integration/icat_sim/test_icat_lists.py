"""Lists of beans with the same key or with look-alikes: nothing of the list is created."""

import pytest
from icat.exception import ICATInternalError, ICATObjectExistsError

from tests.drivers.icat import Archive

NAMES = "SELECT o.name FROM Dataset o WHERE o.investigation.id = {inv}"


def test_equal_names_in_one_list_exist_already(archive: Archive) -> None:
    archive.dataset("heart").create()
    key = f"investigation = 'id:{archive.investigation.id}', name = 'b'"
    with pytest.raises(ICATObjectExistsError, match=f"Dataset exists with {key}") as refused:
        archive.client.createMany([archive.dataset(name) for name in "abcb"])
    assert refused.value.offset == 3
    assert archive.search(NAMES) == ["heart"]


@pytest.mark.parametrize("pair", [("Readme", "README"), ("é", "e"), ("x", "x "), ("µ", "μ")])
def test_look_alikes_in_one_list_are_an_internal_error(
    archive: Archive, pair: tuple[str, str]
) -> None:
    archive.dataset("heart").create()
    with pytest.raises(ICATInternalError, match="Duplicate entry") as refused:
        archive.client.createMany([archive.dataset(name) for name in ("first", *pair, "last")])
    assert refused.value.offset == 2
    assert archive.search(NAMES) == ["heart"]


@pytest.mark.parametrize("pair", [("Readme", "README"), ("f", "f")])
def test_look_alikes_inside_one_bean_are_an_internal_error(
    archive: Archive, pair: tuple[str, str]
) -> None:
    archive.dataset("heart").create()
    lung = archive.dataset("lung")
    lung.datafiles = [archive.new("Datafile", name=name) for name in pair]
    with pytest.raises(ICATInternalError, match="Duplicate entry"):
        lung.create()
    assert archive.search(NAMES) == ["heart"]
