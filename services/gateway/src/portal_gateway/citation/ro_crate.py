"""Writes a record as the metadata of a detached RO-Crate 1.2: all addresses are absolute."""

from typing import Any, cast

from portal_gateway.citation.cited_record import CitedRecord
from portal_gateway.citation.json_ld import json_ld

CONTEXT = "https://w3id.org/ro/crate/1.2/context"
SPECIFICATION = "https://w3id.org/ro/crate/1.2"
_ENTITIES = ("creator", "publisher", "about", "measurementTechnique", "variableMeasured",
             "includedInDataCatalog", "funding", "size")  # fmt: skip
_DROPPED = ("@context", "http://purl.org/dc/terms/conformsTo", "distribution", "spatialCoverage",
            "isAccessibleForFree")  # fmt: skip
Entity = dict[str, Any]


def ro_crate(cited: CitedRecord) -> Entity:
    """Returns `ro-crate-metadata.json`: a flat list of entities; the record is the root."""
    graph: dict[str, Entity] = {}
    made = json_ld(cited)
    root: Entity = {k: v for k, v in made.items() if k not in (*_DROPPED, *_ENTITIES)}
    types = ["Dataset", "Collection"] if made["@type"] == "Collection" else "Dataset"
    root |= {"@id": cited.url, "@type": types, "identifier": made["identifier"][0]}
    # Required: without a known publication of the data, it is that of this description.
    root["datePublished"] = made.get("datePublished") or cited.date("Updated") or "1970"
    for name in _ENTITIES:
        if name in made:
            root[name] = _references(graph, made[name], f"#{name}")
    root |= _licence(cited, graph)
    root["hasPart"] = [*made.get("hasPart", ()), *_files(made, graph)]
    descriptor = {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "about": {"@id": cited.url},
        "conformsTo": {"@id": SPECIFICATION},
    }
    action = _scan(cited, graph)
    entities = [descriptor, root, *graph.values(), *([action] if action else [])]
    return {"@context": CONTEXT, "@graph": entities}


def _references(graph: dict[str, Entity], value: Any, prefix: str) -> Any:
    """Puts nested entities into the graph and returns references to them."""
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return [_references(graph, one, f"{prefix}-{n}") for n, one in enumerate(items, 1)]
    if not isinstance(value, dict):
        return value
    entity: Entity = {
        k: _references(graph, v, f"{prefix}-{k}") if isinstance(v, dict | list) else v
        for k, v in cast("Entity", value).items()
    }
    name = str(entity.setdefault("@id", prefix))
    if set(entity) != {"@id"}:
        graph.setdefault(name, entity)
    return {"@id": name}


def _licence(cited: CitedRecord, graph: dict[str, Entity]) -> Entity:
    rights = cited.items("rightsList")
    if not rights:
        return {}
    address = str(rights[0].get("rightsUri") or "#licence")
    graph[address] = {"@id": address, "@type": "CreativeWork", "name": rights[0]["rights"]}
    return {"license": {"@id": address}}


def _files(made: Entity, graph: dict[str, Entity]) -> list[Entity]:
    """Puts the files into the graph, as far as the record lists them; returns references."""
    found: list[Entity] = []
    for file in made.get("distribution", ()):
        entity = {k: v for k, v in file.items() if k not in ("contentUrl", "contentSize")}
        address = file["contentUrl"]
        size = str(file.get("contentSize", "")).removesuffix(" B")
        entity |= {"@id": address, "@type": "File"}
        graph[address] = entity | ({"contentSize": size} if size else {})
        found.append({"@id": address})
    return found


def _scan(cited: CitedRecord, graph: dict[str, Entity]) -> Entity | None:
    """Returns the action that made a dataset, with its date and instrument."""
    day = cited.date("Collected") or cited.date("Created")
    if cited.level != "dataset" or not day:
        return None
    action: Entity = {
        "@id": "#scan",
        "@type": "CreateAction",
        "name": "Scan",
        "endTime": day,
        "result": {"@id": cited.url},
    }
    if cited.instrument:
        graph["#instrument"] = {"@id": "#instrument", "@type": "Thing", "name": cited.instrument}
        action["instrument"] = {"@id": "#instrument"}
    return action
