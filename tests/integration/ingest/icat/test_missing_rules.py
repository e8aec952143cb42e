"""A user of ICAT without the rule to read what it writes: the refusal says so."""

from pathlib import Path

import pytest
from portal_ingest.icat.adapter import Icat
from portal_ingest.icat.mapping import PublicationEntry
from portal_ingest.settings import IngestSettings
from portal_shared.contracts.records import RelatedItem
from portal_shared.runtime.errors import Invalid

from tests.drivers.icat import running

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
DOI = "10.5072/d"
PART = RelatedItem(relation="HasPart", identifier="10.5072/a")
ENTRY = PublicationEntry("ESRF", DOI, DOI, DOI, DOI, (), related=(PART,))
BEANS = (
    "Facility",
    "DataCollection",
    "DataCollectionDataset",
    "DataCollectionParameter",
    "DataPublication",
    "DataPublicationDate",
    "DataPublicationFunding",
    "DataPublicationType",
    "DataPublicationUser",
    "ParameterType",
    "RelatedItem",
    "Subject",
)
USERS = ("--user=root:root", "--user=ingest:ingest", "--root-user=simple/root")


async def test_a_missing_rule_to_read_related_items_is_the_reason_of_a_refusal(
    tmp_path: Path,
) -> None:
    with running(tmp_path, *USERS) as simulator:
        root = simulator.client()
        root.createMany(
            [
                root.new("rule", what=bean, crudFlags="CUD" if bean == "RelatedItem" else "CRUD")
                for bean in BEANS
            ]
        )
        adapter = Icat(IngestSettings(icat_url=simulator.url))
        await adapter.publish(ENTRY, [])
        assert (await adapter.published([DOI]))[DOI].relations == set()
        with pytest.raises(Invalid, match="needs a rule to read"):
            await adapter.publish(ENTRY, [])
        adapter.close()
