"""Every standard code that we write, looked up where others keep them."""

from collections.abc import Iterator
from typing import Any

from highdicom.sr import CodedConcept
from pydicom.sr._concepts_dict import concepts

from listener.results import codes
from listener.results.level_codes import LEVEL_CODES


def written() -> Iterator[tuple[str, str]]:
    """Designator and value of every code of `codes`, those of its tables too."""
    for value in vars(codes).values():
        for code in value.values() if isinstance(value, dict) else [value]:
            if isinstance(code, CodedConcept):
                yield code.scheme_designator, code.value
    yield from (("SCT", code) for code in LEVEL_CODES.values())


def test_all_but_two_standard_codes_are_in_pydicom_s_dictionary_of_the_standard() -> None:
    standard = {(scheme, value) for scheme, value in written() if scheme != codes.SCHEME}
    dictionary: dict[str, dict[str, dict[str, Any]]] = concepts  # type: ignore[assignment]
    known = {
        (scheme, value) for scheme, names in dictionary.items() for each in names.values() for value in each
    }
    assert len(standard) > 50
    assert standard - known == {
        ("SCT", "42942008"),  # compression fracture of vertebral column
        ("SCT", "65985001"),  # S1 vertebra
        ("UCUM", "{vertebrae}"),  # an annotation, which UCUM leaves to who writes it
    }
