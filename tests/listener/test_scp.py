"""The provider over a real association: what is answered, what is kept, what is noted."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pytest
from ct_slices import EXPLICIT, IMPLICIT, ct_slice, encode
from peers.programs import free_port, wait_until
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID, CTImageStorage
from pynetdicom import AE, build_role
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE

from listener import commitment, scp
from listener.audit import Audit
from listener.commitment import CommitmentReport
from listener.settings import Caller, Receiver, Tls
from listener.spool import Spool
from listener.study import ReceivedInstance


@dataclass
class Written:
    """Notes kept in memory."""

    instances: list[ReceivedInstance] = field(default_factory=list)
    open: set[str] = field(default_factory=set)
    studies: list[str] = field(default_factory=list)
    commitments: list[CommitmentReport] = field(default_factory=list)

    def received(self, instance: ReceivedInstance) -> None:
        self.instances.append(instance)

    def opened(self, association: str, study_instance_uid: str) -> None:
        self.open.add(association)
        self.studies.append(study_instance_uid)

    def closed(self, association: str) -> None:
        self.open.discard(association)

    def committed(self, report: CommitmentReport) -> bool:
        self.commitments.append(report)
        return report.transaction_uid == "1.2.3"


@dataclass
class Node:
    port: int
    spool: Spool
    notes: Written

    def associate(
        self, calling: str = "PACS", called: str = "FAINTLINE", syntax: str = EXPLICIT
    ) -> Association:
        application = AE(calling)
        application.add_requested_context(CTImageStorage, syntax)
        application.add_requested_context("1.2.840.10008.1.1")
        return application.associate("127.0.0.1", self.port, ae_title=called)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    yield from serve(tmp_path, [Caller.model_validate({"ae_title": "PACS", "host": "127.0.0.1"})])


def serve(folder: Path, callers: list[Caller]) -> Iterator[Node]:
    settings = Receiver(port=free_port(), callers=callers, free_space_mb=0)
    spool, notes = Spool(folder), Written()
    server = scp.serve(settings, Tls(), spool, notes, Audit(folder / "audit"))
    yield Node(settings.port, spool, notes)
    server.shutdown()


def send(association: Association, dataset: Dataset) -> int:
    try:
        return int(association.send_c_store(dataset).Status)
    finally:
        association.release()


def test_echo_is_answered(node: Node) -> None:
    association = node.associate()
    assert association.send_c_echo().Status == 0x0000
    association.release()


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_a_stored_instance_is_in_the_spool_when_it_is_acknowledged(node: Node, syntax: str) -> None:
    dataset = ct_slice()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    assert send(node.associate(syntax=syntax), dataset) == 0x0000
    (path,) = node.spool.files(dataset.StudyInstanceUID)
    assert dcmread(path) == dataset
    assert dcmread(path).file_meta.TransferSyntaxUID == syntax
    assert [noted.name for noted in node.notes.instances] == [path.name]


def test_an_association_is_noted_while_it_is_open_and_no_longer(node: Node) -> None:
    dataset, association = ct_slice(), node.associate()
    association.send_c_store(dataset)
    assert node.notes.studies == [dataset.StudyInstanceUID] and len(node.notes.open) == 1
    association.abort()
    wait_until(lambda: not node.notes.open, "the end of the association is noted", 10)


def test_a_conflicting_duplicate_is_a_warning_and_the_identical_one_is_not(node: Node) -> None:
    dataset = ct_slice()
    assert send(node.associate(), dataset) == 0x0000
    assert send(node.associate(), dataset) == 0x0000
    dataset.InstanceNumber = 5
    assert send(node.associate(), dataset) == 0xB000


@pytest.mark.parametrize(("calling", "called"), [("OTHER", "FAINTLINE"), ("PACS", "OTHER")])
def test_wrong_ae_titles_are_rejected(node: Node, calling: str, called: str) -> None:
    assert is_turned_away(node.associate(calling, called))


def is_turned_away(association: Association) -> bool:
    """pynetdicom calls a rejection that comes at once a failed connection; the attacks read the PDU."""
    return association.is_rejected or association.is_aborted


def test_a_known_title_from_another_address_is_rejected(tmp_path: Path) -> None:
    for node in serve(tmp_path, [Caller.model_validate({"ae_title": "PACS", "host": "192.0.2.1"})]):
        assert is_turned_away(node.associate())


def test_with_no_callers_nobody_gets_in(tmp_path: Path) -> None:
    for node in serve(tmp_path, []):
        assert is_turned_away(node.associate())
        assert is_turned_away(node.associate(calling="NOT ADMITTED"))


def send_raw(
    association: Association, dataset: Dataset, encoded: bytes, sop_instance_uid: str | None = None
) -> int:
    request = C_STORE()
    request.MessageID = 1
    request.AffectedSOPClassUID = dataset.SOPClassUID
    request.AffectedSOPInstanceUID = sop_instance_uid or dataset.SOPInstanceUID
    request.Priority = 0
    request.DataSet = BytesIO(encoded)
    context = next(c for c in association.accepted_contexts if c.abstract_syntax == CTImageStorage)
    assert context.context_id is not None
    association._reactor_checkpoint.clear()
    association.dimse.send_msg(request, context.context_id)
    _, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    assert isinstance(answer, C_STORE) and answer.Status is not None
    return answer.Status


def test_damage_is_refused_at_once_and_the_association_lives_on(node: Node) -> None:
    dataset, association = ct_slice(), node.associate()
    whole = encode(dataset)
    assert send_raw(association, dataset, whole[:-3]) == 0xC000
    assert send_raw(association, dataset, b"not DICOM at all") == 0xC000
    assert send_raw(association, dataset, whole, sop_instance_uid="1.2.3") == 0xA900
    assert send_raw(association, dataset, whole) == 0x0000
    association.release()
    assert len(node.notes.instances) == 1


def commitment_report(transaction_uid: str, instances: int = 1) -> Dataset:
    """What a destination says: one instance kept, the others not."""
    report = Dataset()
    report.TransactionUID = transaction_uid
    items = []
    for number in range(instances):
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CTImageStorage, f"1.2.{number}"
        items.append(item)
    for item in items[1:]:
        item.FailureReason = 0x0112
    report.ReferencedSOPSequence, report.FailedSOPSequence = items[:1], items[1:]
    return report


def report_commitment(node: Node, report: Dataset, role: bool, syntax: str = EXPLICIT) -> int:
    """Report on an association of the destination's own, with or without role selection."""
    application = AE("PACS")
    application.add_requested_context(commitment.STORAGE_COMMITMENT, syntax)
    roles = [build_role(commitment.STORAGE_COMMITMENT, scp_role=True)] if role else []
    association = application.associate("127.0.0.1", node.port, ae_title="FAINTLINE", ext_neg=list(roles))
    try:
        assert association.is_established
        # Without role selection pynetdicom itself refuses to be an SCP; peers in the field are not so strict.
        association.accepted_contexts[0]._as_scu = True
        answer, _ = association.send_n_event_report(
            report, 1, commitment.STORAGE_COMMITMENT, commitment.STORAGE_COMMITMENT_INSTANCE
        )
        return int(answer.Status)
    finally:
        association.release()


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize("role", [True, False])
def test_a_destination_may_report_a_commitment_on_an_association_of_its_own(
    node: Node, role: bool, syntax: str
) -> None:
    assert report_commitment(node, commitment_report("1.2.3", 2), role, syntax) == 0x0000
    (report,) = node.notes.commitments
    assert report.kept == ("1.2.0",) and "no such object instance" in report.failed["1.2.1"]


def test_a_report_about_a_transaction_that_is_not_ours_is_a_failure(node: Node) -> None:
    assert report_commitment(node, commitment_report("9.9.9"), role=True) == 0x0110


def test_a_report_without_a_transaction_is_an_invalid_argument(node: Node) -> None:
    assert report_commitment(node, commitment_report(""), role=True) == 0x0115
    assert node.notes.commitments == []


def test_a_report_without_end_is_dropped_and_the_association_lives(node: Node) -> None:
    report = commitment_report("1.2.3")
    report.RetrieveURI = "x" * (2 << 20)
    assert report_commitment(node, report, role=True) == 0x0213
    assert node.notes.commitments == []
