"""Synthetic spine CT with exact truth: options and a random generator in, scenes, voxels and truths out.

``draw_scene(options, rng)`` makes a `Scene`: a frozen description of a torso, or a part of one, in LPS mm.
The same options and generator state give the same scene. ``render(scene, grid)`` evaluates it on any grid
(int16 HU, noise-free, deterministic): 1 mm around the spine, 4 mm over the whole torso, an axial series.
``body_mask(scene, grid)`` gives on the same grid 0, or 1 + the index in ``inference.levels.LEVELS`` of the
vertebral body there. ``degrade(voxels, spacing_mm, acquisition, rng)`` adds what a scanner adds
(`draw_acquisition` draws one). ``write_dicom`` writes an axial series, ``demo_study`` one fixed study.

``scene.truths`` run cranial to caudal over every level from C1 to S1, also those outside the bounds or the
grid. Heights are measured on the finished shape, losses by ``inference.heights``; the grade follows from
``raw_loss`` at .20/.25/.40. Only ``inference.levels.GRADED_LEVELS`` carry a meaningful grade, the others
are NORMAL. Grade, shape, look-alikes, bone, soft tissue and bounds are drawn from separate streams. A
collapse has consequences that are anatomy, not a leak: the spine above bends, sclerosis is more frequent.

``scene.bounds_lps_mm`` is ((x0, y0, z0), (x1, y1, z1)) of what a scan of this kind shows,
``scene.spine_bounds_lps_mm`` a box around its levels (None without a spine: HEAD and LEGS);
``grid_over(bounds_lps_mm, spacing_mm)`` makes an axial grid over either. What the shapes derive from, and
under which licences: ``ATTRIBUTION.md`` beside this file.
"""

from training.phantom.degrade import Acquisition, degrade, draw_acquisition
from training.phantom.demo import demo_study, phantom_study
from training.phantom.dicom import SeriesHeader, tilted, write_dicom
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
    "phantom_study",
    "render",
    "tilted",
    "write_dicom",
]
