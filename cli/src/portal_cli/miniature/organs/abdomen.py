"""Liver with lobules and veins, spleen with follicles, colon with its layers."""

import numpy as np

from portal_cli.miniature.brush import mix, smooth
from portal_cli.miniature.organs.site import Site
from portal_cli.miniature.waves import Field


def liver(s: Site) -> tuple[Field, Field]:
    b, r = s.brush, s.radius
    n1 = s.wobble(1, 1.0)
    thick = np.clip(0.72 - 0.42 * s.u, 0.15, 1.2)
    middle = s.w - 0.10 - 0.25 * s.u
    d = 1 - np.sqrt((s.u / 0.92) ** 2 + (s.v / 0.78) ** 2 + (middle / thick) ** 2)
    notch = np.sqrt(((s.u - 0.30) / 0.10) ** 2 + ((s.w - 0.75) / 0.42) ** 2)
    d = np.minimum((d - 0.03 * n1) * 0.75, (notch - 1) * 0.12) * np.float32(r)
    d = s.grown(d)
    lobule = b.sheets("lobules", 0.075 * r, 0.003 * r)
    v = 0.53 + 0.07 * lobule + 0.016 * b.grain("tissue", 0.05 * r) + 0.012 * n1
    v = v + 0.16 * (b.sheets("lobule", 1.6, 0.06) - 0.13)
    v = v + 0.08 * (b.sheets("sinusoids", 0.13, 0.02) - 0.28)
    for name, wave, radius in (("hepatic vein", 0.62, 0.034), ("portal vein", 0.36, 0.015)):
        v = b.vessel(v, b.tubes(name, wave * r), radius * r, 0.010 * r, greys=(0.70, 0.16))
    v = mix(v, 0.16, b.blobs("central veins", 1.3, 2.1))
    return mix(v, 0.74, b.layer(d - 0.008 * r, 0.016 * r)), d


def spleen(s: Site) -> tuple[Field, Field]:
    b, r = s.brush, s.radius
    n1, n2 = s.wobble(1, 1.0), s.wobble(2, 0.4)
    bent = s.u - 0.36 * s.w**2 + 0.14
    d = 1 - np.sqrt((bent / 0.58) ** 2 + (s.v / 0.78) ** 2 + (s.w / 0.92) ** 2)
    d = (d - 0.035 * n1 - 0.012 * n2) * np.float32(0.62 * r)
    d = s.grown(d)
    v = 0.47 + 0.020 * b.grain("pulp", 0.06 * r) + 0.015 * n2
    v = mix(v, 0.63, b.blobs("follicles", 0.15 * r, 1.25))
    v = mix(v, 0.73, b.sheets("trabeculae", 0.50 * r, 0.014 * r) * 0.85)
    v = v + 0.10 * (b.sheets("cords", 0.25, 0.03) - 0.2) + 0.08 * b.blobs("nodules", 0.9, 1.3)
    v = b.vessel(v, b.tubes("vein", 0.45 * r), 0.026 * r, 0.014 * r, greys=(0.70, 0.17))
    return mix(v, 0.76, b.layer(d - 0.014 * r, 0.028 * r)), d


def colon(s: Site) -> tuple[Field, Field]:
    b, r = s.brush, s.radius
    n1, n2 = s.wobble(1, 0.9), s.wobble(2, 0.35)
    shift = 0.10 * np.sin(2.4 * s.w)
    x, y = s.u - shift, s.v + 0.6 * shift
    away = np.sqrt(x * x + y * y)
    haustra = 0.06 * np.cos(11 * s.w + 1.2 * n1)
    outer = np.minimum(0.76 + haustra + 0.04 * n1, (0.94 - np.abs(s.w)) * 3)
    d = (outer - away) * np.float32(r)
    d = s.grown(d)
    around = np.arctan2(y, x)
    fold = 0.40 + 1.6 * haustra + 0.07 * np.cos(7 * around + 1.5 * n1) + 0.06 * n2
    lay = (away - fold) * np.float32(r)  # mm outside of the lumen
    v = 0.56 + 0.02 * b.grain("mucosa", 0.05 * r) + 0.06 * (b.sheets("crypts", 0.2, 0.03) - 0.3)
    v = mix(v, 0.44 + 0.10 * b.sheets("submucosa", 0.10 * r, 0.008 * r), b.edge(lay - 0.05 * r))
    muscle = 0.66 + 0.03 * b.grain("muscle", 0.05 * r, (1, 1, 3))
    v = mix(v, muscle, b.edge(lay - 0.12 * r))
    fat = 0.27 + 0.15 * b.sheets("fat", 0.12 * r, 0.008 * r)
    v = mix(v, fat, b.edge(lay - 0.19 * r - 0.02 * r * n1))
    v = b.vessel(v, b.tubes("vessel", 0.42 * r), 0.014 * r, 0.012 * r, greys=(0.70, 0.18))
    v = mix(v, 0.75, b.layer(lay - 0.012 * r, 0.014 * r))
    lumen = 0.10 + 0.012 * n2 + 0.02 * b.grain("content", 0.08 * r)
    content = smooth(n1 + 0.4 * n2, 0.9, 1.1)
    v = mix(v, mix(lumen, 0.36 + 0.03 * n2, content), b.edge(-lay))
    return mix(v, 0.62, b.layer(d - 0.008 * r, 0.012 * r)), d
