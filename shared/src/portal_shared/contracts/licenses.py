"""Licences by their SPDX identifier, and the identifier that another spelling probably is."""

import re
from collections.abc import Iterator
from urllib.parse import quote

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

SPDX_SITE = "https://spdx.org/licenses/"
MAX_CHARACTERS = 200  # longer texts are no identifier
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")  # one licence, without OR, WITH and +
_CREATIVE_COMMONS = re.compile(
    r"creativecommons\.org/(?:licenses/(?P<kind>[a-z-]+)|publicdomain/(?P<public>zero|mark))"
    r"(?:/(?P<version>\d\.\d))?"
)
_ADDRESS = re.compile(
    r"(?:spdx\.org/licenses|opensource\.org/licenses?|choosealicense\.com/licenses)/([\w.-]+?)"
    r"(?:\.html|\.json|\.txt|\.php)?/?$"
)
_LETTERS = (  # of the Creative Commons, in the order of their identifiers
    ("nc", r"non[\s-]*commercial|\bnc\b"),
    ("nd", r"no[\s-]*deriv\w*|\bnd\b"),
    ("sa", r"share[\s-]*alike|\bsa\b"),
)
_VERSION = re.compile(r"(?<![\d.])v?(\d\.\d)(?![\d.])")
_NAMES = {  # as people call them, in words of small letters
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache license": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "expat": "MIT",
    "gpl": "GPL-3.0-or-later",
    "lgpl": "LGPL-3.0-or-later",
    "gplv3": "GPL-3.0-only",
    "odbl": "ODbL-1.0",
    "odc by": "ODC-By-1.0",
    "pddl": "PDDL-1.0",
    "etalab": "etalab-2.0",
    "licence ouverte": "etalab-2.0",
}


def normalize_license(text: str | None) -> str | None:
    """Returns the SPDX identifier as the SPDX list writes it; None for other texts.

    Expressions of several licences and LicenseRef names are none: they have no page at SPDX.
    """
    given = (text or "").strip()
    if len(given) > MAX_CHARACTERS or not _IDENTIFIER.fullmatch(given):
        return None
    try:
        found = str(canonicalize_license_expression(given))
    except InvalidLicenseExpression:
        return None
    return None if found.lower().startswith(("licenseref-", "documentref-")) else found


def license_address(identifier: str) -> str:
    """Returns the page of an SPDX identifier."""
    return f"{SPDX_SITE}{quote(identifier)}.html"


def closest_license(text: str) -> str | None:
    """Returns the SPDX identifier that an address or name of a licence means; None if unclear."""
    given = text.strip()[:MAX_CHARACTERS]
    return next(filter(None, map(normalize_license, _candidates(given))), None)


def _candidates(given: str) -> Iterator[str]:
    lowered = given.lower()
    if common := _creative_commons(lowered):
        yield common
    if address := _ADDRESS.search(given):
        yield address[1]
    if "apache.org/licenses/license-2" in lowered:
        yield "Apache-2.0"
    words = " ".join(re.findall(r"[a-z0-9.+]+", lowered))
    plain = re.sub(r"\b(the|licen[cs]e|version|international|spdx|unported)\b", " ", words)
    plain = " ".join(re.sub(r"\bv(?=\d)", "", plain).split())
    yield plain.replace(" ", "-")
    yield f"{plain.replace(' ', '-')}.0"
    yield _NAMES.get(words, "")
    yield _NAMES.get(plain, "")


def _creative_commons(lowered: str) -> str | None:
    """Returns for example CC-BY-NC-4.0, from an address or from words."""
    address = _CREATIVE_COMMONS.search(lowered)
    if address:
        version = address["version"]
        if address["public"]:
            return "CC0-1.0" if address["public"] == "zero" else "CC-PDM-1.0"
        return f"CC-{address['kind'].strip('-').upper()}-{version or '4.0'}"
    if re.search(r"\bcc[\s-]*(0|zero)\b|creative\s+commons\s+(zero|0)\b", lowered):
        return "CC0-1.0"
    is_common = re.search(r"\bcc[\s_-]*by\b|creative[\s-]*commons|^by[\s-]", lowered)
    if not is_common or not re.search(r"\bby\b|attribution", lowered.replace("_", " ")):
        return None
    letters = [code for code, words in _LETTERS if re.search(words, lowered.replace("_", " "))]
    version = _VERSION.search(lowered)
    return "-".join(["CC", "BY", *(c.upper() for c in letters), version[1] if version else "4.0"])
