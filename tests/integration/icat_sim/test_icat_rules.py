"""What ICAT's Rule beans allow a user who is not root to read and write."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import icat
import pytest

from tests.drivers.icat import Archive, running

READ, CREATE, UPDATE, DELETE = (
    f"{access} access to this Dataset is not allowed."
    for access in ("READ", "CREATE", "UPDATE", "DELETE")
)


class Guarded:
    """A server with data of the facility, and a guest whose rights come from rules."""

    def __init__(self, archive: Archive, guest: icat.Client) -> None:
        self.archive, self.root, self.guest = archive, archive.client, guest
        self.user = archive.make("User", name="simple/guest")
        self.group = archive.make("Grouping", name="friends")
        archive.make("UserGroup", user=self.user, grouping=self.group)
        self.volumes = {
            name: archive.make("Dataset", name=name, type=archive.type,
                               investigation=archive.investigation, complete=name == "heart")
            for name in ("heart", "lung")
        }  # fmt: skip

    def wipe(self) -> None:
        for bean in ("Facility", "User", "Grouping", "Rule", "PublicStep"):
            self.root.deleteMany(self.root.search(bean))

    def rule(self, flags: str, what: str, grouping: Any = None) -> Any:
        return self.archive.make("Rule", crudFlags=flags, what=what, grouping=grouping)

    def mine(self, name: str) -> Any:
        """The dataset, as a bean of the guest's client."""
        volume = self.root.search(f"SELECT d FROM Dataset d WHERE d.name = '{name}' INCLUDE 1")[0]  # noqa: S608
        return self.guest.new(
            "Dataset", id=volume.id, name=name, complete=volume.complete,
            type=self.guest.new("DatasetType", id=volume.type.id),
            investigation=self.guest.new("Investigation", id=volume.investigation.id),
            fileCount=0, fileSize=0,
        )  # fmt: skip

    def new(self, name: str, **fields: Any) -> Any:
        volume = self.mine("heart")
        volume.id, volume.name = None, name
        for field, value in fields.items():
            setattr(volume, field, value)
        return volume

    def seen(self) -> list[str]:
        return self.guest.search("SELECT d.name FROM Dataset d ORDER BY d.name")


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[icat.Client, icat.Client]]:
    """Root and the guest, on a server that has been given no rules."""
    users = ("--user=root:root", "--user=guest:guest", "--root-user=simple/root")
    with running(tmp_path_factory.mktemp("guarded"), *users) as server:
        yield server.client(), server.client("guest")


@pytest.fixture
def guarded(clients: tuple[icat.Client, icat.Client]) -> Iterator[Guarded]:
    root, guest = clients
    guarded = Guarded(Archive(root), guest)
    yield guarded
    guarded.wipe()


def test_a_rule_without_a_condition_shows_all(guarded: Guarded) -> None:
    assert guarded.seen() == []
    guarded.rule("R", "Dataset")
    assert guarded.seen() == ["heart", "lung"]
    assert guarded.guest.search("SELECT i FROM Investigation i") == []


def test_rules_with_conditions_add_up(guarded: Guarded) -> None:
    guarded.rule("R", "SELECT d FROM Dataset d WHERE d.complete = TRUE")
    assert guarded.seen() == ["heart"]
    guarded.rule("R", "Dataset <-> Investigation [visitId = 'elsewhere']")
    assert guarded.seen() == ["heart"]
    guarded.rule("CR", "SELECT d FROM Dataset d JOIN d.investigation i WHERE i.visitId = 'bm18'")
    assert guarded.seen() == ["heart", "lung"]


def test_what_is_hidden_is_neither_counted_nor_computed_with(guarded: Guarded) -> None:
    guarded.rule("R", "Dataset [complete = TRUE]")
    for query, answer in {
        "SELECT COUNT(d) FROM Dataset d": [1],
        "SELECT COUNT(i) FROM Investigation i": [0],
        "SELECT MAX(d.name) FROM Dataset d": ["heart"],
        "SELECT MAX(i.title) FROM Investigation i": [],
        "SELECT UPPER(d.name) FROM Dataset d": ["HEART"],
        "SELECT UPPER(d.investigation.title) FROM Dataset d": [],
        "SELECT d.investigation FROM Dataset d": [],
        "SELECT d.name, d.investigation.title FROM Dataset d": [],
        "SELECT d.name FROM Dataset d WHERE d.investigation.visitId = 'bm18'": ["heart"],
    }.items():
        assert guarded.guest.search(query) == answer, query


