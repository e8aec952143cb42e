"""Heart: two ventricles with trabeculae, two atria, fat in the grooves, coronary vessels."""

import numpy as np

from portal_cli.miniature.brush import mix, smooth
from portal_cli.miniature.organs.site import Site
from portal_cli.miniature.waves import Field


def heart(s: Site) -> tuple[Field, Field]:
    b, r = s.brush, s.radius
    n1, n2, n3 = s.wobble(1, 1.0), s.wobble(2, 0.5), s.wobble(3, 0.2)
    along = (s.w + 0.92) / 1.80  # 0 at the base, 1 at the apex
    width = np.clip(1 - np.clip(along - 0.25, 0, 1) ** 2 * 1.62, 0, 1) ** 0.60
    width = width * np.clip(1 - np.clip(0.24 - along, 0, 1) ** 2 * 12, 0, 1) ** 0.5
    across = np.sqrt(((s.u - 0.06 * s.w) / 0.84) ** 2 + (s.v / 0.76) ** 2)
    d = (np.clip(width, 0.02, None) - across - 0.025 * n1 - 0.008 * n2) * np.float32(0.85 * r)
    d = s.grown(d)
    trabeculae = 0.055 * n3 + 0.05 * n2
    left = s.ellipsoid((0.27, 0.02, 0.10), (0.235, 0.25, 0.50)) + trabeculae
    right = s.ellipsoid((-0.36, 0.0, 0.05), (0.22, 0.40, 0.43)) + 1.3 * trabeculae
    left_atrium = s.ellipsoid((0.30, 0.05, -0.58), (0.28, 0.33, 0.19)) + 0.05 * n2
    right_atrium = s.ellipsoid((-0.36, 0.05, -0.56), (0.28, 0.34, 0.20)) + 0.07 * n2
    chamber = np.minimum(np.minimum(left, right), np.minimum(left_atrium, right_atrium))
    v = 0.585 + 0.030 * n2 * 0.6 + _muscle(s)
    clefts = b.sheets("clefts", 0.34 * r, 0.006 * r) * smooth(chamber, 1.15, 1.5)
    v = mix(v, 0.36, clefts * 0.8)
    groove = np.exp(-(((s.w + 0.33 + 0.03 * n1) / 0.10) ** 2)) * smooth(np.abs(s.u), 0.1, 0.4)
    thickness = (0.018 + 0.030 * smooth(n1, -0.2, 1.6) + 0.15 * groove) * np.float32(r)
    fat = 0.27 + 0.16 * b.sheets("fat", 0.12 * r, 0.009 * r) + 0.012 * b.grain("fat", 0.06 * r)
    v = mix(v, fat, b.edge(thickness - d))
    blood = 0.185 + 0.020 * smooth(n1, -1, 1) + 0.010 * b.grain("blood", 0.1 * r) + _clots(s)
    clot = smooth(n1 + 0.3 * n2, 0.75, 0.95) * smooth(0.9 - np.minimum(right, right_atrium), 0, 0.2)
    inside = b.edge((1 - chamber) * np.float32(0.24 * r))
    v = mix(v, mix(blood, 0.44 + 0.02 * n3, clot), inside)
    v = mix(v, 0.72, b.layer((chamber - 1) * np.float32(0.24 * r), 0.010 * r) * 0.8)
    for x, z in ((0.20, 0.16), (0.36, 0.20), (-0.30, 0.14), (-0.44, 0.12)):
        papillary = s.ellipsoid((x, 0.02, z), (0.055, 0.07, 0.17)) + 0.10 * n3
        v = mix(v, 0.60, b.edge((1 - papillary) * np.float32(0.055 * r)))
    valve = (s.w + 0.32 - 0.35 * np.abs(np.abs(s.u) - 0.31)) * np.float32(s.half[2])
    v = mix(v, 0.70, b.layer(valve, 0.012 * r) * smooth(1.15 - chamber, 0, 0.1) * (s.w < 0.0))
    outside = b.edge((chamber - 1.12) * np.float32(0.3 * r))
    coronary = b.tubes("coronary", 0.40 * r)
    return b.vessel(v, coronary, 0.015 * r, 0.014 * r, greys=(0.74, 0.16), within=outside), d


def _clots(s: Site) -> Field:
    b = s.brush
    return 0.10 * (b.sheets("fibrin", 0.6, 0.05) - 0.31) + 0.05 * (b.blobs("cells", 0.2, 1) - 0.16)


def _muscle(s: Site) -> Field:
    """Returns bundles of fibres, sheets between them and small vessels, at all scales."""
    b, r = s.brush, s.radius
    v = 0.024 * b.grain("bundles", 0.05 * r, (1, 2.5, 1.5))
    v = v + 0.07 * (0.12 - b.sheets("perimysium", 1.1, 0.06, (1, 2, 3)))
    v = v + 0.10 * (0.3 - b.sheets("fibres", 0.22, 0.025, (1, 1.5, 3)))
    vessel = b.blobs("vessels", 0.9, 2.0)
    return v + 0.05 * (0.25 - b.sheets("cells", 0.05, 0.008, (1, 1.5, 3))) - 0.30 * vessel
