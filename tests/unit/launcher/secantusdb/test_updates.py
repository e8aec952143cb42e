"""Updates that do only what changes leave the same documents and indexes as the original ones."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bson
import pytest

pytest.importorskip("secantus")

from portal_local.launcher.secantusdb import updates
from secantus import projection, storage, update
from secantus.storage import Storage

Doc = dict[str, Any]
TABLES = (storage._IDX_TABLE, storage._IDX_ENTRIES_TABLE, storage._UNIQ_TABLE)
STEPS = 250
INDEXES: list[tuple[str, Doc, Doc]] = [
    ("a_1", {"a": 1}, {}),
    ("a_-1_b.c_1", {"a": -1, "b.c": 1}, {}),
    ("u_1", {"u": 1}, {"unique": True, "sparse": True}),
    ("p_1", {"p": 1}, {"partialFilterExpression": {"a": {"$gt": 2}}}),
    ("pu_1", {"p": 1, "u": 1}, {"unique": True, "partialFilterExpression": {"d": True}}),
    ("e_1", {"e.f": 1}, {"sparse": True}),
    ("q_1", {"q": 1}, {"prepareUnique": True}),
]
VALUES: tuple[Any, ...] = (
    None, 0, 1, 1.0, True, -0.0, 0.0, float("nan"), 3, bson.Int64(3), "x", "y", "", b"z",
    [1, 2], [], [[1]], [{"f": 1}, {"f": 2}], {"c": 1}, {"c": [1, 2], "f": 3}, {},
    datetime(2024, 1, 2, tzinfo=UTC), bson.ObjectId("5f" * 12), bson.Decimal128("1.5"),
    bson.Regex("^x", "i"),
)  # fmt: skip
FREQUENT: tuple[Any, ...] = (1, 3, 4, True)
FIELDS = ("a", "b", "u", "p", "d", "e", "q", "other")
PATHS = (*FIELDS, "b.c", "e.f", "e.0.f", "a.0", "b.c.1")


def random_update(chance: random.Random) -> Any:
    def path() -> str:
        return chance.choice(PATHS)

    def value() -> Any:
        return chance.choice(VALUES if chance.random() < 0.5 else FREQUENT)

    makers: list[Callable[[], Any]] = [
        lambda: {"$set": {path(): value(), "other": value()}},
        lambda: {"$set": {path(): value()}, "$unset": {chance.choice(FIELDS): ""}},
        lambda: {"$set": {chance.choice(("a", "d")): chance.choice(FREQUENT)}},
        lambda: {"$inc": {path(): chance.choice((0, 1, float("nan")))}},
        lambda: {"$push": {path(): value()}},
        lambda: {"$pull": {path(): value()}},
        lambda: {"$addToSet": {path(): {"$each": [value(), value()]}}},
        lambda: {"$rename": {chance.choice(FIELDS): chance.choice(("b.c", "e.f", "other"))}},
        lambda: {"$set": {chance.choice("be"): {"c": value(), "f": value()}}},
        lambda: {"$min": {path(): value()}, "$setOnInsert": {"other": 1}},
        lambda: {"$set": {"a.$[]": value()}},
        lambda: {"$set": {"_id": 5}},
        lambda: {name: value() for name in chance.sample(FIELDS, 4)},  # a replacement
        lambda: [{"$set": {chance.choice(FIELDS): f"${chance.choice(FIELDS)}"}}],
        lambda: [{"$unset": chance.choice(FIELDS)}, {"$set": {"b": {"c": "$a"}}}],
    ]
    return chance.choice(makers)()


def outcome(call: Callable[[], Any]) -> Any:
    """Returns the result of a call, or its error."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001  # any: they are compared
        return type(error).__name__, str(error)


