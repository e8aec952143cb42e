"""Whether a DOI is adopted, registered, looked up or not required."""

import pytest
from portal_doi.domain.policy import Adopt, Decision, LookUp, NotRequired, Register, decide
from portal_shared.contracts.records import DoiLevel
from portal_shared.profile import DoiRules
from portal_shared.runtime.errors import Invalid

BOTH: tuple[DoiLevel, ...] = ("document", "dataset")
OWN = "10.5072/sabr-24pa-3eyv"


@pytest.mark.parametrize(
    ("given", "mint", "our_doi", "decision"),
    [
        (None, BOTH, None, Register()),
        ("", BOTH, None, Register()),
        (None, ("document",), None, NotRequired()),
        (None, (), OWN, Register()),  # what was registered once is updated
        ("10.15151/ESRF-DC-1", BOTH, None, Adopt("10.15151/esrf-dc-1")),
        ("https://doi.org/10.15151/X", (), None, Adopt("10.15151/x")),
        ("10.15151/x", BOTH, OWN, Adopt("10.15151/x")),
        ("10.50720/x", BOTH, None, Adopt("10.50720/x")),
        (OWN.upper(), BOTH, OWN, Register()),
        (OWN, BOTH, None, LookUp(OWN)),
        ("10.5072/esrf-dc-1", BOTH, None, LookUp("10.5072/esrf-dc-1")),
    ],
)
def test_the_decision_follows_from_prefix_profile_and_registry(
    given: str | None, mint: tuple[DoiLevel, ...], our_doi: str | None, decision: Decision
) -> None:
    assert (
        decide(given, "dataset", rules=DoiRules(mint=mint), prefix="10.5072", our_doi=our_doi)
        == decision
    )


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("pending", "is not a DOI"),
        ("10.12/short-prefix", "is not a DOI"),
        ("10.5072/with blank", "is not a DOI"),
        ("10.5072/a?b", "characters"),
        ("10.5072/a#b", "characters"),
        ("10.5072/sabr-24pa-3eyw", "mistyped"),
    ],
)
def test_an_invalid_doi_is_refused_with_the_reason(given: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        decide(given, "dataset", rules=DoiRules(mint=BOTH), prefix="10.5072", our_doi=None)
