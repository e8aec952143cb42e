"""Writes a record as schema.org JSON-LD for dataset search engines (profile of Bioschemas)."""

from typing import Any
from urllib.parse import quote

from portal_shared.contracts.identifiers import doi_url
from portal_shared.contracts.media_types import media_type

from portal_gateway.citation.cited_record import CitedRecord, Measured, Part, orcid_url

CONFORMS_TO = "https://bioschemas.org/profiles/Dataset/1.0-RELEASE"
_ON_TAPE = "Open to everybody; files on tape are requested first, without an account"
_LINKS = {"IsPartOf": "isPartOf", "HasPart": "hasPart", "IsDerivedFrom": "isBasedOn",
          "IsDocumentedBy": "citation", "Cites": "citation", "References": "citation"}  # fmt: skip


def json_ld(cited: CitedRecord) -> dict[str, Any]:
    """Returns a Dataset, or a Collection for a document."""
    rights = cited.items("rightsList")
    terms = [s for s in cited.items("subjects") if s.get("valueUri")]
    made: dict[str, Any] = {
        "@context": "https://schema.org/",
        "@type": "Dataset" if cited.level == "dataset" else "Collection",
        "@id": cited.address,
        "identifier": [cited.address, cited.pid],
        "url": cited.url,
        "http://purl.org/dc/terms/conformsTo": {"@id": CONFORMS_TO},
        "name": cited.title,
        "description": cited.abstract or cited.title,
        "creator": [_agent(c) for c in cited.items("creators")],
        "publisher": _publisher(cited.metadata["publisher"]),
        "datePublished": cited.date("Available") if cited.year else None,
        "dateModified": cited.date("Updated"),
        "dateCreated": cited.date("Created"),
        "temporalCoverage": cited.date("Collected"),
        "version": cited.metadata.get("version"),
        "inLanguage": cited.metadata.get("language"),
        "keywords": cited.keywords,
        "license": rights[0].get("rightsUri", rights[0]["rights"]) if rights else None,
        "isAccessibleForFree": True,
        "conditionsOfAccess": _ON_TAPE if cited.on_tape else None,
        "variableMeasured": [_property(one) for one in cited.measured],
        "includedInDataCatalog": _catalog(cited),
        "about": [_term(s) for s in terms if s["subjectScheme"] != "PaNET"],
        "measurementTechnique": [_term(s) for s in terms if s["subjectScheme"] == "PaNET"],
        "size": _size(cited),
        "spatialCoverage": [_place(p) for p in cited.items("geoLocations")],
        "funding": [_grant(f) for f in cited.items("fundingReferences")],
        "distribution": [_download(cited, f) for f in cited.files],
        **_related(cited),
    }
    return {name: value for name, value in made.items() if value not in (None, [])}


def _property(measured: Measured) -> dict[str, Any]:
    made = {
        "@type": "PropertyValue",
        "name": measured.name,
        "value": measured.value,
        "unitText": measured.unit,
        "unitCode": measured.code,
    }
    return {name: value for name, value in made.items() if value is not None}


def _catalog(cited: CitedRecord) -> dict[str, str] | None:
    if cited.catalog is None:
        return None
    name, url = cited.catalog
    return {"@type": "DataCatalog", "@id": url, "name": name, "url": url}


def _agent(person: Part) -> dict[str, Any]:
    made: dict[str, Any] = {"@type": "Person", "name": person["name"]}
    if person.get("nameType") == "Organizational":
        made["@type"] = "Organization"
    if person.get("familyName"):
        made["name"] = f"{person['givenName']} {person['familyName']}"
        made |= {"givenName": person["givenName"], "familyName": person["familyName"]}
    identifier = orcid_url(person)
    if identifier:
        made["@id"] = identifier
    places = [{"@type": "Organization", "name": a["name"]} for a in person.get("affiliation", ())]
    return {**made, "affiliation": places} if places else made


def _publisher(publisher: Part) -> dict[str, Any]:
    made = {"@type": "Organization", "name": publisher["name"]}
    identifier = publisher.get("publisherIdentifier")
    return {**made, "@id": identifier} if identifier else made


def _term(subject: Part) -> dict[str, Any]:
    return {
        "@type": "DefinedTerm",
        "@id": subject["valueUri"],
        "name": subject["subject"],
        "termCode": subject["classificationCode"],
        "inDefinedTermSet": subject["schemeUri"],
    }


def _place(place: Part) -> dict[str, Any]:
    point = place["geoLocationPoint"]
    coordinates = {
        "@type": "GeoCoordinates",
        "latitude": point["pointLatitude"],
        "longitude": point["pointLongitude"],
    }
    return {"@type": "Place", "name": place["geoLocationPlace"], "geo": coordinates}


def _grant(funding: Part) -> dict[str, Any]:
    funder = {"@type": "Organization", "name": funding["funderName"]}
    if funding.get("funderIdentifier"):
        funder["@id"] = funding["funderIdentifier"]
    made: dict[str, Any] = {"@type": "Grant", "funder": funder}
    award = {"identifier": funding.get("awardNumber"), "name": funding.get("awardTitle")}
    return made | {k: v for k, v in award.items() if v}


def _related(cited: CitedRecord) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for one in cited.items("relatedIdentifiers"):
        name = _LINKS.get(one["relationType"])
        text = one["relatedIdentifier"]
        if name:
            doi = one["relatedIdentifierType"] == "DOI"
            address = doi_url(text) if doi else text
            found.setdefault(name, []).append({"@id": address})
    return found


def _size(cited: CitedRecord) -> dict[str, Any] | None:
    """Returns the bytes of all files; AD is the byte of UN/CEFACT."""
    if cited.bytes is None:
        return None
    return {
        "@type": "QuantitativeValue",
        "value": cited.bytes,
        "unitCode": "AD",
        "unitText": "bytes",
    }


def _download(cited: CitedRecord, file: Part) -> dict[str, Any]:
    location = f"{file['path']}/{file['name']}" if file.get("path") else file["name"]
    made = {
        "@type": "DataDownload",
        "name": location,
        "contentUrl": f"{cited.data_url}/{quote(location)}",
        "encodingFormat": media_type(file["name"]),
        "contentSize": f"{file['size']} B" if file.get("size") is not None else None,
        "sha256": file.get("sha256"),
    }
    return {name: value for name, value in made.items() if value is not None}
