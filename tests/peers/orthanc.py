"""Orthanc as the hospital's PACS: on loopback, with DICOMweb, and a small client of its REST API."""

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import pydicom
import pytest
from peers.programs import find_program, free_port, running, wait_until
from pydicom.dataset import Dataset

DICOMWEB_PLUGINS = (
    Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so"),
    Path("/usr/local/share/orthanc/plugins/libOrthancDicomWeb.so"),
)
NODE = "FAINTLINE"
"""The node's name among Orthanc's modalities, and its AE title."""


@dataclass
class Orthanc:
    """One Orthanc, its storage in `folder`; `start` and `stop` make the PACS come and go.

    `node_port` is where the node under test listens. Study and series are named by their DICOM UIDs.
    """

    folder: Path
    node_port: int
    ae_title: str = "PACS"
    dicom_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    _process: ExitStack = field(default_factory=ExitStack)

    @property
    def url(self) -> str:
        """Root of the REST API."""
        return f"http://127.0.0.1:{self.http_port}"

    def start(self) -> Self:
        """Start it and wait until its REST API answers."""
        program = find_program("Orthanc")
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = self.folder / "orthanc.json"
        settings.write_text(json.dumps(self._settings(), indent=1))
        process = self._process.enter_context(running([program, str(settings)], self.folder / "orthanc.log"))
        wait_until(lambda: self._is_ready(process), "Orthanc answers", timeout_s=60)
        return self

    def stop(self) -> None:
        """The PACS goes down; what it stored stays."""
        self._process.close()

    def _is_ready(self, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, (self.folder / "orthanc.log").read_text(errors="replace")[-2000:]
        try:
            return bool(self.get("/system"))
        except OSError:
            return False

    def _settings(self) -> dict[str, Any]:
        plugins = [str(path) for path in DICOMWEB_PLUGINS if path.exists()]
        return {
            "Name": self.ae_title,
            "StorageDirectory": str(self.folder / "storage"),
            "IndexDirectory": str(self.folder / "storage"),
            "Plugins": plugins,
            "DicomAet": self.ae_title,
            "DicomPort": self.dicom_port,
            "DicomScuTimeout": 30,
            "HttpPort": self.http_port,
            "HttpServerEnabled": True,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomModalities": {NODE: [NODE, "127.0.0.1", self.node_port]},
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            "StableAge": 1,
            "OverwriteInstances": False,
        }

    def call(self, method: str, path: str, body: bytes | None = None, timeout_s: float = 300) -> bytes:
        """One REST call; urllib.error.HTTPError where Orthanc refuses it."""
        request = urllib.request.Request(f"{self.url}{path}", data=body, method=method)
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            content: bytes = answer.read()
        return content

    def get(self, path: str) -> Any:
        """The JSON that a GET returns."""
        return json.loads(self.call("GET", path))

    def post(self, path: str, value: object) -> Any:
        """The JSON that a POST of a JSON value returns."""
        return json.loads(self.call("POST", path, json.dumps(value).encode()))

    def upload(self, paths: list[Path]) -> None:
        """Store files by REST."""
        for path in paths:
            self.call("POST", "/instances", path.read_bytes())

    def send_study_to_node(self, study_uid: str) -> dict[str, Any]:
        """C-STORE the study to the node; Orthanc's summary (InstancesCount, FailedInstancesCount)."""
        summary: dict[str, Any] = self.post(
            f"/modalities/{NODE}/store", {"Resources": [self._id("Study", study_uid)], "Synchronous": True}
        )
        return summary

    def send_series_to_node(self, series_uid: str) -> dict[str, Any]:
        """C-STORE one series to the node."""
        summary: dict[str, Any] = self.post(
            f"/modalities/{NODE}/store", {"Resources": [self._id("Series", series_uid)], "Synchronous": True}
        )
        return summary

    def _id(self, level: str, uid: str) -> str:
        found = self._find(level, uid)
        assert found is not None, f"{level} not in Orthanc"
        return found

    def _find(self, level: str, uid: str) -> str | None:
        query = {"Level": level, "Query": {f"{level}InstanceUID": uid}}
        found: list[str] = self.post("/tools/find", query)
        return found[0] if found else None

    def studies(self) -> list[str]:
        """Study Instance UIDs of everything stored."""
        return [study["MainDicomTags"]["StudyInstanceUID"] for study in self.get("/studies?expand")]

    def series_of(self, study_uid: str) -> list[dict[str, Any]]:
        """Orthanc's records of the study's series (MainDicomTags, Instances); empty without such a study."""
        study = self._find("Study", study_uid)
        series: list[dict[str, Any]] = self.get(f"/studies/{study}/series") if study else []
        return series

    def instances_of(self, study_uid: str, modality: str) -> list[Dataset]:
        """The study's instances of one modality, read."""
        return [self.download(one) for one in self._instance_ids(study_uid, modality)]

    def count(self, study_uid: str, modality: str) -> int:
        """How many instances of one modality the study has."""
        return len(self._instance_ids(study_uid, modality))

    def _instance_ids(self, study_uid: str, modality: str) -> list[str]:
        return [
            instance
            for series in self.series_of(study_uid)
            if series["MainDicomTags"].get("Modality") == modality
            for instance in series["Instances"]
        ]

    def download(self, instance: str) -> Dataset:
        """One stored instance by Orthanc's own identifier, as it was stored."""
        return pydicom.dcmread(BytesIO(self.call("GET", f"/instances/{instance}/file")))

    def delete_instance(self, sop_instance_uid: str) -> None:
        """Forget one instance."""
        query = {"Level": "Instance", "Query": {"SOPInstanceUID": sop_instance_uid}}
        (found,) = self.post("/tools/find", query)
        self.call("DELETE", f"/instances/{found}")

    def delete_study(self, study_uid: str) -> None:
        """Forget a study."""
        study = self._find("Study", study_uid)
        if study is not None:
            self.call("DELETE", f"/studies/{study}")

    def echo_node(self) -> bool:
        """Whether the node answers Orthanc's C-ECHO."""
        try:
            self.call("POST", f"/modalities/{NODE}/echo", b"{}", timeout_s=30)
        except urllib.error.HTTPError:
            return False
        return True


@contextmanager
def orthanc(folder: Path, node_port: int) -> Iterator[Orthanc]:
    """A running Orthanc that ends with the block."""
    pacs = Orthanc(folder, node_port)
    try:
        yield pacs.start()
    finally:
        pacs.stop()


def require_dicomweb() -> None:
    """Skip, with the reason, where Orthanc's DICOMweb plug-in is not installed."""
    if not any(path.exists() for path in DICOMWEB_PLUGINS):
        pytest.skip("Orthanc's DICOMweb plug-in is not installed")
