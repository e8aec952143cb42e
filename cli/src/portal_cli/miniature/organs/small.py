"""Eye, testis, prostate, Achilles tendon."""

import numpy as np

from portal_cli.miniature.brush import mix, smooth
from portal_cli.miniature.organs.site import Site
from portal_cli.miniature.waves import Field


def eye(s: Site) -> tuple[Field, Field]:
    """The cornea is at the upper end."""
    b, r = s.brush, s.radius
    n1, n2 = s.wobble(1, 0.8), s.wobble(2, 0.3)
    ball = np.sqrt((s.u / 0.88) ** 2 + (s.v / 0.88) ** 2 + ((s.w - 0.06) / 0.84) ** 2)
    bulge = np.sqrt((s.u / 0.46) ** 2 + (s.v / 0.46) ** 2 + ((s.w + 0.55) / 0.40) ** 2)
    axis = np.sqrt(s.u**2 + s.v**2)
    nerve = np.maximum(np.sqrt((s.u - 0.16) ** 2 + s.v**2) - 0.13 - 0.01 * n1, 0.7 - s.w)
    nerve = np.maximum(nerve, s.w - 0.98)
    globe = np.minimum(ball, bulge + 0.02)
    d = np.maximum((1 - globe) * 0.86 - 0.004 * n1, -nerve) * np.float32(r)
    d = s.grown(d)
    behind = smooth(s.w, -0.50, -0.46)  # of the iris
    v = 0.25 + 0.010 * n1 + 0.02 * (b.sheets("fibrils", 0.20 * r, 0.010 * r) - 0.2)
    retina = 0.44 + 0.05 * np.cos(70 * (1 - ball)) * np.float32(min(1.0, 0.02 * r / b.voxel))
    v = mix(v, retina, b.edge((ball - 0.885 + 0.004 * n2) * np.float32(r)) * behind)
    v = mix(v, 0.34, b.edge((ball - 0.920) * np.float32(r)) * behind)
    shell = 0.66 + 0.025 * b.grain("sclera", 0.05 * r) + 0.01 * n2
    v = mix(v, shell, b.edge(np.minimum(np.float32(0.10 * r) - d, (ball - 0.93) * np.float32(r))))
    v = mix(
        v, 0.72, b.edge(np.float32(0.075 * r) - d) * (1 - behind) * smooth(1.10 - bulge, 0, 0.05)
    )
    chamber = b.edge(np.minimum((0.90 - bulge) * 0.4, -0.44 - s.w) * np.float32(r))
    v = mix(v, 0.17, chamber)
    iris = b.layer((s.w + 0.50 - 0.12 * axis) * np.float32(r), 0.045 * r)
    v = mix(v, 0.62 + 0.05 * n2, iris * smooth(axis, 0.15, 0.19) * smooth(0.62 - axis, 0, 0.05))
    ciliary = np.sqrt(((axis - 0.55) / 0.10) ** 2 + ((s.w + 0.42) / 0.13) ** 2) + 0.12 * n2
    v = mix(v, 0.55 + 0.04 * n2, b.edge((1 - ciliary) * np.float32(0.10 * r)))
    lens = np.sqrt((s.u / 0.38) ** 2 + (s.v / 0.38) ** 2 + ((s.w + 0.30) / 0.20) ** 2)
    core = 0.62 + 0.025 * np.cos(24 * lens)
    v = mix(v, core, b.edge((1 - lens) * np.float32(0.22 * r)))
    v = mix(v, 0.74, b.layer((lens - 1) * np.float32(0.22 * r), 0.014 * r))
    return mix(v, 0.52 + 0.04 * b.grain("nerve", 0.06 * r, (1, 1, 4)), b.edge(-nerve * r)), d


def testis(s: Site) -> tuple[Field, Field]:
    b, r = s.brush, s.radius
    n1, n2 = s.wobble(1, 1.0), s.wobble(2, 0.4)
    body = s.ellipsoid((0.06, -0.06, 0), (0.72, 0.76, 0.80))
    cap = np.sqrt(((s.u + 0.52) / 0.30) ** 2 + ((s.v - 0.40) / 0.40) ** 2 + (s.w / 0.80) ** 2)
    d = np.maximum((1 - body - 0.02 * n1) * 0.74, (1 - cap - 0.04 * n2) * 0.32) * np.float32(r)
    d = s.grown(d)
    v = 0.58 - 0.30 * b.sheets("tubules", 0.16 * r, 0.022 * r)
    v = v + 0.016 * b.grain("tissue", 0.05 * r) + 0.10 * (b.sheets("walls", 0.28, 0.03) - 0.2)
    v = mix(v, 0.70, b.sheets("septa", 0.62 * r, 0.014 * r) * 0.8)
    centre = s.ellipsoid((-0.30, 0.10, 0), (0.22, 0.26, 0.50)) + 0.2 * n2
    v = mix(v, 0.60 - 0.34 * b.blobs("rete", 0.13 * r, 0.6), b.edge((1 - centre) * 0.2 * r))
    duct = 0.56 - 0.36 * b.blobs("duct", 0.17 * r, 0.4)
    v = mix(v, duct, b.edge((body - 1.01 + 0.02 * n1) * np.float32(0.74 * r)))
    coat = b.layer((1 - body - 0.02 * n1) * np.float32(0.74 * r) - 0.022 * r, 0.044 * r)
    return mix(v, 0.74, coat), d


