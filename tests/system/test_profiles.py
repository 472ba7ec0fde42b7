"""What a destination asks for beyond the usual, and who else is told: from a running node, to a real PACS."""

import json
from pathlib import Path

import pytest
from peers import dcmtk
from peers.listeners import mllp_listener, web_listener
from peers.node import node
from peers.orthanc import Orthanc
from peers.programs import free_port, wait_until
from peers.studies import write_verse
from peers.validators import dciodvfy

pytestmark = [pytest.mark.peers, pytest.mark.slow, pytest.mark.real_data]

EVERYTHING = """\
objects = ["report", "overview", "coronal", "close-ups", "presentation", "segmentation", "key-objects", "pdf"]
report_class = "comprehensive"
studies = "flagged"
"""

TOLD = """
[[webhooks]]
name = "hook"
url = "http://127.0.0.1:{web}/"
secret = "a secret that nobody guesses"

[[hl7]]
name = "ris"
host = "127.0.0.1"
port = {mllp}
"""


def test_a_positive_study_reaches_everybody_in_the_form_they_asked_for(
    pacs: Orthanc, real_data: Path, tmp_path: Path
) -> None:
    study, web, mllp = write_verse(real_data, "008", tmp_path / "study"), free_port(), free_port()
    more = TOLD.format(web=web, mllp=mllp)
    pacs.delete_study(study.uid)
    with node(tmp_path / "node", {"pacs": pacs.dicom_port}, EVERYTHING, more) as here:
        assert dcmtk.dcmsend(here.address, study.folder).returncode == 0
        here.wait_for_state(study.uid, "delivering")  # nobody listens to the notices yet
        wait_until(lambda: pacs.count(study.uid, "OT") == 3, "the pictures", timeout_s=60)
        with web_listener(web) as posted, mllp_listener(mllp) as messages:
            row = here.wait_for_state(study.uid, "done")
        assert len(posted) == 1 and json.loads(posted[0])["flagged"][0]["level"] == "L2"
        assert len(messages) == 1 and b"L2: suspected compression fracture" in messages[0]
        assert {d.kind for d in row.deliveries} >= {"report-88.33", "presentation", "webhook", "hl7"}
        assert "SENTINEL" not in here.log_text() and "Quincunx" not in here.log_text()
    for modality in ("SR", "OT", "PR", "SEG", "KO", "DOC"):
        found = pacs.instances_of(study.uid, modality)
        assert found, modality
        for number, result in enumerate(found):
            result.save_as(tmp_path / f"{modality}{number}.dcm")
            assert dciodvfy(tmp_path / f"{modality}{number}.dcm") == [], modality
    pacs.delete_study(study.uid)
