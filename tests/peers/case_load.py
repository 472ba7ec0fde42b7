"""The studies of a day, sent from everywhere: real CT by dcmtk and by Orthanc, a head, an MR."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from peers import dcmtk
from peers.dcmtk import Address
from peers.hospital import Answer, Hospital
from peers.studies import Study, head_ct, mr_study, real_ct, write_verse


@dataclass(frozen=True, slots=True)
class Sent:
    """A hospital in which everything has been sent, and what was."""

    hospital: Hospital
    studies: dict[str, Study]

    def answer(self, name: str) -> Answer:
        """What came back for the study of that name."""
        return self.hospital.wait_for_answer(self.studies[name].uid, timeout_s=240)


def _by_dcmsend(hospital: Hospital, study: Study) -> None:
    done = dcmtk.dcmsend(hospital.node.address, study.folder)
    assert done.returncode == 0, done.stderr[-2000:]


def _by_storescu(hospital: Hospital, study: Study) -> None:
    done = dcmtk.storescu(hospital.node.address, study.paths)
    assert done.returncode == 0, done.stderr[-2000:]


def _by_orthanc(hospital: Hospital, study: Study) -> None:
    summary = hospital.pacs.send_study_to_node(study.uid)
    assert summary["FailedInstancesCount"] == 0, summary
    assert summary["InstancesCount"] == len(study.paths), summary


SENDERS: dict[str, Callable[[Hospital, Study], None]] = {
    "verse005": _by_dcmsend,
    "verse008": _by_orthanc,
    "head": _by_storescu,
    "unnamed_head": _by_dcmsend,
    "mr": _by_orthanc,
    "acrin_lumbar": _by_storescu,
    "lidc_0001": _by_dcmsend,
    "lidc_0314": _by_orthanc,
}
"""Who sends what; the LIDC studies go out as JPEG-LS, and lidc_0001 has two instances twice."""


def send_everything(hospital: Hospital, real_data: Path, folder: Path) -> Sent:
    """Put every study into the PACS, and send it to the node, one right after the other."""
    studies = {
        "verse005": write_verse(real_data, "005", folder / "verse005"),
        "verse008": write_verse(real_data, "008", folder / "verse008"),
        "head": head_ct(folder / "head", "head", "HEAD"),
        "unnamed_head": head_ct(folder / "unnamed_head", "unnamed_head", ""),
        "mr": mr_study(folder / "mr"),
        **{name: real_ct(real_data, name) for name in ("acrin_lumbar", "lidc_0001", "lidc_0314")},
    }
    pacs = Address(hospital.pacs.dicom_port, called="PACS")
    for name, send in SENDERS.items():
        assert dcmtk.dcmsend(pacs, studies[name].folder).returncode == 0
        send(hospital, studies[name])
    return Sent(hospital, studies)