def test_a_rule_of_a_group_is_for_its_members(guarded: Guarded) -> None:
    others = guarded.archive.make("Grouping", name="others")
    guarded.rule("R", "Dataset", others)
    assert guarded.seen() == []
    guarded.archive.make("UserGroup", user=guarded.user, grouping=others)
    assert guarded.seen() == ["heart", "lung"]


def test_a_rule_may_refer_to_the_user(guarded: Guarded) -> None:
    guarded.rule("CR", "Dataset [createId = :user]")
    assert guarded.seen() == []
    guarded.new("mine").create()
    assert guarded.seen() == ["mine"]


def test_a_release_date_ends_an_embargo(guarded: Guarded) -> None:
    guarded.rule("R", "SELECT i FROM Investigation i WHERE i.releaseDate < CURRENT_TIMESTAMP")
    investigation = guarded.root.get("Investigation INCLUDE 1", guarded.archive.investigation.id)
    for year, seen in ((2999, []), (2001, ["md1290"])):
        investigation.releaseDate = datetime(year, 1, 1, tzinfo=UTC)
        investigation.update()
        assert guarded.guest.search("SELECT i.name FROM Investigation i") == seen


def test_get_needs_the_right_to_read(guarded: Guarded) -> None:
    guarded.rule("R", "Dataset [complete = TRUE]")
    assert guarded.guest.get("Dataset", guarded.volumes["heart"].id).name == "heart"
    with pytest.raises(icat.ICATPrivilegesError, match=READ):
        guarded.guest.get("Dataset", guarded.volumes["lung"].id)


def test_include_leaves_out_what_may_not_be_read(guarded: Guarded) -> None:
    guarded.rule("R", "Dataset [complete = TRUE]")
    guarded.rule("R", "Facility [name = 'none such']")
    query = "SELECT d FROM Dataset d INCLUDE d.type, d.investigation AS i, i.facility"
    (volume,) = guarded.guest.search(query)
    assert (volume.type, volume.investigation) == (None, None)
    guarded.rule("R", "Investigation")
    (volume,) = guarded.guest.search(query)
    assert volume.investigation.facility is None
    deep = "SELECT i FROM Investigation i INCLUDE i.datasets"
    assert [d.name for d in guarded.guest.search(deep)[0].datasets] == ["heart"]


def test_public_tables_and_steps_open_what_include_leads_to(guarded: Guarded) -> None:
    guarded.rule("R", "Investigation [visitId = 'bm18']")
    query = "SELECT i FROM Investigation i INCLUDE i.datasets, i.facility"
    (found,) = guarded.guest.search(query)
    assert (found.datasets, found.facility) == ([], None)
    guarded.archive.make("PublicStep", origin="Investigation", field="datasets")
    guarded.rule("C", "Facility")  # the flags of a public table are not looked at
    (found,) = guarded.guest.search(query)
    assert sorted(d.name for d in found.datasets) == ["heart", "lung"]
    assert found.facility.id == guarded.archive.facility.id
    assert guarded.seen() == []
    assert guarded.guest.search("Facility") == []


def test_creating_needs_a_rule_that_the_new_bean_meets(guarded: Guarded) -> None:
    with pytest.raises(icat.ICATPrivilegesError, match=CREATE):
        guarded.new("first").create()
    guarded.rule("C", "Dataset [complete = FALSE]")
    with pytest.raises(icat.ICATPrivilegesError, match=CREATE):
        guarded.new("first", complete=True).create()
    draft = guarded.new("first", complete=False)
    assert guarded.guest.isAccessAllowed(draft, "CREATE")
    draft.create()
    names = guarded.root.search("SELECT d.name FROM Dataset d ORDER BY d.name")
    assert names == ["first", "heart", "lung"]


def test_many_are_created_only_if_each_may_be(guarded: Guarded) -> None:
    guarded.rule("C", "Dataset [complete = FALSE]")
    batch = [guarded.new("a", complete=False), guarded.new("b", complete=True)]
    with pytest.raises(icat.ICATPrivilegesError, match=CREATE) as refused:
        guarded.guest.createMany(batch)
    assert refused.value.offset == 1
    assert len(guarded.root.search("Dataset")) == 2


