"""Lung: pleura, fissure, bronchi and vessels from the hilum, septa, alveoli."""

import numpy as np

from portal_cli.miniature.brush import mix, smooth
from portal_cli.miniature.organs.site import Site
from portal_cli.miniature.waves import Field


def lung(s: Site) -> tuple[Field, Field]:
    b, r = s.brush, s.radius
    n1, n2 = s.wobble(1, 1.0), s.wobble(2, 0.45)
    taper = 0.88 * np.sqrt(np.clip(1 - np.clip((0.15 - s.w) / 1.10, 0, 1) ** 2.2, 0.0, 1))
    hollow = 0.34 * np.exp(-(((s.u + 0.55) / 0.34) ** 2 + ((s.w - 0.1) / 0.38) ** 2))
    across = np.sqrt((s.u / 0.98) ** 2 + (s.v / 0.92) ** 2) / np.clip(taper, 0.05, None)
    d = (1 - across - hollow - 0.04 * n1 - 0.015 * n2) * np.float32(0.8 * r)
    base = 0.90 - 0.26 * np.exp(-((s.u + 0.15) ** 2 + s.v**2) / 0.35) + 0.03 * n1
    d = np.minimum(d, (base - s.w) * np.float32(s.half[2]))
    d = np.minimum(d, (s.w + 0.95) * np.float32(s.half[2]))
    d = s.grown(d)
    hilum = np.sqrt((s.u + 0.62) ** 2 + s.v**2 + (s.w - 0.05) ** 2)
    foam = 0.030 * b.grain("foam", 0.055 * r) + 0.035 * n2 + _alveoli(s)
    v = 0.36 + foam + 0.06 * smooth(n1, 0.4, 1.4)
    v = v + 0.11 * b.sheets("lobule", 0.30 * r, 0.006 * r) * smooth(-d, -0.5 * r, 0)
    v = v + 0.03 * b.sheets("small lobule", 0.11 * r, 0.004 * r)
    fissure = (s.w - 0.45 * s.u - 0.12 - 0.03 * n1) * np.float32(0.8 * s.half[2])
    v = mix(v, 0.74, b.layer(np.abs(fissure) - 0.010 * r, 0.010 * r))
    v = mix(v, 0.14, b.layer(fissure, 0.008 * r))
    thick = np.clip(1.15 - hilum, 0.1, 1)
    for name, scale, wave in (("bronchus", 0.046, 0.55), ("bronchiole", 0.022, 0.26)):
        radius = np.float32(scale * r) * thick
        v = b.vessel(v, b.tubes(name, wave * r), radius, 0.3 * radius, greys=(0.72, 0.11))
    blood = b.tubes("vessel", 0.42 * r)
    v = b.vessel(v, blood, np.float32(0.032 * r) * thick, 0.006 * r, greys=(0.70, 0.55))
    return mix(v, 0.76, b.layer(d - 0.008 * r, 0.016 * r)), d


def _alveoli(s: Site) -> Field:
    """Returns walls around air: ducts, alveoli and their finest septa."""
    b = s.brush
    ducts = 0.12 * (b.sheets("ducts", 1.5, 0.10) - 0.25)
    walls = 0.30 * (b.sheets("alveoli", 0.55, 0.035) - 0.25)
    return ducts + walls + 0.12 * (b.sheets("capillaries", 0.09, 0.012) - 0.4)
