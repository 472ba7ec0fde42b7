"""Closed triangle meshes in (OBJ), filled voxel masks out."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def read_obj(path: Path) -> tuple[Array, NDArray[np.int64]]:
    """Vertices (n, 3) in the file's unit and triangles (m, 3) of a Wavefront OBJ file."""
    vertices, faces = [], []
    for line in path.read_text().splitlines():
        if line.startswith("v "):
            vertices.append([float(word) for word in line.split()[1:4]])
        elif line.startswith("f "):
            faces.append([int(word.split("/")[0]) - 1 for word in line.split()[1:4]])
    return np.array(vertices), np.array(faces)


def voxelise(
    vertices: Array, faces: NDArray[np.int64], low: Array, step: float, shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Fill a closed mesh by parity along z; ``shape`` counts voxels along x, y, z, the mask is (z, y, x)."""
    # A tiny shift keeps the rays off vertices and edges.
    points = (vertices - low) / step + np.array([1.3e-4, 2.7e-4, 0.0])
    crossings = np.zeros((shape[1], shape[0], shape[2] + 1), np.int32)
    for a, b, c in points[faces]:
        area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        if area == 0:
            continue
        x = np.arange(np.ceil(min(a[0], b[0], c[0])), np.floor(max(a[0], b[0], c[0])) + 1)
        y = np.arange(np.ceil(min(a[1], b[1], c[1])), np.floor(max(a[1], b[1], c[1])) + 1)
        if not len(x) or not len(y):
            continue
        u = ((x[None] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (y[:, None] - a[1])) / area
        v = ((b[0] - a[0]) * (y[:, None] - a[1]) - (x[None] - a[0]) * (b[1] - a[1])) / area
        hit_y, hit_x = np.nonzero((u >= 0) & (v >= 0) & (u + v <= 1))
        if len(hit_y):
            z = a[2] + u[hit_y, hit_x] * (b[2] - a[2]) + v[hit_y, hit_x] * (c[2] - a[2])
            level = np.clip(np.ceil(z), 0, shape[2]).astype(int)
            np.add.at(crossings, (y[hit_y].astype(int), x[hit_x].astype(int), level), 1)
    inside = np.cumsum(crossings, axis=2)[:, :, : shape[2]] % 2 == 1
    return np.asarray(inside.transpose(2, 0, 1))
