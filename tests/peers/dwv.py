"""dwv as a second viewer: a page on loopback that shows one DICOM file; `fetch_dwv.sh` gets it from npm."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

MODULES = Path(__file__).parents[2] / "build" / "dwv" / "node_modules"

PAGE = """\
<!doctype html><title>dwv</title>
<style>body { margin: 0; background: black } #layerGroup0 { width: 1188px; height: 1020px }</style>
<script src="/jszip/dist/jszip.min.js"></script>
<script src="/magic-wand-tool/dist/magic-wand.js"></script>
<script type="importmap">
{"imports": {"konva": "/konva/lib/index.js", "jszip": "/shim/JSZip.js",
             "magic-wand-tool": "/shim/MagicWand.js", "dwv": "/dwv/dist/dwv.min.js"}}
</script>
<div id="layerGroup0"></div>
<script type="module">
import { App, AppOptions, ViewConfig } from "dwv";
const app = new App();
app.init(new AppOptions({ "*": [new ViewConfig("layerGroup0")] }));
app.addEventListener("renderend", () => { document.title = "rendered"; });
app.addEventListener("error", (event) => { document.title = "error"; console.error(event.error); });
app.loadURLs([location.origin + "/file.dcm"]);
</script>
"""


class _Handler(http.server.SimpleHTTPRequestHandler):
    """The page, the file it shows, the viewer's modules."""

    def __init__(self, *arguments: object, dicom: bytes, directory: str) -> None:
        self.dicom = dicom
        super().__init__(*arguments, directory=directory)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        if self.path == "/":
            self._answer(PAGE.encode(), "text/html")
        elif self.path == "/file.dcm":
            self._answer(self.dicom, "application/dicom")
        elif self.path.startswith("/shim/"):
            name = Path(self.path).stem
            self._answer(f"export default globalThis.{name};".encode(), "text/javascript")
        else:
            super().do_GET()

    def _answer(self, body: bytes, content_type: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep the terminal quiet."""


@contextmanager
def showing(dicom: bytes) -> Iterator[str]:
    """A page on loopback that shows a DICOM file in dwv; its address."""
    if not (MODULES / "dwv" / "dist" / "dwv.min.js").is_file():
        pytest.skip("no dwv viewer: run `make peers`")
    handler = partial(_Handler, dicom=dicom, directory=str(MODULES))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
