"""VerSe's layouts and grade lists are read, and what is wrong is named with file and line."""

import json
from pathlib import Path

import openpyxl
import pytest
from annotated_spines import write_pair

from training.importers import LAYOUTS, Source
from training.importers.grades import read_grades
from training.samples import Purpose

READ = LAYOUTS["verse"].read


def test_the_bids_like_layout_is_read_with_its_split(tmp_path: Path) -> None:
    root = tmp_path / "dataset-verse19validation"
    write_pair(root / "rawdata/sub-verse020", "sub-verse020_ct.nii.gz", None)
    write_pair(tmp_path, "x.nii.gz", "sub-verse020_seg-vert_msk.nii.gz")
    (tmp_path / "x.nii.gz").unlink()
    target = root / "derivatives/sub-verse020/sub-verse020_seg-vert_msk.nii.gz"
    target.parent.mkdir(parents=True)
    (tmp_path / "sub-verse020_seg-vert_msk.nii.gz").rename(target)
    gathered = READ(Source(tmp_path))
    (case,) = gathered.cases
    assert (case.study, case.patient, case.purpose) == ("sub-verse020", "sub-verse020", Purpose.VALIDATION)
    assert case.mask == target
    assert not gathered.problems


def test_the_flat_layout_and_split_series_of_one_patient_are_read(tmp_path: Path) -> None:
    for name in ("GL003", "sub-verse409_split-verse266", "sub-verse409_split-verse267"):
        write_pair(tmp_path, f"{name}.nii.gz", f"{name}_seg.nii.gz")
    gathered = READ(Source(tmp_path))
    assert sorted(case.patient for case in gathered.cases) == ["GL003", "sub-verse409", "sub-verse409"]


def test_a_missing_partner_is_a_problem_of_its_file(tmp_path: Path) -> None:
    write_pair(tmp_path, "sub-verse076_ct.nii.gz", "sub-verse133_seg-vert_msk.nii.gz")
    found = {Path(problem.where).name: problem.what for problem in READ(Source(tmp_path)).problems}
    assert "without its mask" in found["sub-verse076_ct.nii.gz"]
    assert "without its CT" in found["sub-verse133_seg-vert_msk.nii.gz"]


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    (problem,) = READ(Source(tmp_path)).problems
    assert str(tmp_path) in str(problem)


def test_every_form_of_the_grade_list_gives_the_same_marks(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(json.dumps({"train": {"sub-verse004_20": 3, "sub-verse004_21": 0}}))
    (tmp_path / "rows.csv").write_text(
        "patient_id,scan_id,vertebra,genant_grade\n4,sub-verse004,L1,3\n4,sub-verse004,L2,0\n"
    )
    book = openpyxl.Workbook()
    book.active.append(["verse_ID", "subject_ID", "N_Fx", "L1_fx-g", "L2_fx-g", "L3_fx-g"])
    book.active.append([4, 4, 1, 3, 0, None])
    book.save(tmp_path / "sheet.xlsx")
    for name in ("list.json", "rows.csv", "sheet.xlsx"):
        listed = read_grades(tmp_path / name)
        assert not listed.problems, name
        assert [(mark.level, mark.grade) for mark in listed.marks["sub-verse004"]] == [("L1", 3), ("L2", 0)]


def test_a_series_of_another_subject_is_named_as_verse_names_it(tmp_path: Path) -> None:
    (tmp_path / "sheet.csv").write_text("verse_ID,subject_ID,T12_fx-g\n266,409,2\n")
    assert list(read_grades(tmp_path / "sheet.csv").marks) == ["sub-verse409_split-verse266"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("4,sub-verse004,L1,7", "'7' is not 0, 1, 2 or 3"),
        ("4,sub-verse004,X1,1", "no level 'X1'"),
        ("4,sub-verse004,L2,0", "graded twice"),
    ],
)
def test_a_wrong_line_is_named_by_its_number(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"patient_id,scan_id,vertebra,genant_grade\n4,sub-verse004,L2,0\n{line}\n")
    (problem,) = read_grades(path).problems
    assert problem.where == f"{path}:3"
    assert said in problem.what


def test_a_scan_in_two_splits_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text(json.dumps({"train": {"a_20": 1}, "test": {"a_21": 1}}))
    assert any("two splits" in problem.what for problem in read_grades(path).problems)


@pytest.mark.real_data
def test_the_real_list_of_grades_is_read_whole(real_data: Path) -> None:
    listed = read_grades(real_data / "labels/verse19_genant/vertebra_data.json")
    # 1,460 graded vertebrae in 153 scans; those named L6 or T13 have no place in Genant's levels here
    count = sum(len(marks) for marks in listed.marks.values())
    assert not listed.problems
    assert len(listed.purposes) == 153
    assert 1440 <= count <= 1460
