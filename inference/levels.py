"""The vertebral levels: their names, their order, and the numbers other data sets give them."""

from typing import Final

CERVICAL: Final = tuple(f"C{i}" for i in range(1, 8))
THORACIC: Final = tuple(f"T{i}" for i in range(1, 13))
LUMBAR: Final = tuple(f"L{i}" for i in range(1, 6))

LEVELS: Final[tuple[str, ...]] = (*CERVICAL, *THORACIC, *LUMBAR, "S1")
"""Every level the network can name, cranial to caudal (25)."""

GRADED_LEVELS: Final[frozenset[str]] = frozenset((*THORACIC, *LUMBAR))
"""Genant's method is defined for these; neck and sacrum are located but not graded."""

VERSE_LABELS: Final[dict[int, str]] = {
    **{i + 1: name for i, name in enumerate((*CERVICAL, *THORACIC, *LUMBAR))},
    25: "L6",
    26: "S1",
    28: "T13",
}
"""VerSe's mask values (Sekuboyina et al. 2021); 26 is the sacrum, 27 the coccyx (unnamed here)."""
