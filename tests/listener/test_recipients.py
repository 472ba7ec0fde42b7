"""Who gets what: profiles and filters of destinations."""

import pytest
from spine_cases import study_of

from listener.recipients import kinds_for, kinds_to_make, recipients, wants
from listener.results.kinds import USUAL, ResultKind
from listener.settings import Destination


def destination(name: str, **settings: object) -> Destination:
    return Destination.model_validate(
        {"name": name, "ae_title": "PACS", "host": "127.0.0.1", "port": 104, **settings}
    )


ALL = destination("all")
POSITIVE = destination("positive", studies="flagged")
PICTURES = destination("pictures", objects=["overview", "close-ups"], studies="findings")
OLD = destination("old", objects=["report"], report_class="comprehensive")


def test_a_destination_gets_the_usual_objects_unless_it_names_others() -> None:
    assert kinds_for(ALL) == USUAL
    assert kinds_for(PICTURES) == {ResultKind.OVERVIEW, ResultKind.CLOSE_UPS}
    assert kinds_for(OLD) == {ResultKind.PLAIN_REPORT}


def test_what_anybody_wants_is_made_and_without_destinations_the_usual() -> None:
    assert kinds_to_make([PICTURES, OLD]) == kinds_for(PICTURES) | kinds_for(OLD)
    assert kinds_to_make([]) == USUAL


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("three flagged", {"all", "positive", "pictures"}),
        ("possible", {"all", "pictures"}),
        ("negative", {"all"}),
        ("not analysed", {"all"}),
    ],
)
def test_a_filter_holds_back_what_the_destination_does_not_want(kind: str, wanted: set[str]) -> None:
    report = study_of(kind).report
    assert {each.name for each in (ALL, POSITIVE, PICTURES) if wants(each, report)} == wanted
    getting = recipients(ResultKind.OVERVIEW, report, (ALL, POSITIVE, PICTURES), ())
    assert set(getting) == wanted


def test_whoever_has_a_positive_result_gets_the_negative_one_that_supersedes_it() -> None:
    report = study_of("negative").report
    assert recipients(ResultKind.REPORT, report, (POSITIVE,), ()) == ()
    assert recipients(ResultKind.REPORT, report, (POSITIVE,), {"positive"}) == ("positive",)
    assert recipients(ResultKind.PDF, report, (POSITIVE,), {"positive"}) == ()


def test_every_object_of_the_settings_is_a_kind_of_result() -> None:
    (schema,) = [Destination.model_json_schema()["properties"]["objects"]]
    named = set(schema["items"]["enum"])
    assert named == {kind.value for kind in ResultKind} - {ResultKind.PLAIN_REPORT}
