"""Creates and updates of DOIs by DataCite's rules."""

import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, TypeGuard

from portal_local.datacite import kernel, metadata, states
from portal_local.datacite.refusals import Fault, Refused
from portal_local.datacite.registry import Doi

SHAPE = re.compile(r"10\.\d{4,5}/[-._;()/:a-z0-9*~$=]+", re.ASCII)
URL = re.compile(r"https?://[^\s/]\S*", re.IGNORECASE)
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # no i, l, o, u: they are misread


def attributes_of(payload: object) -> Mapping[str, Any]:
    """Return `data.attributes` of a JSON:API document. Raises Refused if there are none."""
    data = payload.get("data") if _is_object(payload) else None
    if not _is_object(data) or not data:
        raise Refused(400)
    attributes = data.get("attributes", {})
    if not _is_object(attributes):
        raise Refused(400, "data.attributes should be an object")
    return attributes


def _is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, dict)


def name_of(attributes: Mapping[str, Any]) -> str:
    """Return the DOI of a POST, or a random one under its prefix."""
    doi = attributes.get("doi")
    if isinstance(doi, str) and doi:
        return doi.lower()
    prefix = attributes.get("prefix")
    if isinstance(prefix, str) and prefix:
        drawn = "".join(secrets.choice(ALPHABET) for _ in range(8))
        return f"{prefix}/{drawn[:4]}-{drawn[4:]}".lower()
    raise Refused(422, faults=[Fault("doi", "Can't be blank")])


def check_name(doi: str, prefixes: Collection[str]) -> None:
    if doi.split("/", 1)[0] not in prefixes:
        raise Refused(403)
    if not SHAPE.fullmatch(doi):
        raise Refused(422, faults=[Fault("doi", "Is invalid")])


def changed(before: Doi | None, doi: str, attributes: Mapping[str, Any], now: str) -> Doi:
    """Return the DOI after the call. Metadata are validated when it leaves the draft state.

    A public DOI may be updated to invalid metadata: that is DataCite's behaviour
    (datacite/datacite#1894), so senders have to validate. Raises Refused.
    """
    start = before or Doi(doi=doi, state="draft", url=None, created=now, updated=now)
    after = replace(
        start,
        url=attributes.get("url") if "url" in attributes else start.url,
        metadata=metadata.merged(start.metadata, attributes),
        state=states.after(attributes.get("event"), start.state),
        updated=now,
        revision=start.revision + 1,
    )
    faults = _url_faults(after)
    if start.state == "draft" and after.state != "draft":
        faults += kernel.problems(doi, after.metadata)
    if faults:
        raise Refused(422, faults=faults)
    return after


def _url_faults(doi: Doi) -> list[Fault]:
    if doi.url is None or doi.url == "":
        return [] if doi.state == "draft" else [Fault("url", "Can't be blank")]
    # The type is not checked before.
    if not isinstance(doi.url, str) or not URL.fullmatch(doi.url):  # pyright: ignore[reportUnnecessaryIsInstance]
        return [Fault("url", "URL is not valid")]
    return []
