"""Brain: hemispheres with gyri, cortex, white matter, nuclei, ventricles, cerebellum, vessels."""

import numpy as np

from portal_cli.miniature.brush import SLOPE, mix, smooth
from portal_cli.miniature.organs.site import Site
from portal_cli.miniature.waves import Field


def brain(s: Site) -> tuple[Field, Field]:
    b, r = s.brush, s.radius
    n1, n2 = s.wobble(1, 1.0), s.wobble(2, 0.4)
    side = np.abs(s.u)
    upper = np.sqrt((s.u / 0.84) ** 2 + (s.v / 0.88) ** 2 + ((s.w + 0.05) / 0.86) ** 2)
    lower = np.sqrt(((side - 0.44) / 0.36) ** 2 + ((s.v + 0.1) / 0.62) ** 2
                    + ((s.w - 0.44) / 0.40) ** 2)  # fmt: skip
    flat = (0.34 - 0.20 * side + 0.03 * n1 - s.w) * np.float32(1.4)
    stem = 1 - np.sqrt((s.u / 0.17) ** 2 + ((s.v - 0.1) / 0.2) ** 2 + ((s.w - 0.3) / 0.62) ** 2)
    small = _cerebellum(s, side)
    whole = np.maximum(np.minimum(1 - upper, flat), np.maximum(1 - lower, stem * 0.6))
    whole = np.maximum(whole, (1 - small) * 0.4)
    d = (whole - 0.02 * n1 - 0.008 * n2) * np.float32(0.85 * r)
    d = s.grown(d)
    wave = 0.28 * r
    folds = np.abs(b.noise("sulci", wave)) * np.float32(wave / SLOPE)
    depth = np.float32(0.17 * r) + np.float32(0.09 * r) * n2
    folds = folds + 1.4 * np.clip(d - depth, 0, None)
    middle = np.abs(s.x) + 0.02 * r * np.abs(n2) + 1.6 * r * np.clip(s.w + 0.20, 0, None)
    lateral = np.abs(s.w - 0.22 + 0.20 * (side - 0.55) + 0.03 * n1) * np.float32(s.half[2])
    lateral = lateral + 1.2 * np.clip(0.50 - side, 0, None) * np.float32(s.half[0])
    sulcus = np.minimum(np.minimum(folds, middle), lateral)
    surface = np.minimum(sulcus, np.clip(d, 0, None))
    grey = smooth(np.float32(0.066 * r) + 0.010 * r * n2 - surface, -0.006 * r, 0.008 * r)
    band = 0.02 * smooth(0.010 * r - np.abs(surface - 0.042 * r), 0, 0.01 * r)
    white = 0.635 + 0.016 * b.grain("tracts", 0.10 * r, (1, 1, 2)) + 0.012 * n1
    white = white + 0.06 * (0.25 - b.sheets("bundles", 0.5, 0.05, (1, 1, 3)))
    matter = 0.44 + 0.012 * b.grain("cortex", 0.05 * r) + band + _cells(s)
    v = mix(white, matter, grey)
    for x, w, a, c, value in ((0.13, 0.14, 0.12, 0.11, 0.50), (0.20, -0.05, 0.07, 0.10, 0.465),
                              (0.34, 0.08, 0.08, 0.16, 0.455)):  # fmt: skip
        nucleus = np.sqrt(((side - x) / a) ** 2 + (s.v / 0.30) ** 2 + ((s.w - w) / c) ** 2)
        v = mix(v, value + 0.012 * n2, smooth(1.03 + 0.06 * n2 - nucleus, -0.05, 0.10))
    v = mix(v, _folia(s, n2), smooth(1.02 - small, 0, 0.04))
    v = mix(v, 0.70, _callosum(s, side, n2))
    v = mix(v, 0.155, _ventricles(s, side, n2))
    v = b.vessel(v, b.tubes("vessel", 0.30 * r), 0.0065 * r, 0.003 * r, greys=(0.55, 0.20))
    v = mix(v, 0.70, b.layer(surface - 0.008 * r, 0.012 * r) * 0.30)
    gap = b.edge(np.float32(0.010 * r) - sulcus)
    return mix(v, 0.07, gap), d


def _cerebellum(s: Site, side: Field) -> Field:
    """Returns 1 on its surface; it lies below and behind, with a groove in the middle."""
    groove = 0.10 * np.exp(-((side / 0.10) ** 2))
    away = (s.u / 0.56) ** 2 + ((s.v - 0.44) / 0.34) ** 2 + ((s.w - 0.48) / 0.28) ** 2
    return np.sqrt(away) + groove


def _folia(s: Site, n2: Field) -> Field:
    """Returns leaves of grey matter around branches of white matter."""
    around = np.arctan2(s.w - 0.46, s.v - 0.16)
    away = np.sqrt((s.v - 0.16) ** 2 + (s.w - 0.46) ** 2)
    shown = np.float32(min(1.0, 0.03 * s.radius / s.brush.voxel))
    leaves = np.cos(24 * around + 3 * n2) * shown
    return (
        0.52
        + 0.10 * smooth(leaves - 3 * (away - 0.30), -0.5, 0.5)
        - 0.10 * smooth(-leaves, 0.7, 1.0)
    )


def _callosum(s: Site, side: Field, n2: Field) -> Field:
    """Returns the share of the white bridge between the hemispheres, an arch from front to back."""
    arch = (s.w + 0.20 - 0.55 * s.v**2 + 0.01 * n2) * np.float32(s.half[2])
    within = smooth(0.44 - np.abs(s.v), 0, 0.08) * smooth(0.26 - side, 0, 0.10)
    return s.brush.layer(arch, 0.07 * s.half[2]) * within


def _ventricles(s: Site, side: Field, n2: Field) -> Field:
    slope = s.w + 0.10 - 0.45 * side
    lateral = np.sqrt(((side - 0.12) / 0.11) ** 2 + (s.v / 0.42) ** 2 + (slope / 0.055) ** 2)
    third = np.sqrt((s.u / 0.022) ** 2 + (s.v / 0.15) ** 2 + ((s.w - 0.13) / 0.06) ** 2)
    fourth = np.sqrt((s.u / 0.10) ** 2 + ((s.v - 0.20) / 0.05) ** 2 + ((s.w - 0.42) / 0.10) ** 2)
    nearest = np.minimum(np.minimum(lateral, third), fourth) + 0.05 * n2
    return s.brush.edge((1 - nearest) * np.float32(0.06 * s.radius))


def _cells(s: Site) -> Field:
    b = s.brush
    none = np.zeros((1, 1, 1), np.float32)
    v = (
        b.vessel(none, b.tubes("capillaries", 0.8), 0.014, 0.0, greys=(0.0, -0.20))
        if b.is_drawn(0.1)
        else none
    )
    return v + 0.10 * b.blobs("neurons", 0.07, 1.3) + 0.05 * b.blobs("glia", 0.16, 1.2) - 0.016
