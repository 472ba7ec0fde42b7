"""dcmtk's programs as senders, receivers and readers: what they did as exit status and text."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from peers.programs import find_program, free_port, port_answers, run_program, running, wait_until

Run = subprocess.CompletedProcess[str]

COMPRESSED = {"jpeg-ls": "-xt", "jpeg-2000": "-xv", "jpeg-lossless": "-xs", "rle": "-xr"}
"""storescu's switch to propose one compressed syntax beside the uncompressed ones."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a DICOM node listens on loopback, and the AE titles of the two sides."""

    port: int
    called: str = "FAINTLINE"
    calling: str = "PACS"

    def arguments(self) -> list[str]:
        """As dcmtk's network programs take them."""
        return ["-aet", self.calling, "-aec", self.called]


def echoscu(address: Address) -> Run:
    """C-ECHO."""
    return run_program(
        [find_program("echoscu"), "-to", "20", *address.arguments(), "127.0.0.1", str(address.port)]
    )


def echo_succeeds(address: Address) -> bool:
    """Whether C-ECHO is answered."""
    return echoscu(address).returncode == 0


def storescu(address: Address, paths: Sequence[Path], proposing: str | None = None) -> Run:
    """C-STORE the files over one association with what storescu proposes by itself.

    It sends a compressed file only when told its syntax: `proposing` is a key of `COMPRESSED`.
    """
    syntax = [COMPRESSED[proposing]] if proposing else []
    command = [find_program("storescu"), "-v", *syntax, *address.arguments(), "127.0.0.1", str(address.port)]
    return run_program([*command, *map(str, paths)], timeout_s=300)


def dcmsend(address: Address, folder: Path) -> Run:
    """C-STORE a folder, every file in the syntax it is stored in (no decoding)."""
    command = [find_program("dcmsend"), "-v", "-dn", "+sd", "+r", *address.arguments()]
    return run_program([*command, "127.0.0.1", str(address.port), str(folder)], timeout_s=300)


@contextmanager
def storescp(
    folder: Path, ae_title: str = "STORESCP", options: Sequence[str] = ("+xa",), port: int | None = None
) -> Iterator[Address]:
    """A receiver that writes what it gets into `folder` as it comes, and ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    program = [find_program("storescp"), "+B", *options]
    command = [*program, "-aet", ae_title, "-od", str(folder), str(port)]
    log = folder.with_suffix(".log")
    with running(command, log) as process:

        def listens() -> bool:
            assert process.poll() is None, log.read_text()
            return port_answers(port)

        wait_until(listens, "storescp listens")
        yield Address(port, called=ae_title)


def decompress_jpeg_ls(source: Path, target: Path) -> None:
    """A JPEG-LS file as Explicit VR Little Endian."""
    done = run_program([find_program("dcmdjpls"), str(source), str(target)])
    assert done.returncode == 0, done.stderr


def dcmdump(path: Path) -> Run:
    """The data set as text."""
    return run_program([find_program("dcmdump"), "-q", str(path)])


def dsrdump(path: Path) -> Run:
    """The report as text; errors and warnings on standard error."""
    return run_program([find_program("dsrdump"), "-d", "+Pl", str(path)])


def dcmp2pgm(image: Path, state: Path, target: Path) -> Run:
    """An image as a presentation state wants it shown, as PGM; what the state holds is on standard error."""
    done = run_program([find_program("dcmp2pgm"), "-v", "-p", str(state), str(image), str(target)])
    assert done.returncode == 0, done.stderr
    return done
