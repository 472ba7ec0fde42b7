"""Which complete studies are screened, and which are left alone by a stated rule."""

from listener.completeness import decide
from listener.study import StudyState

CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
MR = "1.2.840.10008.5.1.4.1.1.4"


def test_ct_is_screened() -> None:
    assert decide({CT})[0] is StudyState.QUEUED
    assert decide({ENHANCED_CT, MR})[0] is StudyState.QUEUED


def test_a_study_without_ct_is_left_alone_and_says_so() -> None:
    assert decide({MR}) == (StudyState.LEFT_ALONE, "holds no CT images")


def test_our_own_results_alone_are_left_alone() -> None:
    assert decide(set()) == (StudyState.LEFT_ALONE, "holds only results of our own")
