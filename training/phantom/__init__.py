"""Synthetic spine CT with exact truth: what goes in is a random generator, what comes out are scenes and voxels.

``draw_scene(options, rng)`` makes a `Scene`: a frozen description of a torso, or a part of one, in LPS mm.
``render(scene, grid)`` evaluates it on any grid (int16 HU, noise-free, deterministic): 1 mm around the spine,
4 mm over the whole torso, or an axial series. ``body_mask(scene, grid)`` gives on the same grid 0, or 1 + the
index in ``inference.levels.LEVELS`` of the vertebral body there. ``degrade(voxels, spacing_mm, acquisition, rng)``
adds what a scanner adds (`draw_acquisition` draws one). ``scene.truths`` run cranial to caudal over every level
in the scene, C1 to S1; those whose centre lies outside the rendered grid are still listed. A truth's
heights are measured on the finished shape; ``grade`` follows from ``raw_loss`` at .20/.25/.40. Only
``inference.levels.GRADED_LEVELS`` carry a meaningful grade; the others are NORMAL.

``scene.bounds_lps_mm`` is ((x0, y0, z0), (x1, y1, z1)) of the whole scene, ``scene.spine_bounds_lps_mm`` that of
the vertebrae with a margin (None without a spine); `grid_over(bounds_lps_mm, spacing_mm)` makes an axial grid.
"""

from training.phantom.degrade import Acquisition, degrade, draw_acquisition
from training.phantom.demo import demo_study
from training.phantom.dicom import SeriesHeader, write_dicom
from training.phantom.paint import body_mask, grid_over, render
from training.phantom.scene import Scene, SceneKind, SceneOptions, draw_scene
from training.phantom.truth import VertebraTruth

__all__ = [
    "Acquisition",
    "Scene",
    "SceneKind",
    "SceneOptions",
    "SeriesHeader",
    "VertebraTruth",
    "body_mask",
    "degrade",
    "demo_study",
    "draw_acquisition",
    "draw_scene",
    "grid_over",
    "render",
    "write_dicom",
]
