"""Ids of what exists once in ICAT, found or made on first use and remembered for all threads."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

import icat.exception
from portal_shared.contracts.records import Funding
from portal_shared.runtime.errors import Invalid, Unavailable

from portal_ingest.icat.client import QuickClient
from portal_ingest.icat.mapping import (
    SHORT,
    InvestigationEntry,
    Named,
    ParameterEntry,
    UserEntry,
    cut,
    cut_name,
)

JUDGED_BY = {
    "id",
    "name",
    "units",
    "valueType",
    "enforced",
    "minimumNumericValue",
    "maximumNumericValue",
    "applicableToDataset",
    "applicableToDataCollection",
    "applicableToDatafile",
    "applicableToInvestigation",
    "applicableToSample",
    "verified",
}
VALUE_TYPES = {str: "STRING", float: "NUMERIC", datetime: "DATE_AND_TIME"}
OF_FACILITY = {
    bean: f"SELECT o.id FROM {bean} o"  # noqa: S608  # our own names
    " WHERE o.facility.id = {owner} AND o.name = {name}"
    for bean in ("InvestigationType", "DatasetType", "Instrument", "DataPublicationType")
}


class Known:
    def __init__(self) -> None:
        self._ids: dict[tuple[str, ...], int] = {}
        self._types: dict[tuple[str, str, str], Any] = {}
        self._lock = threading.RLock()

    def forget(self) -> None:
        with self._lock:
            self._ids.clear()
            self._types.clear()

    def _ensure(
        self,
        key: tuple[str, ...],
        find: Callable[[], list[Any]],
        make: Callable[[], Any],
    ) -> int:
        """The id of what `find` gives, after `make` where there is nothing."""
        with self._lock:
            known = self._ids.get(key)
            if known is None:
                found = _found_or_made(key, find, make)
                known = self._ids[key] = int(found[0])
            return known

    def facility(self, client: QuickClient, name: str) -> int:
        return self._ensure(
            ("facility", name),
            lambda: client.read("SELECT o.id FROM Facility o WHERE o.name = {name}", name=name),
            lambda: client.make("facility", name=name),
        )

    def of_facility(
        self, client: QuickClient, bean: str, facility: str, name: str, **more: Any
    ) -> int:
        """An InvestigationType, DatasetType, Instrument or DataPublicationType."""
        owner = self.facility(client, facility)
        return self._ensure(
            (bean, facility, name),
            lambda: client.read(OF_FACILITY[bean], owner=owner, name=name),
            lambda: client.make(bean, facility=client.stub("facility", owner), name=name, **more),
        )

    def investigation(self, client: QuickClient, facility: str, entry: InvestigationEntry) -> int:
        owner = self.facility(client, facility)
        kind = self.of_facility(client, "InvestigationType", facility, entry.type)
        return self._ensure(
            ("investigation", facility, entry.name, entry.visit_id),
            lambda: client.read(
                "SELECT o.id FROM Investigation o WHERE o.facility.id = {owner}"
                " AND o.name = {name} AND o.visitId = {visit}",
                owner=owner,
                name=entry.name,
                visit=entry.visit_id,
            ),
            lambda: client.make(
                "investigation",
                facility=client.stub("facility", owner),
                type=client.stub("investigationType", kind),
                name=entry.name,
                visitId=entry.visit_id,
                title=entry.title,
            ),
        )

    def sample(self, client: QuickClient, investigation: int, sample: Named) -> int:
        return self._ensure(
            ("sample", str(investigation), sample.name),
            lambda: client.read(
                "SELECT o.id FROM Sample o WHERE o.investigation.id = {owner} AND o.name = {name}",
                owner=investigation,
                name=sample.name,
            ),
            lambda: client.make(
                "sample",
                investigation=client.stub("investigation", investigation),
                name=sample.name,
                pid=sample.pid,
            ),
        )

    def technique(self, client: QuickClient, technique: Named) -> int:
        return self._ensure(
            ("technique", technique.name),
            lambda: client.read(
                "SELECT o.id FROM Technique o WHERE o.name = {name}", name=technique.name
            ),
            lambda: client.make("technique", name=technique.name, pid=technique.pid),
        )

    def user(self, client: QuickClient, user: UserEntry) -> int:
        return self._ensure(
            ("user", user.name),
            lambda: client.read("SELECT o.id FROM User o WHERE o.name = {name}", name=user.name),
            lambda: client.make(
                "user",
                name=user.name,
                fullName=user.full_name,
                givenName=user.given_name,
                familyName=user.family_name,
                orcidId=user.orcid,
            ),
        )

    def funding(self, client: QuickClient, given: Funding) -> int:
        funder, award = cut_name(given.funder), cut_name(given.award or "none")
        return self._ensure(
            ("funding", funder, award),
            lambda: client.read(
                "SELECT o.id FROM FundingReference o"
                " WHERE o.funderName = {funder} AND o.awardNumber = {award}",
                funder=funder,
                award=award,
            ),
            lambda: client.make(
                "fundingReference",
                funderName=funder,
                awardNumber=award,
                funderIdentifier=given.funder_id,
                awardTitle=cut(given.award_title, SHORT) if given.award_title else None,
            ),
        )

    def parameter_type(self, client: QuickClient, facility: str, entry: ParameterEntry) -> Any:
        """The whole type: ICAT judges a parameter by its type as it was sent.

        A name and unit that ICAT already holds for another kind of value gets a second type.
        """
        wanted = VALUE_TYPES[type(entry.value)]
        for name in (entry.name, f"{entry.name} ({wanted.lower()})"):
            found = self._type(client, facility, name, entry.units, wanted)
            if found.valueType == wanted:
                return found
        raise Invalid(f"{entry.name} is kept in ICAT as another kind of value", field="icat")

    def _type(self, client: QuickClient, facility: str, name: str, units: str, wanted: str) -> Any:
        owner = self.facility(client, facility)
        key = (facility, name, units)
        with self._lock:
            if key not in self._types:
                found = _found_or_made(
                    key,
                    lambda: client.read(
                        "SELECT o FROM ParameterType o WHERE o.facility.id = {owner}"
                        " AND o.name = {name} AND o.units = {units}",
                        owner=owner,
                        name=name,
                        units=units,
                    ),
                    lambda: client.make(
                        "parameterType",
                        facility=client.stub("facility", owner),
                        name=name,
                        units=units,
                        valueType=wanted,
                        applicableToDataset=True,
                        applicableToDataCollection=True,
                    ),
                )
                self._types[key] = _slim(found[0].instance)
            return client.new(self._types[key])


def _slim(instance: Any) -> Any:
    """Only what ICAT judges a parameter by: the type goes along with every one of them."""
    for name in list(instance.__keylist__):
        if name not in JUDGED_BY:
            delattr(instance, name)
    return instance


def _found_or_made(
    key: tuple[str, ...], find: Callable[[], list[Any]], make: Callable[[], Any]
) -> list[Any]:
    found = find()
    if found:
        return found
    with suppress(icat.exception.ICATObjectExistsError):  # another replica was quicker
        make().create()
    found = find()
    if not found:
        raise Unavailable(f"ICAT: {key} cannot be found after it was made")
    return found
