"""The page of settings and the names in the Helm chart's schema are those of the models."""

import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "shared" / "tools" / "settings_reference.py"))


def test_the_page_is_that_of_the_models(reference: dict[str, Any]) -> None:
    assert reference["PAGE"].read_text("utf-8") == reference["page"](), "run `make contracts`"


def test_the_schema_of_the_chart_has_the_names_of_the_models(reference: dict[str, Any]) -> None:
    schema = reference["SCHEMA"].read_text("utf-8")
    assert schema == reference["with_names"](schema), "run `make contracts`"


def test_every_setting_states_what_it_is_for(reference: dict[str, Any]) -> None:
    every = [*reference["settings"](), *reference["topology_settings"]()]
    assert [s.name for s in every if not s.sentence] == []
