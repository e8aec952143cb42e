"""DataCite's XML of schema 4.5, by the `datacite` package."""
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from datacite import schema45

from portal_gateway.citation.cited_record import Cited
from portal_gateway.errors import NotAcceptable


def xml(cited: Cited) -> str:
    """Raises NotAcceptable where there is no DOI: the schema wants one."""
    if cited.doi is None:
        raise NotAcceptable(f"{cited.pid[:300]} has no DOI, and DataCite's XML is of a DOI")
    metadata = {k: v for k, v in cited.metadata.items() if v not in (None, [])}
    return str(schema45.tostring({**metadata, "doi": cited.doi}))
