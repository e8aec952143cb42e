"""Executors of tasks, one for each task type."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from portal_local.search.bitmaps import numbers_in
from portal_local.search.errors import Failure
from portal_local.search.index.attributes import IndexRules
from portal_local.search.index.documents import Document, document_id, infer_primary_key, to_json
from portal_local.search.index.facets import Facets
from portal_local.search.index.index import Index
from portal_local.search.index.settings import merge_update, with_defaults
from portal_local.search.index.writer import IndexChange, delete_contents, rewrite
from portal_local.search.query.filter_evaluation import FilterEvaluator
from portal_local.search.query.filter_parameter import parse_filter
from portal_local.search.tasks.engine import AfterCommit, Engine, Executor
from portal_local.search.tasks.queue import Task, TaskFilter

TEXT_SETTINGS = (
    "searchableAttributes",
    "stopWords",
    "separatorTokens",
    "nonSeparatorTokens",
    "dictionary",
)
FACET_SETTINGS = ("filterableAttributes", "sortableAttributes", "distinctAttribute", "rankingRules")


def _uid(task: Task) -> str:
    return task.index_uid or ""


def create_index(engine: Engine, task: Task, details: dict[str, Any], steps: AfterCommit) -> None:
    uid = _uid(task)
    if uid in engine.indexes:
        raise Failure("index_already_exists", f"Index `{uid}` already exists.")
    _, show = engine.create_index(uid, details["primaryKey"])
    steps.append(show)


def update_index(engine: Engine, task: Task, details: dict[str, Any], steps: AfterCommit) -> None:
    index = engine.index(_uid(task))
    columns: dict[str, Any] = {}
    key = task.parameters.get("primaryKey")
    if key is not None and key != index.primary_key:
        if index.primary_key is not None and index.alive:
            raise Failure(
                "index_primary_key_already_exists",
                f"Index already has a primary key: `{index.primary_key}`.",
            )
        columns["primary_key"] = key
    new = task.parameters.get("uid")
    old = index.uid
    if new is not None and new != old:
        if new in engine.indexes:
            raise Failure("index_already_exists", f"Index `{new}` already exists.")
        columns["uid"] = new
        details.update(oldIndexUid=old, newIndexUid=new)

        def rename() -> None:
            del engine.indexes[old]
            engine.indexes[new] = index

        steps.append(rename)
    steps.append(engine.update_row(index, **columns))


def delete_index(engine: Engine, task: Task, details: dict[str, Any], steps: AfterCommit) -> None:
    index = engine.index(_uid(task))
    details["deletedDocuments"] = index.alive.bit_count()
    delete_contents(engine.writer, index.number)
    engine.writer.execute("DELETE FROM indexes WHERE id = ?", (index.number,))
    steps.append(lambda: engine.indexes.pop(index.uid) and None)


def add_documents(engine: Engine, task: Task, details: dict[str, Any], steps: AfterCommit) -> None:
    """Adds or replaces documents; with `update`, merges their top-level members."""
    details["indexedDocuments"] = 0
    documents: list[Document] = task.parameters["documents"]
    index = engine.indexes.get(_uid(task))
    if index is None:
        index, show = engine.create_index(_uid(task), None)
        steps.append(show)
    key = _primary_key(index, task.parameters.get("primaryKey"), documents)
    changed = key is not None and key != index.primary_key
    steps.append(engine.update_row(index, primary_key=key) if changed else engine.update_row(index))
    change = IndexChange(engine.writer, index, index.rules)
    if key is not None:
        merge = bool(task.parameters["update"])
        create = not task.parameters.get("skipCreation")
        before: dict[str, tuple[int, Document] | None] = {}
        after: dict[str, Document] = {}
        for document in documents:
            external = document_id(document, key)
            if external not in before:
                before[external] = index.find(external, engine.writer)
            known = before[external]
            if known is None and not create:
                continue
            base = after.get(external) or (known[1] if known else {})
            after[external] = {**base, **document} if merge else document
        for external, document in after.items():
            number, old = before[external] or (None, None)
            if old is None or to_json(old) != to_json(document):
                change.put(external, number, old, document)
        change.finish()
        details["indexedDocuments"] = len(documents) if create else len(after)
    steps.append(change.apply)


def _primary_key(index: Index, wanted: str | None, documents: list[Document]) -> str | None:
    if index.primary_key is not None:
        if wanted is not None and wanted != index.primary_key:
            raise Failure(
                "index_primary_key_already_exists",
                f"Index already has a primary key: `{index.primary_key}`.",
            )
        return index.primary_key
    if wanted is not None:
        return wanted
    return infer_primary_key(documents[0]) if documents else None


def delete_documents(
    engine: Engine, task: Task, details: dict[str, Any], steps: AfterCommit
) -> None:
    """Deletes documents by identifier, by filter, or all."""
    details["deletedDocuments"] = 0
    index = engine.index(_uid(task))
    ids = task.parameters.get("ids")
    if ids is not None:
        found = [index.find(external, engine.writer) for external in dict.fromkeys(ids)]
        numbers: Iterable[int] = [known[0] for known in found if known]
    elif task.parameters.get("filter") is not None:
        node = parse_filter(task.parameters["filter"])
        rules = index.rules
        try:
            with engine.lock:
                filtering = FilterEvaluator(index.facets, index.alive, rules.why_not_filterable)
                numbers = numbers_in(filtering.evaluate(node))
        except Failure as failure:
            raise Failure("invalid_document_filter", failure.message) from failure
    else:
        numbers = numbers_in(index.alive)
    change = IndexChange(engine.writer, index, index.rules)
    for number in numbers:
        change.remove(number)
        details["deletedDocuments"] += 1
    change.finish()
    steps += [change.apply, engine.update_row(index)]


def update_settings(
    engine: Engine, task: Task, _details: dict[str, Any], steps: AfterCommit
) -> None:
    index = engine.indexes.get(_uid(task))
    if index is None:
        index, show = engine.create_index(_uid(task), None)
        steps.append(show)
    own = (
        {}
        if task.parameters.get("reset")
        else merge_update(index.own_settings, task.parameters["settings"])
    )
    old, new = with_defaults(index.own_settings), with_defaults(own)
    rules = IndexRules(new)
    steps.append(engine.update_row(index, settings=own))
    target = index

    def set_rules() -> None:
        target.rules = rules

    def set_facets(facets: Facets) -> None:
        target.facets = facets

    if any(old[name] != new[name] for name in TEXT_SETTINGS):
        change, facets = rewrite(engine.writer, index, rules)
        steps.append(lambda: change.apply(facets))
    elif any(old[name] != new[name] for name in FACET_SETTINGS):
        facets = _reload_facets(engine, index, rules)
        steps += [set_rules, lambda: set_facets(facets)]
    else:
        steps.append(set_rules)


def _reload_facets(engine: Engine, index: Index, rules: IndexRules) -> Facets:
    return index.facets_from_file(rules, engine.writer)[0]


def swap_indexes(engine: Engine, task: Task, _details: dict[str, Any], steps: AfterCommit) -> None:
    """Swaps the names of each pair of indexes."""
    pairs: list[list[str]] = task.parameters["swaps"]
    missing = sorted({uid for pair in pairs for uid in pair if uid not in engine.indexes})
    if missing:
        listed = ", ".join(f"`{uid}`" for uid in missing)
        tail = f"Index {listed} not found." if len(missing) == 1 else f"Indexes {listed} not found."
        raise Failure("index_not_found", tail)
    names = dict(engine.indexes)
    for one, other in pairs:
        names[one], names[other] = names[other], names[one]
    moved = {uid: index for uid, index in names.items() if index.uid != uid}
    rename = "UPDATE indexes SET uid = ? WHERE id = ?"
    for index in moved.values():
        engine.writer.execute(rename, (f"{index.number}:", index.number))
    for uid, index in moved.items():
        steps.append(engine.update_row(index, uid=uid))
    steps.append(lambda: engine.indexes.update(moved))


def cancel_tasks(engine: Engine, task: Task, details: dict[str, Any], _steps: AfterCommit) -> None:
    matched, canceled = engine.tasks.cancel(_task_filter(task.parameters), task.uid)
    details.update(matchedTasks=matched, canceledTasks=canceled)


def delete_tasks(engine: Engine, task: Task, details: dict[str, Any], _steps: AfterCommit) -> None:
    matched, deleted = engine.tasks.delete(_task_filter(task.parameters), task.uid)
    details.update(matchedTasks=matched, deletedTasks=deleted)


def _task_filter(parameters: Mapping[str, Any]) -> TaskFilter:
    given = json.loads(parameters["wanted"])
    moments = tuple((c, s, m) for c, s, m in given.pop("moments"))
    return TaskFilter(moments=moments, **{name: tuple(listed) for name, listed in given.items()})


EXECUTORS: Mapping[str, Executor] = {
    "indexCreation": create_index,
    "indexUpdate": update_index,
    "indexDeletion": delete_index,
    "documentAdditionOrUpdate": add_documents,
    "documentDeletion": delete_documents,
    "settingsUpdate": update_settings,
    "indexSwap": swap_indexes,
    "taskCancelation": cancel_tasks,
    "taskDeletion": delete_tasks,
}
