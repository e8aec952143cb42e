"""Kidney: capsule, cortex with glomeruli, pyramids of the medulla, sinus with fat and calyces."""

import numpy as np

from portal_cli.miniature.brush import mix, smooth
from portal_cli.miniature.organs.site import Site
from portal_cli.miniature.waves import Field


def kidney(s: Site) -> tuple[Field, Field]:
    b, r = s.brush, s.radius
    n1, n2 = s.wobble(1, 1.1), s.wobble(2, 0.5)
    us = s.u + 0.34 * s.w**2 - 0.10
    outline = np.sqrt((us / 0.70) ** 2 + (s.v / 0.74) ** 2 + (s.w / 0.93) ** 2)
    d = (1 - outline - 0.035 * n1 - 0.012 * n2) * np.float32(0.72 * r)
    d = s.grown(d)
    sinus = np.sqrt(((us + 0.52) / 0.44) ** 2 + (s.v / 0.26) ** 2 + (s.w / 0.50) ** 2)
    sd = (sinus - 1 + 0.10 * n2) * np.float32(0.34 * r)
    t = np.clip(sd, 0, None) / (np.clip(sd, 0, None) + np.clip(d, 0, None) + np.float32(1e-3 * r))
    around = np.arctan2(s.v, s.u + 0.55)
    lobe_a, lobe_b = 2.1 * around + 0.5 + 0.10 * n1, 2.7 * s.w + 0.5 + 0.14 * n2
    e = 0.5 - np.maximum(np.abs(lobe_a - np.floor(lobe_a) - 0.5),
                         np.abs(lobe_b - np.floor(lobe_b) - 0.5))  # fmt: skip
    narrow = e - 0.05 - 0.42 * np.clip(0.42 - t, 0, 1)
    soft = max(0.01, 0.8 * b.voxel / (0.65 * r))
    medulla = smooth(0.62 + 0.03 * n2 - t, -soft, soft) * smooth(narrow, -soft, soft)
    rays = np.cos(30 * around + 2 * n2) * np.cos(19 * s.w + 2 * n1)
    rays = rays * np.float32(min(1.0, 0.02 * r / b.voxel))
    cortex = 0.60 + 0.020 * b.grain("cortex", 0.05 * r) + _cortex(s)
    inner = 0.43 + 0.030 * rays + 0.022 * b.grain("medulla", 0.045 * r) + _tubules(s)
    v = mix(cortex, inner, medulla)
    border = np.exp(-(((t - 0.62) / 0.05) ** 2)) * smooth(e, 0.02, 0.08)
    v = v + 0.045 * border
    artery = b.tubes("artery", 0.36 * r)
    v = b.vessel(v, artery, 0.032 * r, 0.022 * r, greys=(0.74, 0.17))
    v = mix(_sinus(s, sinus, n2), v, b.edge(sd))
    return mix(v, 0.74, b.layer(d - 0.012 * r, 0.022 * r)), d


def _sinus(s: Site, sinus: Field, n2: Field) -> Field:
    b, r = s.brush, s.radius
    fat = 0.27 + 0.12 * b.sheets("fat", 0.16 * r, 0.012 * r) + 0.010 * b.grain("fat", 0.07 * r)
    calyx = smooth(b.noise("calyx", 0.5 * r) + 0.5 * (1 - sinus), 0.25, 0.32)
    lumen = smooth(b.noise("calyx", 0.5 * r) + 0.5 * (1 - sinus), 0.40, 0.46)
    v = mix(mix(fat, 0.60, calyx), 0.20 + 0.006 * n2, lumen)
    return b.vessel(v, b.tubes("vein", 0.5 * r), 0.040 * r, 0.02 * r, greys=(0.66, 0.16))


def _cortex(s: Site) -> Field:
    b = s.brush
    tubules = 0.06 * (b.sheets("tubules", 0.16, 0.02) - 0.22)
    fine = 0.05 * (b.sheets("cells", 0.05, 0.006) - 0.2)
    tuft = b.blobs("glomeruli", 0.62, 1.55)
    capsule = b.blobs("glomeruli", 0.62, 1.32) - tuft
    return tubules + fine + 0.12 * tuft - 0.24 * capsule


def _tubules(s: Site) -> Field:
    b = s.brush
    return 0.09 * (b.sheets("straight", 0.14, 0.03, (2.5, 2.5, 1)) - 0.3)
