"""Placenta, uterus, female genitalia; and an organ of any other kind."""

import numpy as np

from portal_cli.miniature.brush import mix, smooth
from portal_cli.miniature.organs.site import Site
from portal_cli.miniature.waves import Field


def placenta(s: Site) -> tuple[Field, Field]:
    b, r = s.brush, s.radius
    n1, n2 = s.wobble(1, 0.8), s.wobble(2, 0.35)
    bent = s.u + 0.16 * (s.v**2 + s.w**2) - 0.06 + 0.05 * n1
    lobes = 0.05 * np.abs(b.noise("cotyledons", 0.55 * r)) * smooth(-bent, 0, 0.2)
    disc = 1 - np.sqrt((bent / 0.40) ** 2 + (s.v / 0.92) ** 2 + (s.w / 0.92) ** 2)
    d = (disc * 0.40 - 0.03 + lobes - 0.012 * n2) * np.float32(r)
    d = s.grown(d)
    villi = b.sheets("villi", 0.10 * r, 0.016 * r)
    v = 0.24 + 0.34 * villi + 0.018 * b.grain("tissue", 0.05 * r) + 0.02 * n2
    v = v + 0.16 * (b.sheets("fine villi", 0.6, 0.07) - 0.2)
    v = v + 0.10 * (b.sheets("capillaries", 0.14, 0.02) - 0.28)
    septa = b.layer(b.noise("cotyledons", 0.55 * r) * np.float32(0.1 * r), 0.012 * r)
    v = mix(v, 0.62, septa * smooth(0.1 - bent, 0, 0.2) * 0.8)
    for name, wave, radius in (("stem", 0.42, 0.026), ("branch", 0.20, 0.009)):
        v = b.vessel(v, b.tubes(name, wave * r), radius * r, 0.6 * radius * r, greys=(0.70, 0.15))
    plate = np.minimum(np.float32(0.05 * r) - d, (bent - 0.02) * np.float32(r))
    v = mix(v, 0.70 + 0.03 * n2, b.edge(plate))
    return mix(v, 0.60, b.layer(d - 0.006 * r, 0.014 * r)), d


def uterus(s: Site) -> tuple[Field, Field]:
    r = s.radius
    n1, n2 = s.wobble(1, 0.9), s.wobble(2, 0.4)
    width = 0.30 + 0.52 * smooth(-s.w, -0.25, 0.45)
    across = np.sqrt((s.u / width) ** 2 + (s.v / (0.30 + 0.40 * smooth(-s.w, -0.3, 0.4))) ** 2)
    top = np.clip(1 - np.clip(-s.w - 0.15, 0, 1) ** 2 / 0.60, 0, 1) ** 0.5
    d = np.minimum((top - across - 0.03 * n1) * 0.55, (0.93 - s.w) * 1.2) * np.float32(r)
    d = s.grown(d)
    return _uterine_wall(s, d, n1, n2), d


def _uterine_wall(s: Site, d: Field, n1: Field, n2: Field) -> Field:
    b, r = s.brush, s.radius
    v = 0.56 + 0.030 * b.grain("muscle", 0.07 * r, (2, 1, 1)) + 0.016 * n1
    v = mix(v, 0.42, b.sheets("bundles", 0.22 * r, 0.010 * r, (2.5, 1.2, 1)) * 0.7)
    v = v + 0.08 * (0.25 - b.sheets("fibres", 0.24, 0.03, (2, 1, 1)))
    ring = b.edge(0.13 * r - np.abs(d - 0.20 * r))
    v = b.vessel(
        v, b.tubes("arcuate", 0.34 * r), 0.014 * r, 0.014 * r, greys=(0.70, 0.16), within=ring
    )
    wide = 0.030 + 0.28 * smooth(-s.w, -0.10, 0.55) * smooth(s.w, -0.62, -0.40)
    cavity = np.sqrt((s.u / wide) ** 2 + ((s.v + 0.02 * n2) / 0.05) ** 2) + 0.10 * n2
    cavity = np.maximum(cavity, 1 + (-0.50 - s.w) * 4)
    lining = np.sqrt((s.u / (wide + 0.07)) ** 2 + (s.v / 0.14) ** 2) + 0.12 * n2
    lining = np.maximum(lining, 1 + (-0.56 - s.w) * 6)
    glands = 0.66 - 0.12 * b.blobs("glands", 0.09 * r, 1.0)
    v = mix(v, glands, b.edge((1 - lining) * np.float32(0.10 * r)))
    v = mix(v, 0.15, b.edge((1 - cavity) * np.float32(0.05 * r)))
    return mix(v, 0.72, b.layer(d - 0.010 * r, 0.018 * r))


