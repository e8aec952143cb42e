"""Caches the ids of shared entities in ICAT for all threads; creates missing ones on first use.

ICAT's database may find a look-alike (see `names`): what it finds is compared exactly, and an
entity whose name is taken by a look-alike gets a name of its own.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import icat.exception
from portal_shared.contracts.records import Funding
from portal_shared.runtime.errors import Invalid, Unavailable

from portal_ingest.icat.client import IcatClient
from portal_ingest.icat.mapping import (
    InvestigationEntry,
    ParameterEntry,
    SharedEntity,
    UserEntry,
)
from portal_ingest.icat.names import SHORT, cut, cut_name, own_name

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
    bean: f"SELECT o FROM {bean} o"  # noqa: S608  # our own names
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

    def _cached(self, key: tuple[str, ...], load: Callable[[], Any]) -> int:
        """Returns the cached id of an entity; `load` finds or creates the entity the first time."""
        with self._lock:
            entity_id = self._ids.get(key)
            if entity_id is None:
                entity_id = self._ids[key] = int(load().id)
            return entity_id

    def _get_or_create(self, key: tuple[str, ...], lookup: "Lookup", name: str) -> int:
        return self._cached(key, lambda: lookup.find_or_create(name))

    def facility(self, client: IcatClient, name: str) -> int:
        return self._cached(("facility", name), lambda: _facility(client, name))

    def of_facility(
        self, client: IcatClient, bean: str, facility: str, name: str, **attributes: Any
    ) -> int:
        """Returns an InvestigationType, DatasetType, Instrument or DataPublicationType."""
        owner = self.facility(client, facility)
        lookup = Lookup(
            lambda name: client.read(BY_FACILITY_AND_NAME[bean], owner=owner, name=name),
            lambda name: client.make(
                bean, facility=client.stub("facility", owner), name=name, **attributes
            ),
        )
        return self._get_or_create((bean, facility, name), lookup, name)

    def investigation(self, client: IcatClient, facility: str, entry: InvestigationEntry) -> int:
        owner = self.facility(client, facility)
        kind = self.of_facility(client, "InvestigationType", facility, entry.type)
        lookup = Lookup(
            lambda name: client.read(
                "SELECT o FROM Investigation o WHERE o.facility.id = {owner}"
                " AND o.name = {name} AND o.visitId = {visit}",
                owner=owner,
                name=name,
                visit=entry.visit_id,
            ),
            lambda name: client.make(
                "investigation",
                facility=client.stub("facility", owner),
                type=client.stub("investigationType", kind),
                name=name,
                visitId=entry.visit_id,
                title=entry.title,
            ),
            also={"visitId": entry.visit_id},
        )
        key = ("investigation", facility, entry.name, entry.visit_id)
        return self._get_or_create(key, lookup, entry.name)

    def sample(self, client: IcatClient, investigation: int, sample: SharedEntity) -> int:
        lookup = Lookup(
            lambda name: client.read(
                "SELECT o FROM Sample o WHERE o.investigation.id = {owner} AND o.name = {name}",
                owner=investigation,
                name=name,
            ),
            lambda name: client.make(
                "sample",
                investigation=client.stub("investigation", investigation),
                name=name,
                pid=sample.pid,
            ),
        )
        return self._get_or_create(("sample", str(investigation), sample.name), lookup, sample.name)

    def technique(self, client: IcatClient, technique: SharedEntity) -> int:
        lookup = Lookup(
            lambda name: client.read("SELECT o FROM Technique o WHERE o.name = {name}", name=name),
            lambda name: client.make("technique", name=name, pid=technique.pid),
        )
        return self._get_or_create(("technique", technique.name), lookup, technique.name)

    def user(self, client: IcatClient, user: UserEntry) -> int:
        """Returns the User that all publications of a person share.

        Its names are unset: each publication has them as they were published there.
        """
        lookup = Lookup(
            lambda name: client.read("SELECT o FROM User o WHERE o.name = {name}", name=name),
            lambda name: client.make(
                "user",
                name=name,
                orcidId=user.orcid,
            ),
        )
        return self._get_or_create(("user", user.name), lookup, user.name)

    def funding(self, client: IcatClient, given: Funding) -> int:
        funder, award = cut_name(given.funder), cut_name(given.award or "none")
        lookup = Lookup(
            lambda name: client.read(
                "SELECT o FROM FundingReference o"
                " WHERE o.funderName = {funder} AND o.awardNumber = {award}",
                funder=name,
                award=award,
            ),
            lambda name: client.make(
                "fundingReference",
                funderName=name,
                awardNumber=award,
                funderIdentifier=given.funder_id,
                awardTitle=cut(given.award_title, SHORT) if given.award_title else None,
            ),
            name="funderName",
            also={"awardNumber": award},
        )
        return self._get_or_create(("funding", funder, award), lookup, funder)

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
        lookup = Lookup(
            lambda name: client.read(
                "SELECT o FROM ParameterType o WHERE o.facility.id = {owner}"
                " AND o.name = {name} AND o.units = {units}",
                owner=owner,
                name=name,
                units=units,
            ),
            lambda name: client.make(
                "parameterType",
                facility=client.stub("facility", owner),
                name=name,
                units=units,
                valueType=value_type,
                applicableToDataset=True,
                applicableToDataCollection=True,
            ),
            also={"units": units},
            read_back=True,
        )
        with self._lock:
            if key not in self._types:
                self._types[key] = _slim(lookup.find_or_create(name).instance)
            return client.new(self._types[key])


@dataclass(frozen=True)
class Lookup:
    """How an entity is found and created by its name.

    `also` is the rest of its key: attributes that must be equal, too. An empty unit may be stored
    as null. With `read_back`, a new entity is read as ICAT stored it, with values that ICAT chose.
    """

    find: Callable[[str], list[Any]]
    build: Callable[[str], Any]
    name: str = "name"  # the attribute
    also: Mapping[str, str] = field(default_factory=dict[str, str])
    read_back: bool = False

    def find_or_create(self, name: str) -> Any:
        """Returns the entity of this name, or of the name that it has beside a look-alike."""
        for candidate in (name, own_name(name, *self.also.values())):
            found = _find_or_create(
                partial(self.find, candidate),
                partial(self.build, candidate),
                read_back=self.read_back,
            )
            exact = [entity for entity in found if self._is_exact(entity, candidate)]
            if exact:
                return exact[0]
        raise Invalid(
            f"ICAT takes {name!r} for another name and cannot store both; choose another name",
            field="icat",
        )

    def _is_exact(self, entity: Any, name: str) -> bool:
        wanted = {self.name: name, **self.also}
        return all((getattr(entity, n, None) or "") == value for n, value in wanted.items())


def _slim(instance: Any) -> Any:
    """Removes the attributes that ICAT does not use: every parameter is sent with its type."""
    for name in list(instance.__keylist__):
        if name not in USED_TYPE_ATTRIBUTES:
            delattr(instance, name)
    return instance


def _find_or_create(
    find: Callable[[], list[Any]], build: Callable[[], Any], *, read_back: bool = False
) -> list[Any]:
    """Returns what ICAT finds, at least one: it may be a look-alike of what was built."""
    found = find()
    if found:
        return found
    with suppress(icat.exception.ICATObjectExistsError):  # another replica was faster
        created = build()
        created.create()
        if not read_back:
            return [created]
    found = find()
    if not found:
        raise Unavailable("ICAT does not find an entity after it was created")
    return found


def _facility(client: IcatClient, name: str) -> Any:
    """Raises Invalid if ICAT has the facility in another spelling."""
    [found, *_] = _find_or_create(
        lambda: client.read("SELECT o FROM Facility o WHERE o.name = {name}", name=name),
        lambda: client.make("facility", name=name),
    )
    if found.name != name:
        reason = (
            f"the facility is {found.name!r} in ICAT and {name!r} in the profile; write it in the"
            " profile as in ICAT"
        )
        raise Invalid(reason, field="icat")
    return found