def test_an_update_is_checked_on_the_stored_bean(guarded: Guarded) -> None:
    guarded.rule("U", "Dataset [complete = FALSE]")
    heart, lung = guarded.mine("heart"), guarded.mine("lung")
    heart.complete = False
    with pytest.raises(icat.ICATPrivilegesError, match=UPDATE):
        heart.update()
    lung.description = "breathes"
    lung.complete = True
    lung.update()
    assert guarded.root.search("SELECT d.description FROM Dataset d WHERE d.name = 'lung'") == [
        "breathes"
    ]


def test_one_attribute_may_be_granted(guarded: Guarded) -> None:
    guarded.rule("U", "SELECT d.description FROM Dataset d WHERE d.complete = TRUE")
    heart = guarded.mine("heart")
    heart.description = "beats"
    heart.update()
    heart.doi = "10.5072/1"
    with pytest.raises(icat.ICATPrivilegesError, match=UPDATE):
        heart.update()
    assert guarded.root.get("Dataset", heart.id).doi is None
    assert not guarded.guest.isAccessAllowed(heart, "UPDATE")


def test_another_parent_takes_the_rights_to_delete_and_create(guarded: Guarded) -> None:
    archive = guarded.archive
    kind = archive.make("InvestigationType", name="other", facility=archive.facility)
    other = archive.make("Investigation", name="md1", visitId="id19", title="Other",
                         facility=archive.facility, type=kind)  # fmt: skip
    guarded.rule("U", "Dataset")
    lung = guarded.mine("lung")
    lung.investigation = guarded.guest.new("Investigation", id=other.id)
    with pytest.raises(icat.ICATPrivilegesError, match=DELETE):
        lung.update()
    guarded.rule("D", "Dataset")
    guarded.rule("C", "Dataset <-> Investigation [visitId = 'bm18']")
    with pytest.raises(icat.ICATPrivilegesError, match=CREATE):
        lung.update()
    guarded.rule("C", "Dataset <-> Investigation [visitId = 'id19']")
    lung.update()
    query = "SELECT d.name FROM Dataset d WHERE d.investigation.visitId = 'id19'"
    assert guarded.root.search(query) == ["lung"]


def test_deleting_needs_the_right_on_all_that_goes_with_it(guarded: Guarded) -> None:
    heart = guarded.volumes["heart"]
    guarded.archive.make("Datafile", name="a.jp2", dataset=heart)
    guarded.rule("D", "Dataset [complete = TRUE]")
    with pytest.raises(icat.ICATPrivilegesError, match="DELETE access to this Datafile"):
        guarded.guest.delete(guarded.mine("heart"))
    with pytest.raises(icat.ICATPrivilegesError, match=DELETE):
        guarded.guest.delete(guarded.mine("lung"))
    guarded.rule("D", "Datafile")
    guarded.guest.delete(guarded.mine("heart"))
    assert guarded.root.search("SELECT d.name FROM Dataset d") == ["lung"]


@pytest.mark.parametrize(
    ("flags", "what", "reason"),
    [
        ("X", "Dataset", "CRUD value X"),
        ("R", None, "'what' must not be null"),
        ("R", "Organ", "determine type of Organ"),
        ("R", "SELECT d FROM Dataset d WHERE", "unexpected the end"),
        ("R", "SELECT d, d.type FROM Dataset d", "selects one bean"),
        ("R", "SELECT COUNT(d) FROM Dataset d", "selects one bean"),
        ("R", "SELECT d FROM Dataset d INCLUDE d.type", "takes no ORDER BY, INCLUDE or LIMIT"),
        ("R", "SELECT d.name FROM Dataset d", "takes the crudFlags U and no other"),
    ],
)
def test_an_invalid_rule_is_refused(guarded: Guarded, flags: str, what: str, reason: str) -> None:
    with pytest.raises(icat.ICATParameterError, match=reason):
        guarded.rule(flags, what)
    group = guarded.archive.new("Grouping", name="with a rule")
    group.rules = [guarded.archive.new("Rule", crudFlags=flags, what=what)]
    with pytest.raises(icat.ICATParameterError, match=reason):
        group.create()
    assert guarded.root.search("SELECT COUNT(r) FROM Rule r") == [0]
    assert guarded.root.search("Grouping [name = 'with a rule']") == []


def test_a_public_step_is_along_a_relation(guarded: Guarded) -> None:
    with pytest.raises(icat.ICATParameterError, match=r"Dataset\.name is not a relation"):
        guarded.archive.make("PublicStep", origin="Dataset", field="name")
