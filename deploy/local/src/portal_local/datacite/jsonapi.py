"""Serializes a DOI as a JSON:API resource."""

import base64
from typing import Any

from portal_local.datacite import kernel, metadata
from portal_local.datacite.registry import Doi


def resource(
    doi: Doi, client: str, *, detail: bool, affiliation: bool, publisher: bool
) -> dict[str, Any]:
    """Serialize a DOI; `detail` (for a single DOI, not a list) adds prefix, suffix and XML."""
    prefix, _, suffix = doi.doi.partition("/")
    provider = client.split(".", 1)[0]
    attributes: dict[str, Any] = {
        "doi": doi.doi,
        **metadata.rest_attributes(doi.metadata, affiliation=affiliation, publisher=publisher),
        "url": doi.url,
        "metadataVersion": doi.revision - 1,
        "isActive": doi.state == "findable",
        "state": doi.state,
        "created": doi.created,
        "registered": doi.registered,
        "published": doi.metadata.get("publicationYear") and str(doi.metadata["publicationYear"]),
        "updated": doi.updated,
    }
    related = {
        "client": {"data": {"id": client.lower(), "type": "clients"}},
        "provider": {"data": {"id": provider.lower(), "type": "providers"}},
    }
    if detail:
        document = kernel.xml(doi.doi, doi.metadata)
        attributes |= {
            "prefix": prefix,
            "suffix": suffix,
            "xml": document and base64.b64encode(document).decode(),
        }
        related["media"] = {"data": {"id": doi.doi, "type": "media"}}
    return {"id": doi.doi, "type": "dois", "attributes": attributes, "relationships": related}
