"""The other layouts: what they hold becomes cases, what is wrong becomes a problem with file and line."""

import json
import os
import shutil
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from annotated_spines import write_boxes, write_dicom_study, write_pair, write_segmentation
from spine_cases import LEVELS, centre_mm, ct_headers, study_of

from inference.bundle import load_bundle
from inference.findings import Grade
from inference.levels import LEVELS as LEVELS_OF_ALL
from training.annotated import FaultyCaseError
from training.importers import LAYOUTS, Source
from training.preparing import Extras, prepare
from training.recipe import read_recipe
from training.samples import UNGRADED, Purpose
from training.segmentation import read_segmentation


def test_ctspine1k_is_read_with_its_split_and_its_licence(tmp_path: Path) -> None:
    for name in ("liver_1", "liver_2"):
        write_pair(tmp_path / "data", f"{name}.nii.gz", f"{name}_seg.nii.gz")
    (tmp_path / "data_split.txt").write_text("trainset:\nliver_1.nii.gz\ntest_private:\nliver_2.nii.gz\n")
    gathered = LAYOUTS["ctspine1k"].read(Source(tmp_path))
    assert {case.study: case.purpose for case in gathered.cases} == {
        "liver_1": Purpose.TRAINING,
        "liver_2": Purpose.TEST,
    }
    assert "non-commercial" in gathered.licence
    assert not any(case.marks for case in gathered.cases)


def test_an_unknown_part_of_a_split_list_is_named_by_line(tmp_path: Path) -> None:
    write_pair(tmp_path, "a.nii.gz", "a_seg.nii.gz")
    (tmp_path / "data_split.txt").write_text("trainset:\na.nii.gz\nholdout:\n")
    (problem,) = LAYOUTS["ctspine1k"].read(Source(tmp_path)).problems
    assert problem.where.endswith("data_split.txt:3")


def test_the_papers_annotations_are_read(tmp_path: Path) -> None:
    write_pair(tmp_path / "ct", "17.nii.gz", None)
    write_pair(tmp_path, "x.nii.gz", "seg/17.nii.gz")
    (tmp_path / "x.nii.gz").unlink()
    (tmp_path / "annotation.yaml").write_text("17.nii.gz: {'20': '2', '21': '0'}\n")
    (tmp_path / "test_file_list.a.yaml").write_text("- 17_20_2.nii.gz\n")
    gathered = LAYOUTS["wei2022"].read(Source(tmp_path))
    (case,) = gathered.cases
    assert not gathered.problems
    assert [(mark.level, mark.grade) for mark in case.marks] == [("L1", 2), ("L2", 0)]
    assert case.purpose is Purpose.TEST


def test_wrong_grades_and_missing_files_of_the_papers_set_are_problems(tmp_path: Path) -> None:
    write_pair(tmp_path, "17.nii.gz", "17_seg.nii.gz")
    (tmp_path / "annotation.yaml").write_text("17.nii.gz: {'20': '9', 'x': '1'}\n18.nii.gz: {'20': '1'}\n")
    said = " ".join(map(str, LAYOUTS["wei2022"].read(Source(tmp_path)).problems))
    assert "'9' is not" in said
    assert "no vertebra label 'x'" in said
    assert "18.nii.gz: this CT is not in the folder" in said


def test_the_papers_processed_crops_are_read_by_ct_with_their_split(tmp_path: Path) -> None:
    write_boxes(tmp_path, {"7": {20: 2, 21: 0}, "scan_8": {22: 1}})
    (tmp_path / "train_file_list.a.yaml").write_text("- 7_20_2.nii.gz\n- 7_21_0.nii.gz\n")
    (tmp_path / "test_file_list.a.yaml").write_text("{scan_8_22_1.nii.gz: 1}\n")
    gathered = LAYOUTS["wei2022"].read(Source(tmp_path))
    assert not gathered.problems
    assert any("lost their scale" in note for note in gathered.notes)
    found = {
        case.study: (case.purpose, [(b.label, b.grade) for b in case.box_files]) for case in gathered.cases
    }
    assert found == {
        "7": (Purpose.TRAINING, [(20, 2), (21, 0)]),
        "scan_8": (Purpose.TEST, [(22, 1)]),
    }