def prostate(s: Site) -> tuple[Field, Field]:
    b, r = s.brush, s.radius
    n1, n2 = s.wobble(1, 0.9), s.wobble(2, 0.35)
    taper = np.clip(0.90 - 0.22 * (s.w + 0.1), 0.3, 1)
    d = 1 - np.sqrt((s.u / (0.84 * taper)) ** 2 + (s.v / (0.70 * taper)) ** 2 + (s.w / 0.84) ** 2)
    groove = 0.16 * np.exp(-((s.u / 0.22) ** 2)) * smooth(s.v, 0.1, 0.5)
    d = (d - groove - 0.03 * n1 - 0.012 * n2) * np.float32(0.66 * r)
    d = s.grown(d)
    pipe = np.sqrt(s.u**2 + (s.v + 0.14 + 0.15 * s.w) ** 2) + 0.01 * n2
    v = 0.52 + 0.028 * b.grain("stroma", 0.06 * r) + 0.06 * (b.sheets("fibres", 0.3, 0.04) - 0.25)
    zone = smooth(pipe, 0.26, 0.40)
    gland = b.blobs("glands", 0.16 * r, 0.75)
    rim = b.blobs("glands", 0.16 * r, 0.45) - gland
    v = v + zone * (0.13 * rim - 0.26 * gland)
    nodule = b.blobs("nodules", 0.55 * r, 1.0) * smooth(0.55 - pipe, 0, 0.15)
    v = mix(v, 0.60 - 0.22 * b.blobs("nodular", 0.09 * r, 0.9), nodule * 0.9)
    v = mix(v, 0.67, b.edge((0.16 - pipe) * np.float32(r)) * 0.8)
    cleft = np.maximum(pipe - 0.085, np.abs(s.u) * 0.5 - 0.03)
    v = mix(v, 0.13, b.edge(-cleft * np.float32(r)))
    v = mix(v, 0.36, b.layer((pipe - 0.42) * np.float32(r), 0.012 * r) * 0.7)
    rim = b.edge(0.16 * r - d)
    v = b.vessel(
        v, b.tubes("vessel", 0.45 * r), 0.014 * r, 0.012 * r, greys=(0.68, 0.18), within=rim
    )
    return mix(v, 0.70, b.layer(d - 0.014 * r, 0.024 * r)), d


def tendon(s: Site) -> tuple[Field, Field]:
    """A calf muscle above, the heel below, the tendon between them."""
    b, r = s.brush, s.radius
    n1, n2 = s.wobble(1, 1.4), s.wobble(2, 0.5)
    upper, lower = smooth(-s.w, 0.10, 0.85), smooth(s.w, 0.45, 0.90)
    wide, deep = 0.24 + 0.52 * upper + 0.36 * lower, 0.17 + 0.42 * upper + 0.50 * lower
    away = np.sqrt((s.u / wide) ** 2 + ((s.v - 0.08 * lower) / deep) ** 2)
    d = np.minimum((1 - away - 0.03 * n1) * deep, (0.97 - np.abs(s.w)) * 2) * np.float32(r)
    d = s.grown(d)
    fibre = b.grain("fibres", 0.10 * r, (1, 1, 12)) + 0.6 * b.grain("fine", 0.05 * r, (1, 1, 9))
    v = 0.58 + 0.045 * fibre
    v = mix(v, 0.34, b.sheets("fascicles", 0.26 * r, 0.012 * r, (1, 1, 9)) * 0.75)
    v = v + 0.09 * (0.25 - b.sheets("bundles", 0.5, 0.06, (1, 1, 8)))
    muscle = 0.47 + 0.045 * b.grain("muscle", 0.09 * r, (1, 1, 5)) + 0.02 * n2
    muscle = mix(muscle, 0.29, b.sheets("perimysium", 0.22 * r, 0.014 * r, (1, 1, 4)) * 0.8)
    v = mix(v, muscle, smooth(upper - 0.5 * away, 0.10, 0.24))
    bone = 0.20 + 0.48 * b.sheets("trabeculae", 0.13 * r, 0.016 * r)
    heel = s.ellipsoid((0, 0.16, 0.94), (0.46, 0.50, 0.30)) + 0.04 * n2
    v = mix(v, bone, b.edge((1 - heel) * np.float32(0.45 * r)))
    v = mix(v, 0.78, b.layer((heel - 1) * np.float32(0.45 * r), 0.030 * r))
    fat = 0.26 + 0.14 * b.sheets("fat", 0.15 * r, 0.010 * r)
    v = mix(v, fat, b.edge(np.float32(0.05 * r) * (0.6 + lower + upper) - d))
    return mix(v, 0.66, b.layer(d - 0.010 * r, 0.016 * r)), d