def history(made: Storage, seed: int) -> list[Any]:
    """Does the same statements for the same seed; returns their results and what is stored."""
    chance = random.Random(seed)  # noqa: S311
    found: list[Any] = []
    for name, key, options in INDEXES:
        made.create_index("d", "rows", name, key, options)
    for number in range(30):
        row = {"_id": number, **{n: chance.choice(VALUES) for n in chance.sample(FIELDS, 5)}}
        found.append(outcome(lambda row=row: made.insert("d", "rows", [row])))
    for _ in range(STEPS):
        which = {"_id": chance.randrange(32)} if chance.random() < 0.8 else {"a": {"$gt": 0}}
        change = random_update(chance)
        options = {
            "multi": chance.random() < 0.3 and not isinstance(change, list),
            "upsert": chance.random() < 0.2 and "_id" in which,
            "return_post_images": True,
        }
        if chance.random() < 0.05:
            found.append(outcome(lambda which=which: made.delete_matching("d", "rows", which)))
        found.append(
            outcome(
                lambda which=which, change=change, options=options: made.update_matching(
                    "d", "rows", which, change, **options
                )
            )
        )
    for _, row in made._collect_prefix(storage._doc_table_for("d", "rows"), ("d", "rows")):
        found.append(row)
    found += [made._collect_prefix(table, ("d", "rows")) for table in TABLES]
    return [bson.encode({"": str(one)}) for one in found]


@pytest.fixture
def patch(monkeypatch: pytest.MonkeyPatch) -> type[Storage]:
    """Applies the patches until the end of the test, to a class of its own."""

    class Patched(Storage):
        pass

    for module, name in (
        (update, "copy"), (projection, "copy"), (storage, "apply_update"), (storage, "_doc_changed")
    ):  # fmt: skip
        monkeypatch.setattr(module, name, getattr(module, name))
    return Patched


@pytest.mark.parametrize("seed", range(3))
def test_the_same_updates_leave_the_same_documents_and_indexes(
    tmp_path: Path, patch: type[Storage], seed: int
) -> None:
    """Random statements: values of all types, all operators, all kinds of indexes."""
    plain = Storage(str(tmp_path / "plain"), enable_oplog=False)
    expected = history(plain, seed)
    plain.close()
    updates.apply(patch)
    patched = patch(str(tmp_path / "patched"), enable_oplog=False)
    found = history(patched, seed)
    patched.close()
    assert found == expected


def test_an_update_of_other_fields_touches_no_index(
    tmp_path: Path, patch: type[Storage], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    original = storage._pack_entry
    monkeypatch.setattr(
        storage, "_pack_entry", lambda *entry: written.append("entry") or original(*entry)
    )
    row = {"_id": 1, "a": 1, "b": {"c": 1}, "u": "x", "text": "old"}

    def entries_of_update(kind: type[Storage], folder: Path) -> int:
        made = kind(str(folder), enable_oplog=False)
        for name, key, options in INDEXES[:3]:
            made.create_index("d", "rows", name, key, options)
        made.insert("d", "rows", [dict(row)])
        written.clear()
        changed = made.update_matching("d", "rows", {"_id": 1}, {"$set": {"text": "new"}})
        assert changed["modified"] == 1
        made.close()
        return len(written)

    assert entries_of_update(Storage, tmp_path / "plain"), "the patch is no longer needed"
    updates.apply(patch)
    assert entries_of_update(patch, tmp_path / "patched") == 0


def test_documents_are_compared_with_the_result_of_the_original() -> None:
    values = (*VALUES, 1, [1, 2], {"c": 1})
    for old in values:
        for new in values:
            before, after = {"a": 1, "b": old}, {"a": 1, "b": new}
            assert updates.differs(after, before) == updates.original_differs(after, before)
    assert updates.differs({"a": 1, "b": 2}, {"b": 2, "a": 1})
    assert not updates.differs({"a": 1, "b": 2}, {"a": 1, "b": 2})


def test_copies_are_equal_and_share_nothing_that_can_change() -> None:
    for value in VALUES:
        document = {"a": value, "b": [value, {"c": value}]}
        copy = updates.copied(document)
        assert bson.encode(copy) == bson.encode(document)
        assert copy is not document
        assert copy["b"] is not document["b"]
        assert copy["b"][1] is not document["b"][1]
