"""The objects that only some destinations ask for: when there are any, what is in them, who accepts them."""

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from highdicom.seg import segread
from peers import validators
from pydicom.dataset import Dataset
from spine_cases import CREATED_AT, study_of

from listener.results.build import build_results
from listener.results.identity import Product
from listener.results.kinds import USUAL, ResultKind
from listener.results.region import vertebra_region
from listener.results.segmentation import body_mask

OPTIONAL = frozenset(ResultKind) - USUAL - {ResultKind.PLAIN_REPORT}


def made(kind: str) -> dict[str, Dataset]:
    return {result.name: result.dataset for result in study_of(kind).results(frozenset(ResultKind))}


def written(study: str, name: str, folder: Path) -> Path:
    path = folder / f"{name}.dcm"
    made(study)[name].save_as(path, enforce_file_format=True)
    return path


def test_none_of_them_is_made_unless_a_destination_asks() -> None:
    assert {"presentation", "segmentation", "key-objects", "pdf"} == OPTIONAL
    assert not {result.kind for result in study_of("three flagged").results()} & OPTIONAL


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("three flagged", {"presentation", "segmentation", "key-objects", "pdf"}),
        ("possible", {"presentation", "pdf"}),
        ("negative", {"pdf"}),
        ("not analysed", {"pdf"}),
        ("multi-frame", {"key-objects", "pdf"}),
    ],
)
def test_each_is_made_only_where_there_is_something_to_show_in_it(kind: str, expected: set[str]) -> None:
    assert set(made(kind)) & OPTIONAL == expected


@pytest.mark.peers
@pytest.mark.parametrize("kind", ["three flagged", "possible", "negative", "not analysed", "multi-frame"])
def test_dciodvfy_finds_no_fault(kind: str, tmp_path: Path) -> None:
    for name in set(made(kind)) & OPTIONAL:
        assert validators.dciodvfy(written(kind, name, tmp_path)) == [], name


def test_they_belong_to_the_patient_and_each_has_a_series_of_its_own() -> None:
    objects = made("three flagged")
    assert {str(each.PatientName) for each in objects.values()} == {"Doe^Jane"}
    series = {name: each.SeriesInstanceUID for name, each in objects.items() if name in OPTIONAL}
    assert len(set(series.values())) == len(series)


def test_the_marks_lie_where_the_report_s_regions_lie() -> None:
    case = study_of("one flagged")
    assert case.volume is not None
    region = vertebra_region(case.report.flagged[0], case.volume)
    (annotation,) = made("one flagged")["presentation"].GraphicAnnotationSequence
    (box,) = annotation.GraphicObjectSequence
    assert np.allclose(np.reshape(box.GraphicData, (5, 2)), region.polygon)
    (image,) = annotation.ReferencedImageSequence
    assert image.ReferencedSOPInstanceUID == region.source.sop_instance_uid
    assert annotation.TextObjectSequence[0].UnformattedTextValue.startswith("T12  suspected fracture")


def test_the_marked_slices_keep_their_proportions() -> None:
    case = study_of("one flagged")
    headers = tuple(deepcopy(header) for header in case.headers)
    for header in headers:
        header.PixelSpacing = [1.0, 2.0]
    state, *_ = build_results(
        case.report, case.volume, headers, CREATED_AT, Product("1.2.3"), frozenset({ResultKind.PRESENTATION})
    )
    (area,) = state.dataset.DisplayedAreaSelectionSequence
    assert area.PresentationPixelSpacing == [1.0, 2.0] and "PresentationPixelAspectRatio" not in area


def test_a_segmented_body_covers_the_body_and_little_else() -> None:
    case = study_of("one flagged")
    assert case.volume is not None
    mask = body_mask(case.report.flagged[0], case.volume)
    body = np.zeros_like(mask)
    slices = np.flatnonzero(mask.any(axis=(1, 2)))
    body[slices[0] : slices[-1] + 1] = case.volume.voxels[slices[0] : slices[-1] + 1] == 400
    assert 2 * (mask & body).sum() / (mask.sum() + body.sum()) > 0.85, "Dice coefficient with the cylinder"


def test_the_segmentation_reads_back_with_a_segment_for_each_flagged_vertebra(tmp_path: Path) -> None:
    seg = segread(written("three flagged", "segmentation", tmp_path))
    assert [seg.get_segment_description(n).segment_label for n in seg.segment_numbers] == ["T12", "L1", "L3"]
    assert seg.ContentDescription.startswith("Modelled")


def test_the_document_is_a_pdf_and_the_same_result_gives_the_same_bytes() -> None:
    case = study_of("three flagged")
    again = build_results(
        case.report, case.volume, case.headers, CREATED_AT, Product("1.2.3"), frozenset({ResultKind.PDF})
    )
    document = made("three flagged")["pdf"]
    assert document.EncapsulatedDocument.startswith(b"%PDF-")
    assert [each.kind for each in again] == [ResultKind.PDF]
    assert again[0].dataset.EncapsulatedDocument == document.EncapsulatedDocument


def test_key_objects_are_our_pictures_and_the_slices_of_the_findings() -> None:
    objects = made("three flagged")
    (study,) = objects["key-objects"].CurrentRequestedProcedureEvidenceSequence
    chosen = {
        item.ReferencedSOPInstanceUID
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }
    pictures = {each.SOPInstanceUID for each in objects.values() if each.get("SeriesNumber") == 9011}
    assert len(pictures) == 5 and pictures < chosen and len(chosen) == 5 + 3
