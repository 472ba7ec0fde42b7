"""What a radiologist reads."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spine_cases import GERMAN, Study, study_of, vertebra

from inference.findings import Grade
from inference.levels import LEVELS
from listener.results.language import ENGLISH
from listener.results.outcome import Answer, outcome_of
from listener.results.wording import captions, sentences, terms

WORDS = ENGLISH.words


def test_levels_are_told_in_runs() -> None:
    findings = [vertebra(i) for i in (0, 1, 3)]
    assert terms.level_list(WORDS, findings) == "T11-T12, L2"


@given(st.floats(0, 1))
def test_a_certainty_is_never_told_as_none_or_all(share: float) -> None:
    assert terms.certainty(WORDS, share) not in ("0%", "100%")


@settings(deadline=None)
@given(st.text())
def test_foreign_text_becomes_one_line_of_ascii(text: str) -> None:
    told = WORDS.written(text)
    assert told.isascii() and "\n" not in told


@pytest.mark.parametrize(
    ("kind", "headline"),
    [
        ("one flagged", "1 suspected vertebral fracture"),
        ("three flagged", "3 suspected vertebral fractures"),
        ("possible", "Possible mild deformity only"),
        ("negative", "No vertebral fracture detected"),
        ("negative, partial", "No fracture in the levels assessed"),
        ("not analysed", "NOT ANALYSED"),
    ],
)
def test_the_headline_is_the_answer(kind: str, headline: str) -> None:
    assert captions.headline(WORDS, outcome_of(study_of(kind).report)) == headline


def test_unnumbered_vertebrae_are_counted_in_words_and_not_told_to_be_uncertain() -> None:
    unnumbered = [replace(vertebra(i), level=None, level_confidence=0.2) for i in range(3)]
    assert terms.counted(WORDS, unnumbered) == "3 unnumbered vertebrae"
    assert terms.counted(WORDS, [vertebra(0), *unnumbered[:1]]) == "2 levels T11, 1 unnumbered vertebra"
    assert "uncertain" not in terms.certain(WORDS, unnumbered[0], Grade.MODERATE)
    assert "level uncertain" in terms.certain(WORDS, replace(vertebra(0), level_confidence=0.7), Grade.MILD)


def test_a_finding_more_likely_wrong_than_right_says_so() -> None:
    assessment = vertebra(0, Grade.MODERATE).assessment
    assert assessment is not None
    finding = replace(vertebra(0), assessment=replace(assessment, probability_moderate=0.41))
    assert sentences.flagged_sentence(WORDS, finding, Grade.MODERATE).endswith("certainty only 41%")


def test_a_note_that_is_a_sentence_gets_no_second_full_stop() -> None:
    note = "No vertebra was found in the 96 mm of the scan above T11."
    assert terms.sentence(WORDS, note) == note
    assert terms.sentence(GERMAN.words, note).startswith("In den 96 mm")


def test_an_answer_always_states_the_levels_or_the_reason(any_study: Study) -> None:
    outcome = outcome_of(any_study.report)
    told = sentences.coverage_sentence(WORDS, outcome)
    if outcome.answer is Answer.NOT_ANALYSED:
        assert "7.5 mm" in told and "detected" not in told
    else:
        assert f"{len(outcome.assessed)} level" in told
        assert any(level in told for level in LEVELS)
