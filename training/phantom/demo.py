"""A folder in; one fixed phantom study written there as DICOM, and its truths, out."""

from pathlib import Path

import numpy as np

from training.phantom.degrade import Acquisition, degrade, draw_acquisition
from training.phantom.dicom import SeriesHeader, tilted, write_dicom
from training.phantom.paint import grid_over, render
from training.phantom.scene import Scene, SceneKind, SceneOptions, draw_scene
from training.phantom.truth import VertebraTruth

SEED = 20416
"""A spine with little scoliosis, and with a wedge, a crush and a biconcave deformity."""
FRACTURES = (("T12", 0.47), ("L2", 0.34), ("L4", 0.225))
"""One severe, one moderate, one mild; everything else is normal."""
SPACING_MM = (2.0, 0.98, 0.98)
TILTED_SHARE = 0.15
"""How many of the drawn studies have a tilted gantry."""
SIDE = 256
"""Rows and columns."""
ACQUISITION = Acquisition(2.5, 0.55, 0.15, 14.0, 0.8, ringing=False, circle=False, streaks=False)


def demo_scene() -> Scene:
    """The thoracolumbar spine that the demo shows."""
    options = SceneOptions(
        SceneKind.TORSO, ("T8", "S1"), fracture_share=0.0, look_alike_share=0.0, wanted_loss=FRACTURES
    )
    return draw_scene(options, np.random.default_rng(SEED))


def demo_study(folder: Path) -> tuple[VertebraTruth, ...]:
    """Write the study (about 160 axial slices of 256 x 256), return the truths of T8 to S1.

    Always the same pixels and UIDs. Needs neither torch nor any data but what the package holds.
    """
    header = SeriesHeader("demo", description="Thoracolumbar phantom 2.0 mm")
    return _write(folder, demo_scene(), (SPACING_MM, 0.0), ACQUISITION, header, SEED)


def phantom_study(folder: Path, seed: int) -> tuple[VertebraTruth, ...]:
    """Write a drawn study, T8 to S1: the anatomy, fractures, look-alikes and scanner that ``seed`` gives."""
    rng = np.random.default_rng((SEED, seed))
    scene = draw_scene(SceneOptions(SceneKind.TORSO, ("T8", "S1"), fracture_share=0.25), rng)
    acquisition = draw_acquisition(rng)
    tilt = float(rng.uniform(-20, 20)) if rng.random() < TILTED_SHARE else 0.0
    spacing = (max(1.0, min(acquisition.thickness_mm, 5.0)), *SPACING_MM[1:])
    header = SeriesHeader(
        f"drawn {seed}",
        patient_id=f"FAINTLINE-PHANTOM-{seed}",
        description=f"Drawn phantom {seed}, {spacing[0]:g} mm"
        + (f", gantry {tilt:.0f} degrees" if tilt else ""),
        thickness_mm=acquisition.thickness_mm,
    )
    return _write(folder, scene, (spacing, tilt), acquisition, header, seed)


def _write(
    folder: Path, scene: Scene, sampling: tuple[tuple[float, float, float], float], acquisition: Acquisition,
    header: SeriesHeader, seed: int,
) -> tuple[VertebraTruth, ...]:  # fmt: skip
    """Render T8 to S1 of a scene on a field of view around the spine, write it, return the truths.

    ``sampling`` is the spacing in mm along slice, row and column, and the gantry's tilt in degrees.
    """
    spacing_mm, tilt = sampling
    shown = [truth for truth in scene.truths if truth.level in SHOWN]
    top, bottom = shown[0].centre_lps_mm, shown[-1].centre_lps_mm
    half = SPACING_MM[1] * SIDE / 2
    x = (top[0] + bottom[0]) / 2
    front = max(truth.centre_lps_mm[1] for truth in shown) + 90 - 2 * half
    bounds = ((x - half, front, bottom[2] - 32), (x + half, front + 2 * half, top[2] + 26))
    grid = tilted(grid_over(bounds, spacing_mm), tilt)
    voxels = degrade(render(scene, grid), spacing_mm, acquisition, np.random.default_rng(seed))
    write_dicom(folder, voxels, grid, header)
    return tuple(shown)


SHOWN = ("T8", "T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5", "S1")