def test_what_is_wrong_with_processed_crops_names_the_file(tmp_path: Path) -> None:
    write_boxes(tmp_path, {"7": {20: 2}})
    for name in ("7_20_4", "7_99_1", "plain"):
        (tmp_path / "img" / f"{name}.nii.gz").write_bytes(b"")
    shutil.copy(tmp_path / "img" / "7_20_2.nii.gz", tmp_path / "img" / "7_21_1.nii.gz")
    said = {Path(p.where).name: p.what for p in LAYOUTS["wei2022"].read(Source(tmp_path)).problems}
    assert "'4'" in said["7_20_4.nii.gz"]
    assert "IMAGE_LABEL_GRADE" in said["7_99_1.nii.gz"]
    assert "IMAGE_LABEL_GRADE" in said["plain.nii.gz"]
    assert "no mask" in said["7_21_1.nii.gz"]


def test_totalsegmentators_numbering_is_not_taken_for_verses(tmp_path: Path) -> None:
    write_pair(tmp_path / "s1", "ct.nii.gz", "seg.nii.gz")
    path = tmp_path / "s1" / "seg.nii.gz"
    image = sitk.ReadImage(str(path))
    numbered = sitk.ChangeLabel(sitk.Cast(image, sitk.sitkUInt8), {19: 32, 20: 31, 21: 30, 22: 29})
    sitk.WriteImage(numbered, str(path))
    (case,) = LAYOUTS["totalsegmentator"].read(Source(tmp_path)).cases
    prepared = prepare(case, read_recipe().grader, load_bundle(), Extras(2), np.random.default_rng(0))
    assert prepared.torso is not None
    assert [LEVELS_OF_ALL[level] for level in prepared.torso.levels] == ["T12", "L1", "L2", "L3"]
    assert set(prepared.virtual[0].grade) > {UNGRADED}


@pytest.mark.real_data
def test_a_real_mask_of_another_size_than_its_ct_is_refused(real_data: Path) -> None:
    (case,) = LAYOUTS["totalsegmentator"].read(Source(real_data / "labelled/totalsegmentator_example")).cases
    with pytest.raises(FaultyCaseError, match="30 × 101 × 122 voxels, its CT has 112"):
        prepare(case, read_recipe().grader, load_bundle(), Extras(), np.random.default_rng(0))


HEADER = "study,series,level,grade,x,y,z\n"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A DICOM study of the spine, and the UIDs of study and series."""
    folder = tmp_path_factory.mktemp("dicom")
    return folder, *write_dicom_study(folder, "a")


@pytest.fixture
def dicom(written: tuple[Path, str, str], tmp_path: Path) -> tuple[str, str]:
    """The study as `dicom` in the test's own folder; the UIDs of study and series."""
    shutil.copytree(written[0], tmp_path / "dicom", copy_function=os.link)
    return written[1:]


def test_dicom_with_a_csv_is_read(tmp_path: Path, dicom: tuple[str, str]) -> None:
    study, series = dicom
    rows = f"{study},{series},l1,2,1,2,3\n{study},{series},T12,0,,,\n"
    (tmp_path / "marks.csv").write_text(HEADER + rows)
    gathered = LAYOUTS["dicom"].read(Source(tmp_path))
    (case,) = gathered.cases
    assert not gathered.problems
    assert (case.study, case.series_instance_uid) == (study, series)
    assert [(mark.level, mark.centre_lps_mm) for mark in case.marks] == [
        ("L1", (1.0, 2.0, 3.0)),
        ("T12", None),
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{study},,L1,4,,,", "'4' is not 0, 1, 2 or 3"),
        ("{study},,L9,1,,,", "no level 'L9'"),
        ("{study},9.9,L1,1,,,", "no CT series 9.9"),
        ("1.2.3,,L1,1,,,", "no CT of study 1.2.3"),
        (",,L1,1,,,", "names no study"),
        ("{study},,L1,1,1,2,", "not three numbers"),
        ("{study},,L2,1,,,", "graded twice"),
    ],
)
def test_a_wrong_row_of_the_csv_is_named_by_its_line(
    tmp_path: Path, dicom: tuple[str, str], row: str, said: str
) -> None:
    study, _ = dicom
    path = tmp_path / "marks.csv"
    path.write_text(f"{HEADER}{study},,L2,0,,,\n{row.format(study=study)}\n")
    (problem,) = LAYOUTS["dicom"].read(Source(tmp_path)).problems
    assert problem.where == f"{path}:3"
    assert said in problem.what


@pytest.mark.usefixtures("dicom")
def test_a_csv_without_its_columns_says_which_are_missing(tmp_path: Path) -> None:
    (tmp_path / "marks.csv").write_text("study,level\n1,2\n")
    (problem,) = LAYOUTS["dicom"].read(Source(tmp_path)).problems
    assert "series, grade" in problem.what


