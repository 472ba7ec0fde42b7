"""OHIF as a radiologist's viewer: its built bundle and Orthanc's DICOMweb behind one origin on loopback.

The bundle comes from the npm package `@ohif/app`; `fetch_ohif.sh` beside this file unpacks it.
"""

import http.server
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

BUNDLE = Path(__file__).parents[2] / "build" / "ohif" / "package" / "dist"

DICOMWEB = "/dicom-web"

CONFIGURATION = {
    "routerBasename": None,
    "extensions": [],
    "modes": [],
    "showStudyList": True,
    "maxNumberOfWebWorkers": 1,
    "showWarningMessageForCrossOrigin": False,
    "showCPUFallbackMessage": False,
    "strictZSpacingForVolumeViewport": True,
    "showErrorDetails": "always",
    "investigationalUseDialog": {"option": "never"},
    "defaultDataSourceName": "pacs",
    "dataSources": [
        {
            "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
            "sourceName": "pacs",
            "configuration": {
                "friendlyName": "Orthanc",
                "name": "pacs",
                "qidoRoot": DICOMWEB,
                "wadoRoot": DICOMWEB,
                "wadoUriRoot": DICOMWEB,
                "qidoSupportsIncludeField": False,
                "imageRendering": "wadors",
                "thumbnailRendering": "wadors",
                "enableStudyLazyLoad": True,
                "supportsFuzzyMatching": False,
                "supportsWildcard": True,
                "omitQuotationForMultipartRequest": True,
                "bulkDataURI": {"enabled": True, "relativeResolution": "studies"},
            },
        }
    ],
}

COPIED_HEADERS = ("Accept", "Content-Type", "Host")


def bundle_folder() -> Path:
    """OHIF's built viewer, or a skip that says how to get it."""
    if not (BUNDLE / "index.html").is_file():
        pytest.skip("no OHIF viewer: run `make peers`")
    return BUNDLE


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Static files of the viewer; its configuration; everything under /dicom-web from Orthanc."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *arguments: object, orthanc_url: str, directory: str) -> None:
        self.orthanc_url = orthanc_url
        super().__init__(*arguments, directory=directory)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path.startswith(DICOMWEB):
            self._forward()
        elif path == "/app-config.js":
            self._answer(200, f"window.config = {json.dumps(CONFIGURATION)};".encode(), "text/javascript")
        else:
            if not Path(self.translate_path(path)).is_file():
                self.path = "/index.html"  # a route of the single-page application
            super().do_GET()

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self._forward(self.rfile.read(length))  # STOW-RS: a report that the reader saves

    def _forward(self, body: bytes | None = None) -> None:
        headers = {name: self.headers[name] for name in COPIED_HEADERS if self.headers[name]}
        request = urllib.request.Request(f"{self.orthanc_url}{self.path}", data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                self._answer(answer.status, answer.read(), answer.headers["Content-Type"])
        except urllib.error.HTTPError as error:
            self._answer(error.code, error.read(), error.headers["Content-Type"])

    def _answer(self, status: int, body: bytes, content_type: str | None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type or "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep the terminal quiet."""


@contextmanager
def viewer(orthanc_url: str) -> Iterator[str]:
    """OHIF on loopback over that Orthanc; its root URL."""
    handler = partial(_Handler, orthanc_url=orthanc_url, directory=str(bundle_folder()))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
