"""Every dataset of the Atlas has one place in its specimen."""

import numpy as np
from portal_cli.hoa.atlas import Atlas
from portal_cli.miniature import renderer
from portal_cli.specimens.miniatures import position_of

from tests.drivers.curation.miniatures import grid_of


def test_every_dataset_has_a_place_in_its_specimen(whole: Atlas) -> None:
    known = 0
    for entry in whole.entries.values():
        position = position_of(entry.record, whole)
        known += position.is_known
        middle = renderer.lattice_of(position.matrix, grid_of(entry.record))
        centre = np.array(middle.origin) + 0.5 * np.array(middle.shape) @ np.array(middle.steps)
        reach = np.array(position.specimen.half_mm) * (1.6 if position.is_known else 1)
        assert (np.abs(centre) < reach).all(), entry.record.name
    assert known == 109 + 224


def test_a_dataset_without_a_registration_has_always_the_same_place(whole: Atlas) -> None:
    lost = [e.record for e in whole.entries.values() if not position_of(e.record, whole).is_known]
    assert len(lost) == 45
    assert position_of(lost[0], whole) == position_of(lost[0], whole)
    assert position_of(lost[0], whole).matrix != position_of(lost[1], whole).matrix
