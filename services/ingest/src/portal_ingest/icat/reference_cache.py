"""Caches the ids of shared entities in ICAT for all threads; creates missing ones on first use."""

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

import icat.exception
from portal_shared.contracts.records import Funding
from portal_shared.runtime.errors import Invalid, Unavailable

from portal_ingest.icat.client import IcatClient
from portal_ingest.icat.mapping import (
    SHORT,
    InvestigationEntry,
    ParameterEntry,
    SharedEntity,
    UserEntry,
    cut,
    cut_name,
)

USED_TYPE_ATTRIBUTES = {  # ICAT checks a parameter by these attributes of its type
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
BY_FACILITY_AND_NAME = {
    bean: f"SELECT o.id FROM {bean} o"  # noqa: S608  # our own names
    " WHERE o.facility.id = {owner} AND o.name = {name}"
    for bean in ("InvestigationType", "DatasetType", "Instrument", "DataPublicationType")
}


class ReferenceCache:
    def __init__(self) -> None:
        self._ids: dict[tuple[str, ...], int] = {}
        self._types: dict[tuple[str, str, str], Any] = {}
        self._lock = threading.RLock()

    def invalidate(self) -> None:
        with self._lock:
            self._ids.clear()
            self._types.clear()

    def _get_or_create(
        self,
        key: tuple[str, ...],
        find: Callable[[], list[Any]],
        build: Callable[[], Any],
    ) -> int:
        """Returns the cached id of the entity; finds or creates it the first time."""
        with self._lock:
            entity_id = self._ids.get(key)
            if entity_id is None:
                found = _find_or_create(key, find, build)
                entity_id = self._ids[key] = int(found[0])
            return entity_id

    def facility(self, client: IcatClient, name: str) -> int:
        return self._get_or_create(
            ("facility", name),
            lambda: client.read("SELECT o.id FROM Facility o WHERE o.name = {name}", name=name),
            lambda: client.make("facility", name=name),
        )

    def of_facility(
        self, client: IcatClient, bean: str, facility: str, name: str, **attributes: Any
    ) -> int:
        """Returns an InvestigationType, DatasetType, Instrument or DataPublicationType."""
        owner = self.facility(client, facility)
        return self._get_or_create(
            (bean, facility, name),
            lambda: client.read(BY_FACILITY_AND_NAME[bean], owner=owner, name=name),
            lambda: client.make(
                bean, facility=client.stub("facility", owner), name=name, **attributes
            ),
        )

    def investigation(self, client: IcatClient, facility: str, entry: InvestigationEntry) -> int:
        owner = self.facility(client, facility)
        kind = self.of_facility(client, "InvestigationType", facility, entry.type)
        return self._get_or_create(
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

    def sample(self, client: IcatClient, investigation: int, sample: SharedEntity) -> int:
        return self._get_or_create(
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

    def technique(self, client: IcatClient, technique: SharedEntity) -> int:
        return self._get_or_create(
            ("technique", technique.name),
            lambda: client.read(
                "SELECT o.id FROM Technique o WHERE o.name = {name}", name=technique.name
            ),
            lambda: client.make("technique", name=technique.name, pid=technique.pid),
        )

    def user(self, client: IcatClient, user: UserEntry) -> int:
        return self._get_or_create(
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

    def funding(self, client: IcatClient, given: Funding) -> int:
        funder, award = cut_name(given.funder), cut_name(given.award or "none")
        return self._get_or_create(
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

    def parameter_type(self, client: IcatClient, facility: str, entry: ParameterEntry) -> Any:
        """Returns the whole type, because ICAT checks a parameter by its type as it was sent.

        If ICAT has the name and unit for another kind of value, a second type is created.
        """
        value_type = VALUE_TYPES[type(entry.value)]
        for name in (entry.name, f"{entry.name} ({value_type.lower()})"):
            found = self._type(client, facility, name, entry.units, value_type)
            if found.valueType == value_type:
                return found
        reason = (
            f"ICAT has the parameter {entry.name!r} for another kind of value than {value_type};"
            " rename the parameter"
        )
        raise Invalid(reason, field="icat")

    def _type(
        self, client: IcatClient, facility: str, name: str, units: str, value_type: str
    ) -> Any:
        owner = self.facility(client, facility)
        key = (facility, name, units)
        with self._lock:
            if key not in self._types:
                found = _find_or_create(
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
                        valueType=value_type,
                        applicableToDataset=True,
                        applicableToDataCollection=True,
                    ),
                )
                self._types[key] = _slim(found[0].instance)
            return client.new(self._types[key])


def _slim(instance: Any) -> Any:
    """Removes the attributes that ICAT does not use: every parameter is sent with its type."""
    for name in list(instance.__keylist__):
        if name not in USED_TYPE_ATTRIBUTES:
            delattr(instance, name)
    return instance


def _find_or_create(
    key: tuple[str, ...], find: Callable[[], list[Any]], build: Callable[[], Any]
) -> list[Any]:
    found = find()
    if found:
        return found
    with suppress(icat.exception.ICATObjectExistsError):  # another replica was faster
        build().create()
    found = find()
    if not found:
        raise Unavailable(f"ICAT does not find {key} after it was created")
    return found
