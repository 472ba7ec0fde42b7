"""A case set is whole, split by patient, and says what was done to it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.cases import Case, split_by_patient
from training.casesets import CaseSet, SetWriter, faults_of, load_set_crops, load_set_torsos, read_set
from training.errors import CaseSetError
from training.samples import UNGRADED, Purpose
from training.sources import open_sources


def test_the_imported_set_holds_what_was_annotated(case_set: CaseSet) -> None:
    assert [len(case_set.of(purpose)) for purpose in Purpose] == [3, 2, 2]
    assert [dict(case_set.counts(purpose)) for purpose in (Purpose.TRAINING, Purpose.TEST)] == [
        {0: 9, 1: 1, 2: 1, 3: 1}, {0: 6, 3: 1, 1: 1},
    ]  # fmt: skip
    loaded = load_set_crops(case_set, Purpose.TEST)
    assert loaded is not None
    crops, patient = loaded
    assert set(crops.grade) <= {0, 1, 2, 3}
    assert len(set(patient)) == 2
    worst = crops.grade >= 1
    assert (crops.raw_loss[worst] > 0.2).all()
    assert (crops.raw_loss[~worst] < 0.05).all()
    assert np.isfinite(crops.points).all()


def test_virtual_spines_and_torsos_come_with_it(case_set: CaseSet) -> None:
    loaded = load_set_crops(case_set, Purpose.TRAINING, "virtual")
    assert loaded is not None
    assert (loaded[0].grade[loaded[0].raw_loss >= 0.4] == 3).all()
    for torso in load_set_torsos(case_set, Purpose.TRAINING):
        assert torso.levels.tolist() == [18, 19, 20, 21]
        for centre, level in zip(torso.centres, torso.levels, strict=True):
            assert torso.body[tuple(np.round(centre).astype(int))] == level + 1


def test_a_file_that_was_changed_or_lost_is_named(case_set: CaseSet, tmp_path: Path) -> None:
    copy = tmp_path / "set"
    shutil.copytree(case_set.folder, copy)
    changed, lost = sorted(copy.glob("crops/*/*.safetensors"))[:2]
    changed.write_bytes(changed.read_bytes()[:-1] + b"x")
    lost.unlink()
    said = {problem.where: problem.what for problem in faults_of([read_set(copy)])}
    assert "changed" in said[str(changed)]
    assert "missing" in said[str(lost)]


def test_a_patient_in_two_splits_of_two_sets_is_a_problem(case_set: CaseSet) -> None:
    other = replace(
        case_set,
        studies=tuple(replace(study, purpose="test", files={}) for study in case_set.of(Purpose.TRAINING)),
    )
    problems = faults_of([case_set, other])
    assert problems
    assert all("test and training" in problem.what for problem in problems)


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", "damaged"), ('{"form": 9}', "form 9"), ('{"form": 1, "studies": []}', "incomplete")],
)
def test_a_damaged_list_says_what_to_do(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "set.json").write_text(content)
    with pytest.raises(CaseSetError, match=said) as raised:
        read_set(tmp_path)
    assert "import" in str(raised.value)


def test_a_folder_that_is_no_set_and_a_set_without_samples_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CaseSetError, match="no case set"):
        read_set(tmp_path)
    writer = SetWriter(tmp_path / "new", "data", "licence")
    with pytest.raises(CaseSetError, match="no vertebra"):
        writer.finish()
    assert list(tmp_path.iterdir()) == []


def test_an_existing_set_is_never_written_over(case_set: CaseSet) -> None:
    with pytest.raises(CaseSetError, match="exists already"):
        SetWriter(case_set.folder, "data", "licence")


def test_patients_without_a_split_are_spread_by_their_worst_grade_and_never_torn() -> None:
    cases = [Case(f"study {n}", f"patient {n // 2}", ()) for n in range(40)]
    split, problems = split_by_patient(cases)
    assert not problems
    purposes = {case.study: case.purpose for case in split}
    assert all(purposes[f"study {n}"] == purposes[f"study {n + 1}"] for n in range(0, 40, 2))
    assert {purpose: list(purposes.values()).count(purpose) for purpose in Purpose} == {
        Purpose.TRAINING: 24, Purpose.VALIDATION: 8, Purpose.TEST: 8,
    }  # fmt: skip


def test_a_patient_whom_the_data_set_puts_into_two_splits_is_a_problem() -> None:
    cases = [Case("a", "p", (), purpose=Purpose.TRAINING), Case("b", "p", (), purpose=Purpose.TEST)]
    _, (problem,) = split_by_patient(cases)
    assert "two splits" in problem.what


def test_without_a_grade_to_learn_from_training_says_which(case_set: CaseSet, tmp_path: Path) -> None:
    normal = replace(case_set, studies=case_set.studies[:1])
    with pytest.raises(CaseSetError, match="no training vertebra of grade 2, 3"):
        replace(open_sources(tmp_path, [case_set.folder]), sets=(_without_virtual(normal),)).training_crops(0)


def _without_virtual(one: CaseSet) -> CaseSet:
    kept = [
        replace(s, files={name: digest for name, digest in s.files.items() if name.startswith("crops")})
        for s in one.studies
    ]
    return replace(one, studies=tuple(kept))


def test_no_patient_name_or_path_of_the_source_is_in_the_list(case_set: CaseSet, annotated: Path) -> None:
    text = (case_set.folder / "set.json").read_text()
    assert str(annotated) not in text
    assert json.loads(text)["studies"][0]["patient"] != "sub-verse011"
    assert UNGRADED not in json.loads(text)["studies"][0]["grades"].values()
