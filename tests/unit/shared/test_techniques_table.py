"""The table of techniques: what it holds, and how a release of PaNET becomes it."""

import csv
import importlib.util
import io
import json
import sys
from pathlib import Path

import pytest
from portal_shared import profile
from portal_shared.search import techniques

TOOL = Path(__file__).parents[3] / "shared" / "tools" / "build_panet.py"
_spec = importlib.util.spec_from_file_location("build_panet", TOOL)
assert _spec
assert _spec.loader
panet = importlib.util.module_from_spec(_spec)
sys.modules["build_panet"] = panet  # dataclasses look their module up
_spec.loader.exec_module(panet)

LABELS = {  # a wrong number is noticed by nobody else
    "PaNET01012": "x-ray probe",
    "PaNET01124": "small angle scattering",
    "PaNET00207": "magnetism",
    "PaNET01200": "x-ray emission spectroscopy",
    "PaNET01188": "small angle x-ray scattering",
    "PaNET01149": "x-ray reflectivity",
    "PaNET01207": "x-ray tomography",
    "PaNET01313": "magnetic x-ray tomography",
    "PaNET01332": "x-ray propagation phase contrast tomography",
    "PaNET01333": "x-ray propagation phase contrast microtomography",
    "PaNET01334": "x-ray phase contrast imaging",
}


def rows() -> list[dict[str, str]]:
    text = (panet.DATA / "panet.csv").read_text("utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def below(term: str) -> set[str]:
    return {r["number"] for r in rows() if term in techniques.broader(r["number"])}


def test_labels_stand_at_their_numbers() -> None:
    by_number = {r["number"]: techniques.normalize_label(r["label"]) for r in rows()}
    assert {n: by_number[n] for n in LABELS} == LABELS
    assert len(by_number) == len(rows()) > 370


def test_a_profiles_techniques_have_the_labels_of_the_table() -> None:
    by_number = {r["number"]: techniques.normalize_label(r["label"]) for r in rows()}
    for name in profile.names():
        for pid, rule in profile.load(name).techniques.items():
            assert techniques.normalize_label(rule.label) == by_number[techniques.term(pid)]


def test_terms_stand_for_all_below_them_inferred_ones_too() -> None:
    assert below("PaNET01200") == {"PaNET01200"}
    assert len(below("PaNET01124")) == 22
    assert len(below("PaNET00207")) == 11
    assert len(below("PaNET01012")) > 90
    assert {"PaNET01183", "PaNET01275", "PaNET01313", "PaNET01333"} <= below("PaNET01012")
    assert {"PaNET01207", "PaNET01334", "PaNET01152"} <= techniques.broader("PaNET01333")


@pytest.mark.parametrize(
    "name",
    ["SAXS", "saxs", "small angle x-ray scattering", "Small Angle X-ray  Scattering technique"],
)
def test_names_are_found_in_each_form(name: str) -> None:
    assert "PaNET01188" in techniques.find_terms(name)


def test_the_table_names_its_source() -> None:
    about = json.loads((panet.DATA / "panet.json").read_text("utf-8"))
    assert about["license"] == "CC-BY-4.0"
    assert about["version"].startswith("1.3")


SOURCE = """x,ID,Label,Alt,Parent,Parent,Equivalent,Equivalent,Domain
x,ID,A rdfs:label,A http://www.w3.org/2004/02/skos/core#altLabel,SC %,SC %,EC %,EC %,DOMAIN
,,,,,,,,
1,http://x/PaNET00001,technique,,owl:Thing,,,,
2,http://x/PaNET00002,light techniques,,,,('probe by' some 'light'),,
3,http://x/PaNET00003,red light techniques,ruby,,,('probe by' some PaNET:PaNET2000002),,
4,http://x/PaNET00004,imaging,,PaNET:PaNET00001,,,,
5,http://x/PaNET00005,light imaging,,,,light techniques,imaging,
6,http://x/PaNET00006,red light imaging,,red light techniques,PaNET:PaNET00004,,,
7,http://x/PaNET00007,both at once,,,,('light imaging' and PaNET:PaNET00003),,
9,http://x/PaNET2000001,light,,,,,,
9,http://x/PaNET2000002,red light,,light,,,,
9,http://x/PaNET1000001,probe by,,,,,,technique
"""


def test_what_follows_from_definitions_is_in_the_table() -> None:
    made = {r["number"]: r for r in csv.DictReader(io.StringIO(panet.table(SOURCE)))}
    assert set(made) == {f"PaNET0000{n}" for n in range(1, 8)}
    assert made["PaNET00003"]["alternatives"] == "ruby"
    assert made["PaNET00002"]["parents"] == "PaNET00001"
    assert made["PaNET00003"]["parents"] == "PaNET00002"
    assert "PaNET00007" in made["PaNET00006"]["parents"]
    assert made["PaNET00005"]["parents"] == "PaNET00002;PaNET00004"


def test_a_release_becomes_the_table_by_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panet, "DATA", tmp_path)
    source = tmp_path / "PaNET.csv"
    source.write_text(SOURCE, "utf-8")
    assert panet.main([str(source), "--version", "2.0"]) == 0
    assert (tmp_path / "panet.csv").read_text("utf-8") == panet.table(SOURCE)
    assert json.loads((tmp_path / "panet.json").read_text("utf-8"))["version"] == "2.0"


def test_what_is_no_release_is_refused_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(panet, "DATA", tmp_path)
    source = tmp_path / "PaNET.csv"
    for text in ("", "a,b\n", SOURCE.replace("'light imaging' and", "'nothing known' and")):
        source.write_text(text, "utf-8")
        assert panet.main([str(source), "--version", "2"]) == 1
        assert str(source) in capsys.readouterr().err
    assert panet.main([str(tmp_path / "absent"), "--version", "2"]) == 1
    assert not (tmp_path / "panet.csv").exists()