def female_genitalia(s: Site) -> tuple[Field, Field]:
    """A uterus with both ovaries and tubes."""
    b, r = s.brush, s.radius
    n1, n2 = s.wobble(1, 0.9), s.wobble(2, 0.35)
    side = np.abs(s.u)
    width = 0.20 + 0.26 * smooth(-s.w, -0.20, 0.45)
    across = np.sqrt((s.u / width) ** 2 + (s.v / (width * 0.85)) ** 2)
    top = np.clip(1 - np.clip(-s.w - 0.25, 0, 1) ** 2 / 0.42, 0, 1) ** 0.5
    body = np.minimum((top - across - 0.03 * n1) * 0.40, (0.90 - s.w) * 1.2)
    ovary = np.sqrt(((side - 0.66) / 0.20) ** 2 + (s.v / 0.22) ** 2 + ((s.w + 0.06) / 0.16) ** 2)
    ovary = (1 - ovary - 0.06 * n2) * 0.18
    path = s.w + 0.48 - 0.30 * np.clip(side - 0.3, 0, 1) + 0.03 * n1
    tube = 0.055 + 0.03 * smooth(side, 0.6, 0.8) - np.sqrt(path**2 + (s.v + 0.03 * n2) ** 2)
    tube = np.minimum(tube, np.minimum(0.84 - side, side - 0.2))
    fold = 0.035 - np.abs(s.v + 0.03 * n1)
    fold = np.minimum(fold, np.minimum(0.16 - np.abs(s.w + 0.22), 0.62 - side))
    d = np.maximum(np.maximum(body, ovary), np.maximum(tube, fold)) * np.float32(r)
    d = s.grown(d)
    v = mix(0.40 + 0.02 * n2, _uterine_wall(s, body * r, n1, n2), b.edge(body * np.float32(r)))
    follicle = b.blobs("follicles", 0.14 * r, 1.0)
    cortex = 0.58 + 0.02 * n2 + 0.10 * (b.blobs("follicles", 0.14 * r, 0.75) - follicle)
    v = mix(v, mix(cortex, 0.22, follicle), b.edge(ovary * np.float32(r)))
    mucosa = 0.56 - 0.30 * b.sheets("plicae", 0.05 * r, 0.010 * r)
    v = mix(v, mucosa, b.edge(np.minimum(tube, -body) * np.float32(r)))
    return mix(v, 0.70, b.layer(d - 0.006 * r, 0.012 * r)), d


def any_organ(s: Site) -> tuple[Field, Field]:
    """An even tissue with lobules and vessels."""
    b, r = s.brush, s.radius
    n1, n2 = s.wobble(1, 0.9), s.wobble(2, 0.4)
    d = (1 - s.ellipsoid((0, 0, 0), (0.80, 0.74, 0.88)) - 0.04 * n1) * np.float32(0.75 * r)
    d = s.grown(d)
    v = 0.52 + 0.03 * b.grain("tissue", 0.06 * r) + 0.02 * n2
    v = v + 0.10 * (b.sheets("lobules", 0.20 * r, 0.010 * r) - 0.2)
    v = v + 0.08 * (b.sheets("cells", 0.2, 0.03) - 0.25)
    v = b.vessel(v, b.tubes("vessel", 0.40 * r), 0.018 * r, 0.012 * r, greys=(0.70, 0.17))
    return mix(v, 0.72, b.layer(d - 0.012 * r, 0.020 * r)), d
