"""Whose DOI a record has."""

import pytest
from portal_doi.domain.policy import Adopt, Ask, Decision, Leave, Register, decide
from portal_shared.contracts.records import DoiLevel
from portal_shared.profile import DoiRules
from portal_shared.runtime.errors import Invalid

BOTH: tuple[DoiLevel, ...] = ("document", "dataset")
OWN = "10.5072/sabr-24pa-3eyv"


@pytest.mark.parametrize(
    ("brought", "mint", "own", "decision"),
    [
        (None, BOTH, None, Register()),
        ("", BOTH, None, Register()),
        (None, ("document",), None, Leave()),
        (None, (), OWN, Register()),  # what was registered once is kept up
        ("10.15151/ESRF-DC-1", BOTH, None, Adopt("10.15151/esrf-dc-1")),
        ("https://doi.org/10.15151/X", (), None, Adopt("10.15151/x")),
        ("10.15151/x", BOTH, OWN, Adopt("10.15151/x")),
        ("10.50720/x", BOTH, None, Adopt("10.50720/x")),
        (OWN.upper(), BOTH, OWN, Register()),
        (OWN, BOTH, None, Ask(OWN)),
        ("10.5072/esrf-dc-1", BOTH, None, Ask("10.5072/esrf-dc-1")),
    ],
)
def test_whose_doi_it_is(
    brought: str | None, mint: tuple[DoiLevel, ...], own: str | None, decision: Decision
) -> None:
    assert (
        decide(brought, "dataset", rules=DoiRules(mint=mint), prefix="10.5072", own=own) == decision
    )


@pytest.mark.parametrize(
    ("brought", "reason"),
    [
        ("pending", "is no DOI"),
        ("10.12/short-prefix", "is no DOI"),
        ("10.5072/with blank", "is no DOI"),
        ("10.5072/a?b", "characters"),
        ("10.5072/a#b", "characters"),
        ("10.5072/sabr-24pa-3eyw", "mistyped"),
    ],
)
def test_what_cannot_be_registered_is_refused_with_the_reason(brought: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        decide(brought, "dataset", rules=DoiRules(mint=BOTH), prefix="10.5072", own=None)
