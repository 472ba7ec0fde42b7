"""The presentation contexts we accept: which SOP classes, in which transfer syntaxes, in which order."""

from dataclasses import dataclass
from typing import Final

from listener.storage_classes import STORAGE_SOP_CLASSES

VERIFICATION: Final = "1.2.840.10008.1.1"
IMPLICIT_VR_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2.1"

CT_SOP_CLASSES: Final = frozenset(
    (
        "1.2.840.10008.5.1.4.1.1.2",  # CT Image Storage
        "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT Image Storage
        "1.2.840.10008.5.1.4.1.1.2.2",  # Legacy Converted Enhanced CT Image Storage
    )
)
"""What can be screened."""
SR_SOP_CLASSES: Final = frozenset(f"1.2.840.10008.5.1.4.1.1.88.{last}" for last in (11, 22, 33, 34))
"""What may answer our reports: Basic Text, Enhanced, Comprehensive and Comprehensive 3D SR."""

TRANSFER_SYNTAXES: Final[tuple[str, ...]] = (
    "1.2.840.10008.1.2.4.70",  # JPEG Lossless, first-order prediction
    "1.2.840.10008.1.2.4.57",  # JPEG Lossless
    "1.2.840.10008.1.2.4.80",  # JPEG-LS Lossless
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 Lossless Only
    "1.2.840.10008.1.2.4.201",  # High-Throughput JPEG 2000 Lossless Only
    "1.2.840.10008.1.2.5",  # RLE Lossless
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    "1.2.840.10008.1.2.2",  # Explicit VR Big Endian (retired)
    "1.2.840.10008.1.2.4.81",  # JPEG-LS Near-lossless
    "1.2.840.10008.1.2.4.91",  # JPEG 2000
    "1.2.840.10008.1.2.4.203",  # High-Throughput JPEG 2000
    "1.2.840.10008.1.2.4.50",  # JPEG Baseline, 8 bit
    "1.2.840.10008.1.2.4.51",  # JPEG Extended, 12 bit
)
"""In the order we prefer them: the first one proposed wins, and a sender that holds compressed images must
not have to decompress them. Deflated syntaxes are left out: a small one may inflate to gigabytes."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A SOP class that we accept, with its transfer syntaxes in the order of our preference.

    ``peer_provides`` where the peer is its SCP, as in reports of a storage commitment (PS3.4 J.3.3.1).
    """

    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]
    peer_provides: bool = False


def supported_contexts() -> list[Offer]:
    """What the receiver accepts."""
    storage = [Offer(sop_class, TRANSFER_SYNTAXES) for sop_class in STORAGE_SOP_CLASSES]
    return [Offer(VERIFICATION, (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)), *storage]