@pytest.mark.usefixtures("dicom")
def test_a_dicom_segmentation_is_found_and_read_by_the_names_of_its_segments(tmp_path: Path) -> None:
    path = write_segmentation(tmp_path / "dicom")
    (case,) = LAYOUTS["dicom"].read(Source(tmp_path)).cases
    assert case.mask == path
    labels, affine, numbering = read_segmentation(path)
    assert set(numbering.values()) == {"T12", "L1", "L2", "L3"}
    assert set(np.unique(labels)) == {0, *numbering}
    assert abs(np.linalg.det(affine[:3, :3])) == pytest.approx(1.0, abs=1e-6)


def verdict(**changes: Any) -> str:
    """One line as `faintline verdicts` writes it."""
    values = {
        "form": 1, "study_instance_uid": "", "series_instance_uid": "", "level": "L1",
        "centre_lps_mm": [1.0, 2.0, 3.0], "grade": 2, "fractured": True, "found_level": "L1",
        "found_grade": 1,
        "tracking_uid": "2.25.1", "reader_role": "radiologist", "source": "web page", "source_uid": "",
        "decided_at": "2026-01-01T10:00:00+01:00",
    }  # fmt: skip
    return json.dumps(values | changes)


def test_the_latest_verdict_on_a_vertebra_counts(tmp_path: Path, dicom: tuple[str, str]) -> None:
    study, series = dicom
    own = {"study_instance_uid": study, "series_instance_uid": series}
    path = tmp_path / "verdicts.jsonl"
    path.write_text(
        "\n".join(
            [
                verdict(**own, decided_at="2026-01-02T10:00:00+00:00", grade=3),
                verdict(**own, decided_at="2026-01-01T10:00:00+00:00", grade=0),
                verdict(**own, tracking_uid="2.25.2", level=None, grade=None),
                verdict(**own, form=2, decided_at="2026-01-03T10:00:00+00:00", grade=None, fractured=None),
            ]
        )
    )
    gathered = LAYOUTS["verdicts"].read(Source(path, images=tmp_path / "dicom"))
    (case,) = gathered.cases
    assert [(mark.level, mark.grade) for mark in case.marks] == [("L1", Grade.SEVERE)]
    assert any("without a grade" in note for note in gathered.notes)
    assert any("without a word" in note for note in gathered.notes)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "no JSON object"),
        (verdict(form=3), "form 3"),
        (verdict(level="X"), "no level 'X'"),
        (verdict(grade=5), "5 is not"),
        (verdict(centre_lps_mm=[1, 2]), "not three numbers"),
        (verdict(decided_at="yesterday"), "no time"),
        (json.dumps({"form": 1}), "lacks"),
    ],
)
def test_a_wrong_verdict_is_named_by_its_line(
    tmp_path: Path, dicom: tuple[str, str], line: str, said: str
) -> None:
    study, series = dicom
    path = tmp_path / "verdicts.jsonl"
    for key, uid in (("study_instance_uid", study), ("series_instance_uid", series)):
        line = line.replace(f'"{key}": ""', f'"{key}": "{uid}"')
    path.write_text(f"\n{line}\n")
    (problem,) = LAYOUTS["verdicts"].read(Source(path, images=tmp_path / "dicom")).problems
    assert problem.where == f"{path}:2"
    assert said in problem.what


def _write_report(folder: Path, flag: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    document = deepcopy(study_of("three flagged").document())
    document.VerificationFlag = flag
    document.save_as(folder / "report.dcm", enforce_file_format=True)
    for number, header in enumerate(ct_headers()):
        header.ensure_file_meta()
        header.file_meta.TransferSyntaxUID = document.file_meta.TransferSyntaxUID
        header.save_as(folder / f"{number}.dcm", enforce_file_format=True)


def test_a_verified_report_gives_the_grades_levels_and_places_it_names(tmp_path: Path) -> None:
    _write_report(tmp_path, "VERIFIED")
    gathered = LAYOUTS["reports"].read(Source(tmp_path))
    (case,) = gathered.cases
    assert not gathered.problems
    assert {mark.level: int(mark.grade) for mark in case.marks} == {"T12": 2, "L1": 3, "L2": 1, "L3": 2}
    by_level = {mark.level: mark.centre_lps_mm for mark in case.marks}
    for level, place in by_level.items():
        assert place is not None
        assert np.linalg.norm(np.subtract(place, centre_mm(LEVELS.index(str(level))))) < 5


def test_an_unverified_report_is_left_out_and_counted(tmp_path: Path) -> None:
    _write_report(tmp_path, "UNVERIFIED")
    gathered = LAYOUTS["reports"].read(Source(tmp_path))
    assert not gathered.cases
    assert any("unverified" in note for note in gathered.notes)
    assert gathered.problems
