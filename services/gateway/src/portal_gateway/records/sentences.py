"""Sentences for papers: methods and availability of data."""

from portal_shared.contracts.identifiers import doi_url

from portal_gateway.criteria.criteria import number_text
from portal_gateway.labels.fields import FieldTable
from portal_gateway.labels.licences import Licence
from portal_gateway.labels.titles import Facts, organ_in_words

UM = "µm"


def methods(
    table: FieldTable,
    facts: Facts,
    *,
    voxel_um: float | None,
    energy_kev: float | None,
    instrument: str | None,
) -> str | None:
    """Returns the sentence for methods; None if it is not known what was scanned."""
    organ = organ_in_words(table, facts)
    if organ is None:
        return None
    what = f"We used data of the {organ}"
    what += f" of donor {facts.donor}" if facts.donor else ""
    what += f" from the {table.profile.title}"
    kind = (
        table.value_text(table.profile.site.roles.type or "", facts.type).label
        if facts.type
        else ""
    )
    detail = " ".join(part for part in (kind, facts.region) if part)
    if voxel_um:
        what += f" at a voxel size of {number_text(voxel_um)} {UM}"
    what += f" ({detail})" if detail else ""
    if instrument:
        what += f", scanned at {table.profile.facility} on {instrument}"
        what += f" with X-rays of {number_text(energy_kev)} keV" if energy_kev else ""
    return f"{what}."


def availability(licence: Licence | None, doi: str | None, url: str) -> str:
    under = f" under {licence.name}" if licence else ""
    return f"The data are openly available{under} at {doi_url(doi) if doi else url}."
