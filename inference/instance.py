"""One DICOM header -> an Instance: the facts inference needs as plain values, or why it is no CT slice.

Every value is read here, once, so that a damaged header becomes a reason and never an exception further on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydicom import Dataset
from pydicom.dataset import FileDataset
from pydicom.uid import UID, CTImageStorage

from inference.geometry import Plane, plane
from inference.header import NotASlice, integer, items, numbers, printable, text, whole, words
from inference.pixels import PixelElement, Pixels, read_pixels

T = TypeVar("T")
NOTHING = Dataset()

ENHANCED_CT = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT Image Storage
        "1.2.840.10008.5.1.4.1.1.2.2",  # Legacy Converted Enhanced CT Image Storage
    }
)
RENDERED = (
    *("MIP", "MINIP", "MAXIP", "PROJECTION", "PERFUSION"),
    *("SCREEN", "VRT", "SSD", "RENDER", "RGB"),
)
"""Words in the Image Type of pictures that are computed from slices and hold no plain HU of one place."""

SHARED_BY_SLICES = ("ConvolutionKernel", "KVP")
TIMING = (
    *("TemporalPositionIdentifier", "TemporalPositionIndex", "NominalPercentageOfCardiacPhase"),
    *("StackID", "AcquisitionNumber", "FrameAcquisitionNumber", "FrameOfReferenceUID"),
)


@dataclass(frozen=True, slots=True)
class Frame:
    """One slice of an instance: where it lies and how its stored values become HU.

    ``number`` counts from 1 in a multi-frame instance and is None in a single-frame one. ``phase`` holds what
    slices of one volume share: original or derived, kernel, tube voltage. ``timing`` holds what may tell
    volumes of one series apart, or may just count slices: acquisition, cardiac phase, frame of reference.
    """

    number: int | None
    plane: Plane
    slope: float
    intercept: float
    thickness_mm: float | None
    phase: tuple[str, ...]
    timing: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """One DICOM instance: its identity, its slices, or why it has none.

    Exactly one of ``frames`` and ``refusal`` is empty. ``header`` is the data set without its pixels.
    """

    path: Path
    header: Dataset
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    modality: str
    series_number: int | None
    instance_number: int
    image_type: tuple[str, ...]
    kernel: str
    contrast: bool
    pixels: Pixels | None
    frames: tuple[Frame, ...]
    refusal: str


def read_instance(path: Path, header: FileDataset, element: PixelElement | None) -> Instance:
    """Read one header; ``element`` is None where the file holds no integer Pixel Data.

    Raises
    ------
    NotASlice : in plain words, where the header does not even say which study and series it belongs to
    """
    study, series, sop = (text(header, f"{name}InstanceUID") for name in ("Study", "Series", "SOP"))
    sop = sop or text(header.file_meta, "MediaStorageSOPInstanceUID")
    if not (study and series and sop):
        raise NotASlice("no Study, Series or SOP Instance UID in the header")
    modality = printable(text(header, "Modality").upper())
    sop_class = text(header, "SOPClassUID") or text(header.file_meta, "MediaStorageSOPClassUID")
    if not sop_class and modality == "CT":
        sop_class = CTImageStorage
    # Results refer to their sources through these: only the file meta information may name them.
    header.SOPClassUID, header.SOPInstanceUID = sop_class, sop
    pixels, frames, refusal = _slices(header, sop_class, modality, element)
    return Instance(
        path=path,
        header=header,
        sop_class_uid=sop_class,
        sop_instance_uid=sop,
        series_instance_uid=series,
        study_instance_uid=study,
        modality=modality,
        series_number=integer(header, "SeriesNumber"),
        instance_number=integer(header, "InstanceNumber") or 0,
        image_type=words(header, "ImageType"),
        kernel=printable(text(header, "ConvolutionKernel")),
        contrast=bool(text(header, "ContrastBolusAgent") or items(header, "ContrastBolusAgentSequence")),
        pixels=pixels,
        frames=frames,
        refusal=refusal,
    )


def _slices(
    header: FileDataset, sop_class_uid: str, modality: str, element: PixelElement | None
) -> tuple[Pixels | None, tuple[Frame, ...], str]:
    try:
        _check_kind(header, sop_class_uid, modality)
        pixels = read_pixels(header, element)
        frames = _enhanced(header) if sop_class_uid in ENHANCED_CT else (_classic(header),)
        if len(frames) != pixels.frames:
            raise NotASlice(f"the header describes {len(frames)} frames but counts {pixels.frames}")
    except NotASlice as reason:
        return None, (), str(reason)
    return pixels, frames, ""


def _check_kind(header: Dataset, sop_class_uid: str, modality: str) -> None:
    """Refuse what is no cross-sectional CT image, by SOP class, modality, Image Type (PS3.3 C.8.2.1.1.1)."""
    if sop_class_uid != CTImageStorage and sop_class_uid not in ENHANCED_CT:
        raise NotASlice(f"{_class_name(sop_class_uid)}, not CT images")
    if modality != "CT":
        raise NotASlice(f"modality {modality or 'missing'}, not CT")
    kind = words(header, "ImageType")
    if any("LOCALIZER" in word or "SCOUT" in word for word in kind):
        raise NotASlice("localizer")
    rendered = [word for word in kind[2:] if any(mark in word for mark in RENDERED)]
    if kind[:1] == ("DERIVED",) and rendered:
        raise NotASlice(f"computed picture ({printable(rendered[0])}), not plain slices")
    if text(header, "BurnedInAnnotation") == "YES":
        raise NotASlice("text is burned into the pixels")


def _classic(header: Dataset) -> Frame:
    """The one slice of a CT Image Storage instance."""
    return _frame(None, [header], words(header, "ImageType"))


def _enhanced(header: Dataset) -> tuple[Frame, ...]:
    """The slices of an Enhanced CT instance, from its functional groups (PS3.3 C.7.6.16)."""
    shared = [macro for group in items(header, "SharedFunctionalGroupsSequence") for macro in _macros(group)]
    frames = []
    for number, own in enumerate(items(header, "PerFrameFunctionalGroupsSequence"), start=1):
        places = [*_macros(own), *shared, header]
        kind = _first(places, "FrameType", words) or words(header, "ImageType")
        if any("LOCALIZER" in word for word in kind):
            raise NotASlice("localizer")
        frames.append(_frame(number, places, kind))
    return tuple(frames)


def _macros(group: Dataset) -> list[Dataset]:
    """The first item of every functional group macro in one item of a functional groups sequence."""
    found: list[Dataset] = []
    for keyword in group.dir():
        if keyword.endswith("Sequence"):
            found.extend(items(group, keyword)[:1])
    return found


def _frame(number: int | None, places: list[Dataset], kind: tuple[str, ...]) -> Frame:
    """Build a slice from the first of ``places`` (the last is the whole header) that says each thing."""
    slope, intercept = _rescale(places)
    return Frame(
        number=number,
        plane=_plane(places),
        slope=slope,
        intercept=intercept,
        thickness_mm=next(iter(_first(places, "SliceThickness", numbers)), None),
        phase=(*kind[:2], *(_first(places, keyword, text) for keyword in SHARED_BY_SLICES)),
        timing=tuple(_first(places, keyword, text) for keyword in TIMING),
    )


def _plane(places: list[Dataset]) -> Plane:
    position = _first(places, "ImagePositionPatient", numbers)
    orientation = _first(places, "ImageOrientationPatient", numbers)
    spacing = _first(places, "PixelSpacing", numbers)
    if (len(position), len(orientation), len(spacing)) != (3, 6, 2):
        raise NotASlice("no image position, orientation or pixel spacing in the header")
    try:
        return plane(position, orientation, spacing, whole(places[-1], "Rows"), whole(places[-1], "Columns"))
    except ValueError as reason:
        raise NotASlice(str(reason)) from reason


def _rescale(places: list[Dataset]) -> tuple[float, float]:
    """Return slope and intercept to HU (PS3.3 C.11.1.1.2); several makers write US, "unspecified", for HU."""
    slope, intercept = (_first(places, keyword, numbers) for keyword in ("RescaleSlope", "RescaleIntercept"))
    if len(slope) != 1 or len(intercept) != 1 or slope[0] == 0:
        raise NotASlice("no rescale to Hounsfield units in the header")
    unit = _first(places, "RescaleType", text).upper()
    if unit not in ("", "HU", "HU_MOD", "US"):
        raise NotASlice(f"values are {printable(unit)}, not Hounsfield units")
    return slope[0], intercept[0]


def _first(places: Sequence[Dataset], keyword: str, read: Callable[[Dataset, str], T]) -> T:
    """Read ``keyword`` from the first data set that holds it, else the reader's empty value."""
    return read(next((place for place in places if keyword in place), NOTHING), keyword)


def _class_name(sop_class_uid: str) -> str:
    name = UID(sop_class_uid).name if sop_class_uid else "no SOP class"
    return printable(name.removesuffix(" Storage"))
