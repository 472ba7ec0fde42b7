"""deploy/conformance.md: classes, syntaxes, numbers and statuses of the statement are those of the code."""

from collections.abc import Iterator
from typing import Any

import pytest
from deploy.generated import REPOSITORY, demand_part, table
from highdicom.sr import CodedConcept
from pydicom.datadict import dictionary_description
from pydicom.multival import MultiValue
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    UID,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)
from pynetdicom import AE
from pynetdicom.presentation import AllStoragePresentationContexts
from spine_cases import study_of

from listener import delivery, reception
from listener.commitment import STORAGE_COMMITMENT
from listener.confirmation import STUDY_ROOT_FIND
from listener.contexts import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    TRANSFER_SYNTAXES,
    supported_contexts,
)
from listener.dataset_walk import CANNOT_UNDERSTAND, DOES_NOT_MATCH, MAXIMUM_DEPTH
from listener.gate import association, pdu
from listener.results import codes, identity
from listener.results.kinds import ResultKind
from listener.settings import Delivery, Receiver
from listener.spool import IMPLEMENTATION_VERSION_NAME, OUT_OF_RESOURCES
from listener.storage_classes import STORAGE_SOP_CLASSES

STATEMENT = REPOSITORY / "deploy" / "conformance.md"

YOUNGER_THAN_THE_DICTIONARY = {
    "1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation Storage",
    "1.2.840.10008.5.1.4.1.1.66.8": "Height Map Segmentation Storage",
    "1.2.840.10008.5.1.4.1.1.9.100.1": "Waveform Presentation State Storage",
    "1.2.840.10008.5.1.4.1.1.9.100.2": "Waveform Acquisition Presentation State Storage",
}
PROPOSED = (
    Comprehensive3DSRStorage, ComprehensiveSRStorage, SecondaryCaptureImageStorage,
    GrayscaleSoftcopyPresentationStateStorage, SegmentationStorage, KeyObjectSelectionDocumentStorage,
    EncapsulatedPDFStorage,
)  # fmt: skip
"""The SOP classes of all results that a destination may ask for."""
NUMBERS = ("setting or property", "value")
SHOWN = (
    *(
        "Modality",
        "SeriesNumber",
        "SeriesDescription",
        "CompletionFlag",
        "VerificationFlag",
        "PreliminaryFlag",
    ),
    *("ConversionType", "ImageType", "ImageComments", "BurnedInAnnotation", "LossyImageCompression"),
    *("PhotometricInterpretation", "BitsAllocated", "Rows", "Columns", "DerivationDescription"),
)
"""What the statement shows of the objects that are sent."""


def _name(uid: str) -> str:
    name = UID(uid).name
    return YOUNGER_THAN_THE_DICTIONARY.get(uid, name) if name == uid else name


def test_every_accepted_sop_class_is_listed_and_no_other() -> None:
    rows = sorted((_name(uid), uid) for uid in STORAGE_SOP_CLASSES)
    demand_part(STATEMENT, "SOP classes", table(("SOP class", "UID"), rows))


def test_the_transfer_syntaxes_are_listed_in_the_order_of_preference() -> None:
    rows = [(_name(uid), uid) for uid in TRANSFER_SYNTAXES]
    demand_part(STATEMENT, "transfer syntaxes", table(("transfer syntax", "UID"), rows))


def test_every_storage_class_is_accepted_in_every_syntax_listed() -> None:
    _verification, *storage = supported_contexts()
    assert [offer.abstract_syntax for offer in storage] == list(STORAGE_SOP_CLASSES)
    assert all(offer.transfer_syntaxes == TRANSFER_SYNTAXES for offer in storage)


def test_the_storage_classes_are_those_that_pynetdicom_knows() -> None:
    assert list(STORAGE_SOP_CLASSES) == [str(each.abstract_syntax) for each in AllStoragePresentationContexts]


@pytest.mark.parametrize("uid", TRANSFER_SYNTAXES)
def test_a_syntax_that_is_accepted_can_be_decoded(uid: str) -> None:
    syntax = UID(uid)
    assert not syntax.is_deflated
    assert not syntax.is_compressed or get_decoder(syntax).is_available


