"""A licence as readers see it: name and address of the text."""

import re

from portal_shared.contracts.licenses import license_address, normalize_license
from pydantic import BaseModel

_CREATIVE_COMMONS = re.compile(r"CC-(BY(?:-[A-Z]{2})*)-(\d\.\d)")
_PUBLIC_DOMAIN = "CC0-1.0"


class Licence(BaseModel):
    """A licence; without an address if it is not in the SPDX list."""

    id: str  # SPDX identifier, or as recorded
    name: str
    url: str | None = None


def licence(recorded: str | None) -> Licence | None:
    if not recorded:
        return None
    identifier = normalize_license(recorded)
    if identifier is None:
        return Licence(id=recorded, name=recorded)
    if identifier == _PUBLIC_DOMAIN:
        url = "https://creativecommons.org/publicdomain/zero/1.0/"
        return Licence(id=identifier, name="CC0 1.0", url=url)
    found = _CREATIVE_COMMONS.fullmatch(identifier)
    if found:
        url = f"https://creativecommons.org/licenses/{found[1].lower()}/{found[2]}/"
        return Licence(id=identifier, name=f"CC {found[1]} {found[2]}", url=url)
    return Licence(id=identifier, name=identifier, url=license_address(identifier))
