"""What a destination asks for beyond the usual, in another language, and who else is told: a real node.

The study is the demo's phantom: its pixels are square, as a CT's are, and its fractures known. In OHIF the
segmentation lies on the right vertebrae and a reader's corrections come back; screenshots are kept.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from matplotlib import get_data_path
from peers import dcmtk
from peers.browser import window
from peers.dcmtk import Address
from peers.listeners import mllp_listener, web_listener
from peers.node import Node, node
from peers.ohif import viewer
from peers.orthanc import Orthanc, require_dicomweb
from peers.programs import free_port, wait_until
from peers.reading_room import ReadingRoom
from peers.studies import Study, study_in
from peers.validators import dciodvfy
from PIL import Image
from playwright.sync_api import expect

from training.phantom import demo_study

pytestmark = [pytest.mark.peers, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
EVERYTHING = """\
objects = ["report", "overview", "coronal", "close-ups", "presentation", "segmentation", "key-objects", "pdf"]
studies = "flagged"
"""
MORE = """
[report]
wording = "{wording}"
font = "{font}"

[[webhooks]]
name = "hook"
url = "http://127.0.0.1:{web}/"
secret = "a secret that nobody guesses"

[[hl7]]
name = "ris"
host = "127.0.0.1"
port = {mllp}
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A node that was sent a positive study, the PACS that has its results, and where its notices go."""

    node: Node
    pacs: Orthanc
    study: Study
    web: int
    mllp: int


@pytest.fixture(scope="module")
def asked(pacs: Orthanc, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """The phantom, in German, in every form; nobody listens to the notices yet."""
    folder, web, mllp = tmp_path_factory.mktemp("asked"), free_port(), free_port()
    demo_study(folder / "study")
    study = study_in(folder / "study")
    font = Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    more = MORE.format(wording=ROOT / "deploy" / "wording.de.toml", font=font, web=web, mllp=mllp)
    pacs.delete_study(study.uid)
    with node(folder / "node", {"pacs": pacs.dicom_port}, EVERYTHING, more) as here:
        for address in (Address(pacs.dicom_port, called="PACS"), here.address):
            assert dcmtk.dcmsend(address, study.folder).returncode == 0
        wait_until(lambda: pacs.count(study.uid, "OT") == 4, "the pictures", timeout_s=120)
        wait_until(lambda: pacs.count(study.uid, "DOC") == 1, "the document")
        yield Asked(here, pacs, study, web, mllp)
    pacs.delete_study(study.uid)


def test_everybody_is_told_once_they_listen(asked: Asked) -> None:
    assert asked.node.is_in(asked.study.uid, "delivering")
    with web_listener(asked.web) as posted, mllp_listener(asked.mllp) as messages:
        row = asked.node.wait_for_state(asked.study.uid, "done")
    assert [found["level"] for found in json.loads(posted[0])["flagged"]] == ["T12", "L2"]
    assert len(posted) == len(messages) == 1
    assert "L2: Verdacht auf Kompressionsfraktur" in messages[0].decode()
    assert {d.kind for d in row.deliveries} >= {"report", "presentation", "webhook", "hl7"}
    assert "PHANTOM^" not in asked.node.log_text()


def test_every_form_is_one_that_others_accept(asked: Asked, tmp_path: Path) -> None:
    for modality in ("SR", "OT", "PR", "SEG", "KO", "DOC"):
        found = asked.pacs.instances_of(asked.study.uid, modality)
        assert found, modality
        for number, result in enumerate(found):
            path = tmp_path / f"{modality}{number}.dcm"
            result.save_as(path)
            assert dciodvfy(path) == [], modality
            assert result.SpecificCharacterSet == "ISO_IR 192" and "Forschung" in result.SeriesDescription


def test_dcmtk_renders_the_marked_slice_in_the_bone_window_and_knows_the_mark(
    asked: Asked, tmp_path: Path
) -> None:
    (state,) = asked.pacs.instances_of(asked.study.uid, "PR")
    annotation = state.GraphicAnnotationSequence[0]
    marked = annotation.ReferencedImageSequence[0].ReferencedSOPInstanceUID
    (source,) = [ct for ct in asked.pacs.instances_of(asked.study.uid, "CT") if ct.SOPInstanceUID == marked]
    state.save_as(tmp_path / "state.dcm")
    source.save_as(tmp_path / "source.dcm")
    done = dcmtk.dcmp2pgm(tmp_path / "source.dcm", tmp_path / "state.dcm", tmp_path / "shown.pgm")
    assert 'text 1: "T12  Frakturverdacht, Genant 3"' in done.stderr
    assert "points=5 type=polyline filled=no units=pixel" in done.stderr
    hu = source.pixel_array * float(source.RescaleSlope) + float(source.RescaleIntercept)
    expected = 255 * np.clip((hu - (400 - 900)) / 1800, 0, 1)
    shown = np.asarray(Image.open(tmp_path / "shown.pgm"), dtype=float)
    assert np.abs(shown - expected).max() < 3


@pytest.fixture(scope="module")
def ohif(asked: Asked) -> Iterator[str]:
    """OHIF over the PACS that has everything."""
    require_dicomweb()
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with viewer(asked.pacs.url) as url:
        yield url


@pytest.mark.browser
def test_ohif_shows_the_segmented_bodies_at_their_vertebrae(asked: Asked, ohif: str) -> None:
    (findings,) = (asked.node.folder / "var" / "results" / asked.study.uid).glob("*/findings.json")
    centres = {each["level"]: each["centre_lps_mm"] for each in json.loads(findings.read_text())["findings"]}
    with window() as browser:
        room = ReadingRoom(browser, ohif).open_study(asked.study.uid, series=7)
        room.open_series(9031).take_over_measurements().open_segments()
        for level in ("T12", "L2"):
            words = room.words_of_segment(level)
            center = re.search(r"Center\s*(-?[\d.]+),\s*(-?[\d.]+),\s*(-?[\d.]+)", words)
            assert center is not None, words
            assert np.allclose([float(mm) for mm in center.groups()], centres[level], atol=4)
            room.redraw()
            browser.screenshot(SCREENSHOTS / f"segment-{level}.png")
        assert room.faults() == []


@pytest.mark.browser
def test_what_a_reader_renames_and_deletes_in_ohif_comes_back_as_answers(
    asked: Asked, ohif: str, tmp_path: Path
) -> None:
    ours = {str(report.SOPInstanceUID) for report in asked.pacs.instances_of(asked.study.uid, "SR")}
    with window() as browser:
        room = ReadingRoom(browser, ohif).open_study(asked.study.uid, series=7)
        room.open_series(9001).take_over_measurements().open_measurements()
        room.rename_measurement("L2: Verdacht", "L2: Genant 1").delete_measurement("T12: Verdacht")
        expect(browser.page.get_by_text("L2: Genant 1")).to_have_count(1)
        browser.screenshot(SCREENSHOTS / "corrected.png")
        room.save_measurements()
        wait_until(lambda: asked.pacs.count(asked.study.uid, "SR") == 2, "OHIF stored its report")
    reports = asked.pacs.instances_of(asked.study.uid, "SR")
    (saved,) = [report for report in reports if report.SOPInstanceUID not in ours]
    saved.save_as(tmp_path / "answer.dcm")
    assert dcmtk.dcmsend(asked.node.address, tmp_path).returncode == 0
    wait_until(lambda: len(asked.node.verdicts()) == 2, "the verdicts")
    said = {
        each["level"]: (each["found_grade"], each["grade"], each["fractured"])
        for each in asked.node.verdicts()
    }
    assert said == {"L2": (2, 1, True), "T12": (3, None, None)}