def test_who_we_say_we_are() -> None:
    rows = (
        ("Implementation Class UID", identity.IMPLEMENTATION_CLASS_UID),
        ("Implementation Version Name", IMPLEMENTATION_VERSION_NAME),
        ("Manufacturer, in the objects sent", identity.MANUFACTURER),
        ("Manufacturer's Model Name, in the objects sent", identity.MODEL_NAME),
    )
    demand_part(STATEMENT, "identification", table(("property", "value"), rows))


def test_the_numbers_of_the_association_policy_of_the_scp() -> None:
    settings = Receiver()
    rows = (
        ("PDU size announced", f"{pdu.MAXIMUM_PDU_BYTES} bytes"),
        ("associations at a time (`maximum_associations`)", str(settings.maximum_associations)),
        ("of one address (`maximum_associations_per_host`)", str(settings.maximum_associations_per_host)),
        ("wait for A-ASSOCIATE-RQ, then close", f"{association.REQUEST_SECONDS:g} s"),
        ("idle association, then abort", f"{association.IDLE_SECONDS:g} s"),
        ("message that stalls, then abort", f"{association.STALLED_SECONDS:g} s"),
        ("slowest message, then abort", f"{association.SLOWEST_BYTES_PER_SECOND} bytes/s"),
        ("largest instance (`maximum_instance_mb`)", f"{settings.maximum_instance_mb} MB"),
        ("port (`port`)", str(settings.port)),
    )
    demand_part(STATEMENT, "acceptance", table(NUMBERS, rows))


def test_the_numbers_of_the_association_policy_of_the_scu() -> None:
    settings = Delivery()
    rows = (
        ("PDU size announced", f"{AE().maximum_pdu_size} bytes"),
        ("associations at a time", "1 to each destination"),
        ("sent over one association", "the results of one study"),
        ("connection, association, message and network timeout (`timeout_seconds`)",
         f"{settings.timeout_seconds:g} s"),
        ("first pause after a failure (`first_retry_seconds`)", f"{settings.first_retry_seconds:g} s"),
        ("longest pause (`longest_retry_seconds`)", f"{settings.longest_retry_seconds:g} s"),
    )  # fmt: skip
    demand_part(STATEMENT, "sending", table(NUMBERS, rows))


def test_the_contexts_that_are_proposed() -> None:
    syntaxes = ", ".join(_name(uid) for uid in (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN))
    rows = [(_name(uid), uid, syntaxes) for uid in (*PROPOSED, STORAGE_COMMITMENT, STUDY_ROOT_FIND)]
    demand_part(STATEMENT, "proposed", table(("SOP class", "UID", "transfer syntaxes"), rows))


def test_every_kind_of_result_has_its_class_among_those_proposed() -> None:
    made = study_of("three flagged").results(frozenset(ResultKind))
    assert {result.sop_class_uid for result in made} == set(PROPOSED)


def test_the_attributes_of_the_objects_that_are_sent() -> None:
    for part, result in zip(("report", "capture"), study_of("one flagged").results()[:2], strict=True):
        sent = result.dataset
        syntax = sent.file_meta.TransferSyntaxUID
        rows = [
            ("SOP class", f"{_name(result.sop_class_uid)} ({result.sop_class_uid})"),
            ("transfer syntax on disk", _name(syntax)),
            *((dictionary_description(key), _shown(sent[key].value)) for key in SHOWN if key in sent),
        ]
        demand_part(STATEMENT, part, table(("attribute", "value"), rows))


def _shown(value: Any) -> str:
    return "\\".join(value) if isinstance(value, MultiValue) else str(value)


def test_every_private_code_is_listed() -> None:
    rows = sorted((f"`{code.value}`", str(code.meaning)) for code in _private_codes())
    content = f"UID {identity.CODING_SCHEME_UID}.\n\n" + table(("code value", "meaning"), rows)
    demand_part(STATEMENT, "codes", content)


def _private_codes() -> Iterator[CodedConcept]:
    for value in vars(codes).values():
        for code in value.values() if isinstance(value, dict) else (value,):
            if isinstance(code, CodedConcept) and code.scheme_designator == codes.SCHEME:
                yield code


def test_every_status_is_explained() -> None:
    text = STATEMENT.read_text()
    answered = {reception.SUCCESS, reception.COERCION, OUT_OF_RESOURCES, DOES_NOT_MATCH, CANNOT_UNDERSTAND}
    received = {*delivery.STORED_WITH_WARNING, delivery.DUPLICATE}
    for status in answered | received:
        assert f"0x{status:04X}" in text
    assert f"deeper than {MAXIMUM_DEPTH} levels" in text
