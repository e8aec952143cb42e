"""Writes the JSON-LD of a record as Turtle (RDF 1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from rdflib import Graph
    from rdflib.term import Node

SCHEMA = "https://schema.org/"
DCTERMS = "http://purl.org/dc/terms/"
# Values that are addresses by schema.org's own context, which is not read over the network.
_ADDRESSES = frozenset(("url", "contentUrl", "license", "inDefinedTermSet"))
Entity = dict[str, Any]


def turtle(json_ld: Entity) -> str:
    """Returns the same statements; names of schema.org have the prefix `schema`."""
    # The package takes longer to import than the rest of the gateway, for one format of many.
    from rdflib import Graph  # noqa: PLC0415

    graph = Graph(bind_namespaces="none")
    graph.bind("schema", SCHEMA)
    graph.bind("dcterms", DCTERMS)
    _add(graph, json_ld)
    return graph.serialize(format="turtle")


def _add(graph: Graph, entity: Entity) -> Node:
    """Adds an entity with those nested in it; returns its node."""
    from rdflib import RDF, BNode, URIRef  # noqa: PLC0415

    node = URIRef(_address(entity["@id"])) if entity.get("@id") else BNode()
    for name, value in entity.items():
        if name in ("@id", "@context"):
            continue
        predicate = URIRef(name if ":" in name else SCHEMA + name)
        values = cast("list[Any]", value) if isinstance(value, list) else [value]
        for one in values:
            if name == "@type":
                graph.add((node, RDF.type, URIRef(SCHEMA + one)))
            else:
                graph.add((node, predicate, _object(graph, name, one)))
    return node


def _object(graph: Graph, name: str, value: Any) -> Node:
    from rdflib import Literal, URIRef  # noqa: PLC0415

    if isinstance(value, dict):
        return _add(graph, cast("Entity", value))
    is_address = name in _ADDRESSES and str(value).startswith(("https://", "http://"))
    return URIRef(_address(value)) if is_address else Literal(value)


def _address(text: str) -> str:
    """Returns an address without the characters that Turtle forbids in one."""
    return "".join(c if c > " " and c not in '<>"{}|\\^`' else f"%{ord(c):02X}" for c in text)
