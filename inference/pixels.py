"""The header's description of the pixels -> how to read them, or why they are no CT values."""

from dataclasses import dataclass

from pydicom.dataset import Dataset, FileDataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, ExplicitVRBigEndian, ImplicitVRLittleEndian

from inference.header import NotASlice, integer, printable, text, whole

NATIVE = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"})
"""The uncompressed transfer syntaxes: Implicit VR and Explicit VR Little Endian, Explicit VR Big Endian."""

MAYBE_LOSSY = frozenset(f"1.2.840.10008.1.2.4.{last}" for last in (50, 51, 81, 91, 203))
"""JPEG baseline and extended, JPEG-LS near-lossless, and JPEG 2000 and HTJ2K, which may be either."""

MAX_SIDE = 4096
"""More rows or columns than any CT makes: a damaged or hostile header."""


@dataclass(frozen=True, slots=True)
class Pixels:
    """How the pixels of one instance are stored.

    ``offset`` is where the value of Pixel Data begins in the file. ``padding`` are the first and last stored
    value that mean "no data", as written.
    """

    transfer_syntax_uid: str
    offset: int
    bits_stored: int
    signed: bool
    frames: int
    padding: tuple[int, int] | None

    @property
    def native(self) -> bool:
        """Whether the pixels lie in the file uncompressed."""
        return self.transfer_syntax_uid in NATIVE


@dataclass(frozen=True, slots=True)
class PixelElement:
    """The Pixel Data element as found in a file.

    Its value begins at ``offset``; ``length`` is None where it is encapsulated; ``complete`` says whether the
    file holds all of it.
    """

    offset: int
    length: int | None
    complete: bool


def read_pixels(header: FileDataset, element: PixelElement | None) -> Pixels:
    """Describe the pixels of an instance; ``element`` is None where the file holds no integer Pixel Data.

    Raises
    ------
    NotASlice : where they cannot be CT values or cannot be read
    """
    if element is None:
        raise NotASlice("no pixel data in integers")
    syntax = text(header.file_meta, "TransferSyntaxUID") or _guessed_syntax(header)
    rows, columns = whole(header, "Rows"), whole(header, "Columns")
    frames = 1 if "NumberOfFrames" not in header else whole(header, "NumberOfFrames")
    if not (1 < rows <= MAX_SIDE and 1 < columns <= MAX_SIDE and 0 < frames <= 20_000):
        raise NotASlice(f"{frames} frames of {rows} × {columns} pixels are no CT")
    # MONOCHROME1 only shows the values inverted: it does not change them (PS3.3 C.7.6.3.1.2).
    grey = text(header, "PhotometricInterpretation").startswith("MONOCHROME")
    if whole(header, "SamplesPerPixel") != 1 or not grey:
        raise NotASlice("colour pictures, not CT values")
    bits = whole(header, "BitsStored")
    if whole(header, "BitsAllocated") != 16 or not 8 <= bits <= 16 or whole(header, "HighBit") != bits - 1:
        raise NotASlice("pixels are not stored in 16-bit words as CT is")
    if syntax not in NATIVE and not _decodable(syntax):
        raise NotASlice(f"transfer syntax {printable(UID(syntax).name)} cannot be decoded")
    expected = rows * columns * frames * 2
    if not element.complete or (syntax in NATIVE and (element.length or 0) < expected):
        raise NotASlice("the pixel data is shorter than the header says")
    return Pixels(
        transfer_syntax_uid=syntax,
        offset=element.offset,
        bits_stored=bits,
        signed=whole(header, "PixelRepresentation") == 1,
        frames=frames,
        padding=_padding(header),
    )


def _padding(header: Dataset) -> tuple[int, int] | None:
    """Return the stored values that mean "no data" (PS3.3 C.7.5.1.1.2); the second may be the lower."""
    value = integer(header, "PixelPaddingValue")
    if value is None:
        return None
    limit = integer(header, "PixelPaddingRangeLimit")
    return (value, value if limit is None else limit)


def _guessed_syntax(header: FileDataset) -> str:
    """Return the transfer syntax of a file without meta information; only its byte order matters here."""
    _implicit, little = header.original_encoding
    return ImplicitVRLittleEndian if little else ExplicitVRBigEndian


def _decodable(transfer_syntax_uid: str) -> bool:
    try:
        return bool(get_decoder(UID(transfer_syntax_uid)).is_available)
    except NotImplementedError:
        return False
