"""Create, update and delete: what is stored, and the messages of errors."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any

import icat
import pytest

from tests.drivers.icat import Archive, IcatSimulator


def test_a_nested_create_makes_the_whole_tree(archive: Archive) -> None:
    energy = archive.parameter_type("energy", units="keV")
    note = archive.parameter_type("note", "STRING")
    instrument = archive.make("Instrument", facility=archive.facility, name="BM18")
    technique = archive.make("Technique", name=f"HiP-CT {archive.facility.id}", pid="PaNET01213")
    started = datetime(2024, 5, 17, 8, 30, tzinfo=UTC)
    volume = archive.dataset("heart", startDate=started, location="/data/heart")
    volume.parameters = [
        archive.parameter(energy, numericValue=88.5, error=0.25),
        archive.parameter(note, stringValue="<bläck & white>\r\n'quoted' \"text\""),
    ]
    volume.datasetInstruments = [archive.new("DatasetInstrument", instrument=instrument)]
    volume.datasetTechniques = [archive.new("DatasetTechnique", technique=technique)]
    volume.datafiles = [archive.new("Datafile", name=f"{i}.jp2", fileSize=i) for i in range(5)]
    volume.create()

    (found,) = archive.search(
        "SELECT o FROM Dataset o WHERE o.investigation.id = {inv}"
        " INCLUDE o.parameters AS p, p.type, o.datafiles, o.datasetInstruments AS di,"
        " di.instrument, o.datasetTechniques AS dt, dt.technique, o.investigation AS i, i.facility"
    )
    assert found.id == volume.id
    assert found.startDate == started
    assert found.createId == "simple/root"
    assert found.complete is False
    assert (found.fileSize, found.fileCount) == (0, 0)
    assert {p.type.name: p.numericValue or p.stringValue for p in found.parameters} == {
        "energy": 88.5,
        "note": "<bläck & white>\n'quoted' \"text\"",
    }
    assert [file.fileSize for file in found.datafiles] == [0, 1, 2, 3, 4]
    assert found.datasetInstruments[0].instrument.name == "BM18"
    assert found.datasetTechniques[0].technique.pid == "PaNET01213"
    assert found.investigation.facility.id == archive.facility.id


def test_a_nested_create_that_fails_leaves_nothing(archive: Archive) -> None:
    volume = archive.dataset("heart")
    volume.datafiles = [archive.new("Datafile", name=name) for name in ("a", "b", "a")]
    with pytest.raises(icat.ICATInternalError, match="Unexpected DB response"):
        volume.create()
    assert archive.search("Dataset [investigation.id = {inv}]") == []
    assert archive.search("Datafile [dataset.investigation.id = {inv}]") == []


def test_a_second_bean_with_the_same_key_is_refused(archive: Archive) -> None:
    archive.dataset("heart").create()
    key = f"investigation = 'Investigation:{archive.investigation.id}', name = 'heart'"
    with pytest.raises(icat.ICATObjectExistsError, match=f"Dataset exists with {key}"):
        archive.dataset("heart", type=None).create()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"type": None}, "Dataset: type cannot be null."),
        ({"name": None}, "Dataset: name cannot be null."),
        ({"location": "x" * 512}, "Dataset: location cannot have length > 511"),
    ],
)
def test_the_outermost_bean_is_diagnosed(
    archive: Archive, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(icat.ICATValidationError, match=message):
        archive.dataset(**{"name": "heart", **fields}).create()


def test_a_reference_to_nothing_is_an_internal_error(archive: Archive) -> None:
    nowhere = archive.new("DatasetType", id=999_999)
    with pytest.raises(icat.ICATInternalError, match="marked cascade PERSIST: DatasetType:999999"):
        archive.dataset("heart", type=nowhere).create()
    unsaved = archive.new("DatasetType", name="new")
    with pytest.raises(icat.ICATInternalError, match="never created"):
        archive.dataset("heart", type=unsaved).create()


def test_parameters_must_suit_their_type(archive: Archive) -> None:
    energy = archive.parameter_type(
        "energy", enforced=True, minimumNumericValue=5.0, maximumNumericValue=250.0
    )
    organ = archive.parameter_type("organ", "STRING", enforced=True)
    archive.make("PermissibleStringValue", type=organ, value="heart")
    private = archive.parameter_type("private", applicableToDataset=False)
    volume = archive.make(
        "Dataset", name="heart", type=archive.type, investigation=archive.investigation
    )
    refused = {
        "Parameter of type energy has value 4.0 < 5.0": (energy, {"numericValue": 4.0}),
        "Parameter of type energy has value 251.0 > 250.0": (energy, {"numericValue": 251.0}),
        r"has value liver not in allowed set \[heart\]": (organ, {"stringValue": "liver"}),
        "Parameter of type private is not applicable to a Dataset": (private, {}),
        "Type of parameter is not set": (None, {"numericValue": 1.0}),
        "Parameter of type null is not applicable": (
            archive.new("ParameterType", id=energy.id),
            {},
        ),
    }
    for message, (kind, value) in refused.items():
        with pytest.raises(icat.ICATValidationError, match=message):
            archive.parameter(kind, dataset=volume, **value).create()
        nested = archive.dataset("nested")
        nested.parameters = [archive.parameter(kind, **value)]
        with pytest.raises(icat.ICATInternalError, match=f"core.IcatException .*{message}"):
            nested.create()
    for kind, value in ((energy, {"numericValue": 5.0}), (organ, {"stringValue": "heart"})):
        archive.parameter(kind, dataset=volume, **value).create()


def test_update_replaces_all_but_who_created(archive: Archive) -> None:
    sample = archive.make("Sample", name="LADAF", investigation=archive.investigation)
    archive.dataset("heart", description="old", location="/a", sample=sample).create()
    query = "SELECT o FROM Dataset o WHERE o.investigation.id = {inv} INCLUDE 1"
    (before,) = archive.search(query)
    before.description = None
    before.complete = True
    before.sample = None
    before.update()
    (after,) = archive.search(query)
    assert (after.description, after.complete, after.sample) == (None, True, None)
    assert (after.location, after.type.id) == ("/a", archive.type.id)
    assert after.createTime == before.createTime
    assert after.modTime >= before.modTime


def test_a_wrong_update_changes_nothing(archive: Archive) -> None:
    archive.dataset("heart").create()
    archive.dataset("lung").create()
    query = "SELECT o FROM Dataset o WHERE o.investigation.id = {inv} AND o.name = 'lung' INCLUDE 1"
    (lung,) = archive.search(query)
    lung.name = "heart"
    with pytest.raises(icat.ICATInternalError, match="Unexpected DB response"):
        lung.update()
    lung.name = None
    with pytest.raises(icat.ICATValidationError, match="Dataset: name cannot be null"):
        lung.update()
    assert archive.search(query)[0].name == "lung"


def test_an_update_without_a_relation_of_the_key_is_an_internal_error(archive: Archive) -> None:
    archive.dataset("heart").create()
    [volume] = archive.search("SELECT o FROM Dataset o WHERE o.investigation.id = {inv}")
    reason = f"VALIDATION .*Attempt to set field investigation of Dataset:{volume.id} to null"
    with pytest.raises(icat.ICATInternalError, match=reason):
        volume.update()


def test_a_delete_that_fails_has_the_offset_of_its_bean(archive: Archive) -> None:
    with pytest.raises(icat.ICATNoObjectError) as refused:
        archive.client.delete(archive.new("Dataset", id=999999))
    assert refused.value.offset == 0


def test_delete_removes_all_children(archive: Archive) -> None:
    energy = archive.parameter_type("energy")
    sample = archive.make("Sample", name="LADAF", investigation=archive.investigation)
    volume = archive.dataset("heart", sample=sample)
    volume.parameters = [archive.parameter(energy, numericValue=1.0)]
    volume.datafiles = [archive.new("Datafile", name="a")]
    volume.create()
    archive.client.delete(archive.investigation)
    for bean, number in (
        ("Investigation", archive.investigation.id),
        ("Dataset", volume.id),
        ("Sample", sample.id),
    ):
        with pytest.raises(icat.ICATNoObjectError):
            archive.client.get(bean, number)
    assert archive.client.search(f"Datafile [dataset.id = {volume.id}]") == []
    assert archive.client.search(f"DatasetParameter [type.id = {energy.id}]") == []
    assert archive.client.get("ParameterType", energy.id).name == "energy"


def test_what_is_not_there_is_not_found(archive: Archive) -> None:
    gone = archive.new("Dataset", id=999_999, name="x")
    for attempt in (gone.update, lambda: archive.client.delete(gone), gone.get):
        with pytest.raises(icat.ICATNoObjectError, match=r"Dataset\[id:999999\] not found\."):
            attempt()
    with pytest.raises(icat.ICATNoObjectError, match="Dataset has null primary key"):
        archive.client.delete(archive.new("Dataset"))


def test_many_are_created_together_or_not_at_all(archive: Archive) -> None:
    ids = archive.client.createMany([archive.dataset(name) for name in "ab"])
    assert len(set(ids)) == 2
    with pytest.raises(icat.ICATObjectExistsError) as refused:
        archive.client.createMany([archive.dataset(name) for name in "cdbe"])
    assert refused.value.offset == 2
    names = "SELECT o.name FROM Dataset o WHERE o.investigation.id = {inv} ORDER BY o.name"
    assert archive.search(names) == ["a", "b"]
    beans = [archive.new("Dataset", id=number) for number in (*ids, 999_999)]
    with pytest.raises(icat.ICATNoObjectError) as refused:
        archive.client.deleteMany(beans)
    assert refused.value.offset == 2
    assert archive.search(names) == ["a", "b"]
    archive.client.deleteMany(beans[:2])
    assert archive.search(names) == []


def test_strict_errors_report_what_is_wrong_inside(start: Callable[..., IcatSimulator]) -> None:
    archive = Archive(start("--strict-nested-errors").client())
    volume = archive.dataset("heart")
    volume.datafiles = [archive.new("Datafile", name="a" * 256)]
    with pytest.raises(icat.ICATValidationError, match="Datafile: name cannot have length > 255"):
        volume.create()


def test_dates_without_a_zone_are_the_servers(start: Callable[..., IcatSimulator]) -> None:
    archive = Archive(start("--server-tz", "Europe/Berlin").client())
    archive.dataset("heart", startDate=date(2024, 7, 1)).create()
    (found,) = archive.search("SELECT o.startDate FROM Dataset o")
    assert found == datetime(2024, 6, 30, 22, tzinfo=UTC)
    assert archive.search("Dataset [startDate = {ts 2024-07-01 00:00:00}]")


def test_values_of_the_wrong_type_are_reported(archive: Archive) -> None:
    volume = archive.dataset("heart")
    volume.instance.fileCount = "many"
    with pytest.raises(icat.ICATValidationError, match="fileCount is not a valid Long: 'many'"):
        volume.create()


def test_several_clients_write_at_once(server: IcatSimulator, archive: Archive) -> None:
    def write(number: int) -> list[int]:
        client = server.client()
        parent = client.new("Investigation", id=archive.investigation.id)
        kind = client.new("DatasetType", id=archive.type.id)
        made: list[int] = []
        for index in range(10):
            volume = client.new(
                "Dataset", name=f"{number}-{index}", investigation=parent, type=kind
            )
            volume.datafiles = [client.new("Datafile", name=name) for name in "ab"]
            volume.create()
            made.append(volume.id)
        return made

    with ThreadPoolExecutor(4) as pool:
        ids = [number for made in pool.map(write, range(4)) for number in made]
    found = archive.search("SELECT o.id FROM Dataset o WHERE o.investigation.id = {inv}")
    assert sorted(found) == sorted(ids)
    assert len(set(ids)) == 40
    assert archive.search("COUNT(Datafile) [dataset.investigation.id = {inv}]") == [80]
