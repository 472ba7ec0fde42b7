"""The paper's table: what a data set lacks is said before anything is trained; the real subjects."""

from pathlib import Path

import pytest
from annotated_spines import write_boxes
from typer.testing import CliRunner

from training.annotated import misplaced
from training.cases import MASK_LABELS, Case, with_validation
from training.cli import app
from training.errors import CaseSetError
from training.imaging import read_ct, read_labels
from training.importers import LAYOUTS, Source
from training.masks import measure_mask
from training.samples import Purpose


def refused(*words: object) -> str:
    """What the table says that it lacks."""
    done = CliRunner().invoke(app, ["table", *map(str, words)])
    assert isinstance(done.exception, CaseSetError), (done.output, done.exception)
    return str(done.exception)


def test_processed_crops_need_the_papers_own_network(tmp_path: Path) -> None:
    write_boxes(tmp_path / "data", {f"{n}": {20: n % 4} for n in range(10)})
    said = refused("wei2022", tmp_path / "data", "--run", tmp_path / "run")
    assert "--recipes wei2022_se_resnet50" in said


def test_a_set_without_a_part_or_a_grade_is_told_what_it_lacks(tmp_path: Path) -> None:
    write_boxes(tmp_path / "data", {"1": {20: 0}, "2": {20: 1}})
    (tmp_path / "data" / "train_file_list.yaml").write_text("- 1_20_0.nii.gz\n- 2_20_1.nii.gz\n")
    words = ["--run", tmp_path / "run", "--recipes", "wei2022_se_resnet50"]
    said = refused("wei2022", tmp_path / "data", *words)
    assert "the training part (2 scans) has none of grade 2, 3" in said
    assert "the test part (0 scans) has no graded vertebra" in said


def test_every_fifth_training_patient_validates_where_no_part_is_named_for_it() -> None:
    cases = [
        Case(f"{n}", f"{n}", (), purpose=Purpose.TEST if n > 19 else Purpose.TRAINING) for n in range(25)
    ]
    split = with_validation(cases)
    counts = {purpose: sum(case.purpose is purpose for case in split) for purpose in Purpose}
    assert counts == {Purpose.TRAINING: 16, Purpose.VALIDATION: 4, Purpose.TEST: 5}
    assert with_validation(split) == split


@pytest.mark.real_data
def test_the_real_subjects_have_their_grades_and_their_part(real_data: Path) -> None:
    grades = real_data / "labels" / "verse19_genant" / "vertebra_data.json"
    gathered = LAYOUTS["verse"].read(Source(real_data / "labelled" / "verse19", grades))
    found = {case.study: {m.level: int(m.grade) for m in case.marks} for case in gathered.cases}
    assert found == {
        "sub-verse005": {"L1": 1, "L2": 1, "L3": 1, "L4": 1, "L5": 0},
        "sub-verse006": {"L4": 0, "L5": 0},
        "sub-verse008": {"T12": 0, "L1": 0, "L2": 2, "L3": 0, "L4": 0, "L5": 0},
    }
    assert {case.purpose for case in gathered.cases} == {Purpose.TRAINING}
    assert {Path(p.where).name[:12] for p in gathered.problems} == {"sub-verse004", "sub-verse009"}
    assert any("150 of 153 graded scans are not in the folder" in note for note in gathered.notes)


@pytest.mark.real_data
def test_a_real_mask_with_two_levels_exchanged_is_a_problem(real_data: Path) -> None:
    folder = real_data / "labelled" / "verse19"
    labels, affine = read_labels(folder / "sub-verse008_seg-vert_msk.nii.gz")
    assert misplaced(measure_mask(labels, affine, MASK_LABELS)) == []
    exchanged = dict(MASK_LABELS) | {20: "L2", 21: "L1"}
    (fault, *_) = misplaced(measure_mask(labels, affine, exchanged))
    assert "out of order" in fault or "mislabelled" in fault
    skipped = dict(MASK_LABELS) | {22: "L5", 23: "L4", 24: "L3"}
    assert misplaced(measure_mask(labels, affine, skipped))
    assert read_ct([folder / "sub-verse008_ct.nii.gz"]).voxels.shape == labels.shape
