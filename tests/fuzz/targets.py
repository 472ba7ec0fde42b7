"""What reads bytes from outside, each as a function of bytes: an answer or a refusal, and no exception.

`tests/bench/fuzzing.py` lets atheris look for inputs that reach new code; what it found lies in `corpus/` and
is run again by `tests/test_fuzz_corpus.py`.
"""

import atexit
import contextlib
import json
import shutil
import socket
import struct
import tempfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
from peers import wire
from peers.no_notes import NoNotes
from peers.programs import free_port
from synthetic_ct import axial_grid, write_enhanced, write_series

from inference.errors import InferenceError
from inference.index import index_files
from inference.reading import read_volume
from inference.series import choose_series
from listener import scp
from listener.answers import verdicts_in
from listener.audit import Audit
from listener.dataset_walk import EXPLICIT_VR_BIG_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, Walk
from listener.errors import RefusedInstance
from listener.settings import Receiver, Settings, Tls
from listener.spool import Spool

CORPUS = Path(__file__).parent / "corpus"
SLICES = 22
SYNTAXES = (wire.EXPLICIT, IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN)


def walk(content: bytes) -> None:
    """The data set walk: first a byte for the transfer syntax and one for the size of the pieces."""
    if len(content) < 2:
        return
    whole, piece = memoryview(content)[2:], content[1] + 1
    with contextlib.suppress(RefusedInstance):
        steps = Walk(SYNTAXES[content[0] % len(SYNTAXES)])
        for start in range(0, len(whole), piece):
            steps.feed(whole[start : start + piece])
        steps.finish()


def gate(content: bytes) -> None:
    """The gate over a real connection: a byte says how far a sound sender came before these bytes."""
    if not content:
        return
    target, failures = _listening()
    instance = wire.Instance(uid="1.2.3.4", study="1.2.3")
    with target.connect() as line:
        if content[0] % 3:
            line.send(target.request()).receive()
        if content[0] % 3 == 2:
            line.command(3, instance.command()).send(wire.pdu(wire.P_DATA, wire.pdv(3, 2, content[1:])))
        else:
            line.send(content[1:])
        with contextlib.suppress(OSError):
            line.socket.shutdown(socket.SHUT_WR)
        line.socket.settimeout(20)
        with contextlib.suppress(ConnectionError):
            while line.socket.recv(1 << 16):
                pass
    assert not failures, failures.pop()


@cache
def _listening() -> tuple[wire.Target, list[str]]:
    failures: list[str] = []
    threading.excepthook = lambda failure: failures.append(repr(failure.exc_value))
    settings = Receiver(port=free_port(), callers="any", free_space_mb=0)
    folder = _folder()
    scp.serve(settings, Tls(), Spool(folder / "spool"), NoNotes(), Audit(folder / "audit"))
    return wire.Target(settings.port), failures


def volume(content: bytes) -> None:
    """A slice of a series, or a multi-frame image, as these bytes: read as far as a volume, or refused."""
    if not content:
        return
    folder, slices = _series()
    (folder / "one").write_bytes(content[1:])
    others = slices[1:] if content[0] % 2 else []
    screenable([folder / "one", *others])


def screenable(paths: list[Path]) -> bool:
    """Go as far as a volume; whatever is found wrong must have been said in plain words."""
    try:
        choice = choose_series(index_files(paths))
    except InferenceError:
        return False
    while choice.candidates:
        try:
            found = read_volume(choice.candidates[0])
        except InferenceError as error:
            choice = choice.without_first(str(error))
            continue
        assert np.isfinite(found.affine).all()
        return True
    assert choice.reason_for_none
    return False


@cache
def _series() -> tuple[Path, list[Path]]:
    folder = _folder()
    return folder, write_series(folder / "series", axial_grid(SLICES, 4.0, rows=8, columns=8))


def answer(content: bytes) -> None:
    """A Structured Report that comes back."""
    settings = _reported()
    (settings.spool / "1.2" / "answer.dcm").write_bytes(content)
    verdicts_in(settings, "1.2", "answer.dcm", datetime.now(UTC), ())


@cache
def _reported() -> Settings:
    settings = Settings(folder=_folder())
    finding = {"assessed": True, "level": "T12", "centre_lps_mm": [0, 0, 0], "grade": 2}
    findings = {"study_instance_uid": "1.2", "series_instance_uid": "1.3", "findings": [finding]}
    kept = settings.results / "1.2" / ("a" * 64)
    kept.mkdir(parents=True)
    (kept / "findings.json").write_text(json.dumps(findings))
    (settings.spool / "1.2").mkdir(parents=True)
    return settings


def _folder() -> Path:
    """A folder until the process ends."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


TARGETS: dict[str, Callable[[bytes], None]] = {
    "walk": walk, "gate": gate, "volume": volume, "answer": answer,
}  # fmt: skip


def seeds(name: str) -> list[bytes]:
    """Sound inputs to begin with, all of our own making."""
    instance = wire.Instance(uid="1.2.3.4", study="1.2.3")
    nested = wire.element(8, 0x1140, b"SQ", b"", 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    if name == "walk":
        return [b"\0\xff" + instance.data_set(), b"\0\x03" + nested + instance.data_set()]
    if name == "gate":
        message = wire.pdu(wire.P_DATA, wire.pdv(3, 3, instance.command()))
        message += wire.pdu(wire.P_DATA, wire.pdv(3, 2, instance.data_set()))
        association = wire.pdu(wire.RQ, wire.associate())
        release = wire.pdu(wire.RELEASE_RQ, bytes(4))
        return [
            b"\0" + association + message + release,
            b"\1" + message + release,
            b"\2" + instance.data_set(),
        ]
    folder = _folder()
    if name == "volume":
        first = write_series(folder / "seed", axial_grid(SLICES, 4.0, rows=8, columns=8))[0]
        enhanced = write_enhanced(folder, axial_grid(SLICES, 4.0, rows=8, columns=8), list(range(SLICES)))
        return [b"\1" + first.read_bytes(), b"\0" + enhanced.read_bytes()]
    return [_report(folder)]


def _report(folder: Path) -> bytes:
    """One of our reports, as a viewer sends it back."""
    from spine_cases import study_of

    from listener.results.build import objects_of
    from listener.results.kinds import ResultKind

    (report,) = objects_of(study_of("one flagged").statement(), frozenset((ResultKind.REPORT,)))
    return report.to_bytes()
