"""From a statement to a Segmentation (PS3.3 A.51): the bodies of the flagged vertebrae on the source slices.

The bodies are modelled: between the two end plates and the two walls that the six height points give, as wide
as bodies of the level are, round from above. The object says so; it is no voxel-wise segmentation.
"""

from typing import Final

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.color import CIELabColor
from highdicom.seg import Segmentation, SegmentDescription
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from inference.findings import VertebraFinding
from inference.volume import Volume
from listener.results import codes
from listener.results.identity import MANUFACTURER, MODEL_NAME
from listener.results.marks import six
from listener.results.region import width_to_depth
from listener.results.statement import Statement, put_origin
from listener.results.study_context import plain_header
from listener.results.wording import terms

SERIES_NUMBER: Final = 9031
ROUNDNESS: Final = 2.6
"""Exponent of the superellipse that a body is from above: between an ellipse (2) and a box."""
MARGIN_MM: Final = 5.0
COLOUR: Final = CIELabColor(68.0, 30.0, 62.0)


def segmentation(statement: Statement) -> Dataset | None:
    """Return the flagged bodies, one segment each; None without any, or where the source is multi-frame."""
    flagged, volume = statement.outcome.flagged, statement.volume
    if not flagged or volume is None or statement.is_multi_frame:
        return None
    masks = np.stack([body_mask(finding, volume) for finding in flagged], axis=-1)
    touched = np.flatnonzero(masks.any(axis=(1, 2, 3)))
    headers = {str(header.SOPInstanceUID): header for header in statement.context.headers}
    images = [
        plain_header(headers[volume.sources[index].sop_instance_uid], statement.context) for index in touched
    ]
    made: Dataset = Segmentation(
        source_images=images,
        pixel_array=masks[touched].astype(np.uint8),
        segmentation_type="BINARY",
        segment_descriptions=[_segment(statement, n, finding) for n, finding in enumerate(flagged, start=1)],
        series_instance_uid=statement.key.uid("segmentation series"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=statement.key.uid("segmentation"),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL_NAME,
        software_versions=statement.product.version,
        device_serial_number=statement.product.version,
        content_label="FAINTLINE",
        content_description=statement.words.text("short.modelled"),
    )
    made.SeriesDescription = statement.words.text("short.bodies")
    put_origin(made, statement)
    made["PixelData"].VR = "OB"
    made.BodyPartExamined = "SPINE"
    return made


def _segment(statement: Statement, number: int, finding: VertebraFinding) -> SegmentDescription:
    model, words = statement.report.model, statement.words
    at = statement.report.findings.index(finding)
    return SegmentDescription(
        segment_number=number,
        segment_label=terms.name(words, finding),
        segmented_property_category=codes.MORPHOLOGICALLY_ABNORMAL,
        segmented_property_type=codes.COMPRESSION_FRACTURE,
        algorithm_type="AUTOMATIC",
        algorithm_identification=AlgorithmIdentificationSequence(
            words.written(model.name), codes.ARTIFICIAL_INTELLIGENCE, words.written(model.version)
        ),
        tracking_uid=statement.key.uid("tracking", f"vertebra {at}"),
        tracking_id=f"{MANUFACTURER} {finding.name}",
        anatomic_regions=[codes.level_code(finding.level)],
        display_color=COLOUR,
    )


def body_mask(finding: VertebraFinding, volume: Volume) -> NDArray[np.bool_]:
    """Return the modelled body in the volume's own voxels, (slices, rows, columns)."""
    assert finding.assessment is not None
    points = six(finding.assessment.height_points)
    middle = points.mean(axis=(0, 1))
    through = points[2].mean(axis=0) - points[0].mean(axis=0)
    depth = float(np.linalg.norm(through))
    backward = through / depth
    upward = (points[:, 0] - points[:, 1]).mean(axis=0)
    upward = upward - (upward @ backward) * backward
    upward = upward / np.linalg.norm(upward)
    sideward = np.cross(backward, upward)
    reach = depth * max(width_to_depth(finding.level), 1.0) / 2 + MARGIN_MM
    start, index = _around(volume, middle, reach + float(np.ptp(points @ upward)))
    away = volume.to_lps(index.astype(np.float64)) - middle
    deep, high, wide = away @ backward, away @ upward, away @ sideward
    half_depth, half_width = depth / 2, depth * width_to_depth(finding.level) / 2
    inside = np.abs(deep / half_depth) ** ROUNDNESS + np.abs(wide / half_width) ** ROUNDNESS <= 1
    for end, sign in ((0, 1), (1, -1)):
        plate = points[:, end] - middle
        curve = np.polynomial.polynomial.polyfit(plate @ backward, plate @ upward, 2)
        inside &= sign * high <= sign * np.polynomial.polynomial.polyval(deep, curve)
    mask = np.zeros(volume.voxels.shape, dtype=bool)
    stop = start + np.array(inside.shape)
    mask[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = inside
    return mask


def _around(
    volume: Volume, middle_mm: NDArray[np.float64], reach_mm: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The voxels near a point: where their block starts, and their indices (slices, rows, columns, 3)."""
    corners = np.array(np.meshgrid(*[(-reach_mm, reach_mm)] * 3)).reshape(3, 8).T + middle_mm
    ends = volume.to_index(corners)
    size = np.array(volume.voxels.shape)
    start = np.clip(np.floor(ends.min(axis=0)).astype(np.int64), 0, size - 1)
    stop = np.clip(np.ceil(ends.max(axis=0)).astype(np.int64) + 1, start + 1, size)
    axes = [np.arange(a, b) for a, b in zip(start, stop, strict=True)]
    return start, np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
