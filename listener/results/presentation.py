"""From a statement to a Grayscale Softcopy Presentation State (PS3.3 A.33.1): our marks on the source slices.

A viewer can switch them off, which it cannot with a Secondary Capture.
"""

from typing import Final

import numpy as np
from highdicom.content import ModalityLUTTransformation
from highdicom.pr import (
    GraphicAnnotation,
    GraphicLayer,
    GraphicObject,
    GrayscaleSoftcopyPresentationState,
    SoftcopyVOILUTTransformation,
    TextObject,
)  # fmt: skip
from pydicom.dataset import Dataset

from inference.findings import VertebraFinding
from listener.results.identity import MANUFACTURER, MODEL_NAME
from listener.results.region import Region, vertebra_region
from listener.results.statement import Statement, put_origin
from listener.results.study_context import plain_header
from listener.results.wording import captions

SERIES_NUMBER: Final = 9021
BONE_WINDOW: Final = (400.0, 1800.0)
"""Centre and width in HU."""


def presentation_state(statement: Statement) -> Dataset | None:
    """Return the marks of all suspected and possible vertebrae; None where there is nothing to mark.

    There is none for multi-frame sources either: they are marked in the report and the pictures.
    """
    marked = (*statement.outcome.flagged, *statement.outcome.possible)
    if not marked or statement.volume is None or statement.is_multi_frame:
        return None
    layer = GraphicLayer(
        layer_name="FAINTLINE", order=1, description=statement.words.text("short.research_only")
    )
    regions = [vertebra_region(finding, statement.volume) for finding in marked]
    images = {region.source.sop_instance_uid: _image(statement, region) for region in regions}
    annotations = [
        _annotation(statement, finding, region, images[region.source.sop_instance_uid], layer)
        for finding, region in zip(marked, regions, strict=True)
    ]
    centre, width = BONE_WINDOW
    state: Dataset = GrayscaleSoftcopyPresentationState(
        referenced_images=list(images.values()),
        series_instance_uid=statement.key.uid("presentation series"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=statement.key.uid("presentation"),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL_NAME,
        software_versions=statement.product.version,
        device_serial_number=statement.product.version,
        content_label="FAINTLINE",
        content_description=statement.words.text("short.unverified"),
        graphic_annotations=annotations,
        graphic_layers=[layer],
        modality_lut_transformation=_rescale(statement),
        voi_lut_transformations=[SoftcopyVOILUTTransformation(window_center=centre, window_width=width)],
    )
    state.SeriesDescription = statement.words.text("short.marks")
    put_origin(state, statement)
    state.PresentationCreationDate, state.PresentationCreationTime = state.ContentDate, state.ContentTime
    del state.ContentDate, state.ContentTime
    state.BodyPartExamined = "SPINE"
    _keep_proportions(state, next(iter(images.values())))
    return state


def _keep_proportions(state: Dataset, image: Dataset) -> None:
    """Say how large a pixel is (PS3.3 C.10.4): the library takes every one for a square."""
    if image.get("PixelSpacing"):
        for area in state.DisplayedAreaSelectionSequence:
            area.PresentationPixelSpacing = image.PixelSpacing
            del area.PresentationPixelAspectRatio


def _image(statement: Statement, region: Region) -> Dataset:
    context = statement.context
    header = next(h for h in context.headers if h.SOPInstanceUID == region.source.sop_instance_uid)
    return plain_header(header, context)


def _rescale(statement: Statement) -> ModalityLUTTransformation:
    header = statement.context.headers[0]
    return ModalityLUTTransformation(
        rescale_intercept=float(header.get("RescaleIntercept") or 0.0),
        rescale_slope=float(header.get("RescaleSlope") or 1.0),
        rescale_type="HU",
    )


def _annotation(
    statement: Statement, finding: VertebraFinding, region: Region, image: Dataset, layer: GraphicLayer
) -> GraphicAnnotation:
    """The box and, above it, the level."""
    number = statement.report.findings.index(finding)
    uid = statement.key.uid("tracking", f"vertebra {number}")
    box = GraphicObject(
        "POLYLINE", np.asarray(region.polygon), "PIXEL", tracking_id=finding.name, tracking_uid=uid
    )
    left, top = region.polygon.min(axis=0)
    text = TextObject(
        captions.flagged_note(statement.words, finding, statement.report.flag_grade).title
        if finding in statement.outcome.flagged
        else captions.possible_note(statement.words, finding, statement.report.possible_grade).title,
        "PIXEL",
        anchor_point=(float(left), float(top)),
        anchor_point_visible=False,
        tracking_id=finding.name,
        tracking_uid=uid,
    )
    return GraphicAnnotation([image], layer, graphic_objects=[box], text_objects=[text])
