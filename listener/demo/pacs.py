"""A small test PACS: sends a study by C-STORE, and keeps whatever is sent to it as files."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.presentation import AllStoragePresentationContexts, build_context

from listener.contexts import VERIFICATION
from listener.errors import ListenerError

AE_TITLE = "TESTPACS"
_ANSWER_SECONDS = 120


class Archive:
    """What the test PACS has received so far."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._files: dict[str, list[Path]] = {}

    def store(self, event: Event) -> int:
        """Keep one instance (EVT_C_STORE)."""
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        path = self._folder / f"{dataset.Modality}.{dataset.SOPInstanceUID}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        with self._lock:
            self._files.setdefault(str(dataset.SOPClassUID), []).append(path)
        return 0x0000

    def files(self, sop_class: str) -> list[Path]:
        """The received instances of a class, in the order of their series."""
        with self._lock:
            found = list(self._files.get(sop_class, ()))
        return sorted(
            found, key=lambda path: int(dcmread(path, specific_tags=["InstanceNumber"]).InstanceNumber)
        )


@contextmanager
def listening(port: int, folder: Path) -> Iterator[Archive]:
    """Run the receiving side on loopback."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = Archive(folder)
    application = AE(AE_TITLE)
    application.supported_contexts = [*AllStoragePresentationContexts, build_context(VERIFICATION)]
    server = application.start_server(
        ("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_STORE, archive.store)]
    )
    try:
        yield archive
    finally:
        if server is not None:
            server.shutdown()


def send(files: Sequence[Path], ae_title: str, port: int) -> Iterator[int]:
    """Send ``files`` to ``ae_title`` over one association; yield how many it has after each.

    Raises
    ------
    ListenerError
        The association is refused, or an instance is not taken.
    """
    first = dcmread(files[0], stop_before_pixels=True)
    application = AE(AE_TITLE)
    application.add_requested_context(first.SOPClassUID, first.file_meta.TransferSyntaxUID)
    application.dimse_timeout = _ANSWER_SECONDS
    association = application.associate("127.0.0.1", port, ae_title=ae_title)
    if not association.is_established:
        raise ListenerError("Faintline does not accept the association")
    try:
        for count, file in enumerate(files, start=1):
            answer: Dataset = association.send_c_store(file)
            if "Status" not in answer:
                raise ListenerError(f"no answer to instance {count} within {_ANSWER_SECONDS} s")
            if answer.Status != 0x0000:
                raise ListenerError(f"Faintline answered 0x{answer.Status:04X} to instance {count}")
            yield count
    finally:
        association.release()
