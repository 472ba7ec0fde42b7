"""A radiologist's word on a vertebra: the value, and the JSON line it leaves the node as.

`faintline verdicts` writes one JSON object a line (UTF-8, oldest first), for training. The keys, all always
present:

=====================  ==================================================================================
form                   2; another number means that the meaning of a key has changed
study_instance_uid     the study's UID (0020,000D) as received
series_instance_uid    the series the vertebra was seen on: its images are what ``centre_lps_mm`` refers to
level                  the reader's level, ``"T12"``, ``"L1"``, ...; null where nobody named it
centre_lps_mm          ``[x, y, z]`` of the body's centre, LPS mm, as the node found it
grade                  the reader's Genant grade, 0 to 3; null: not given
fractured              true, false: the reader's answer at all; with a grade always ``grade >= 1``. null: the
                       reader took our finding out of the report and said nothing of the vertebra (form 2)
found_level            what the node had said of it: its level (or null) ...
found_grade            ... and its grade
tracking_uid           the tracking UID (112040, DCM) under which the node had reported it
reader_role            ``"radiologist"`` for a verified document, else ``"unverified reader"``; never a name
source                 ``"structured report"`` or ``"web page"``
source_uid             SOP Instance UID of the answering document; "" for the web page
decided_at             ISO 8601 with its offset; without one the node's own time zone is meant
=====================  ==================================================================================

Of several lines about one ``tracking_uid`` the latest ``decided_at`` counts, of those that are not null in
``fractured`` if there is one. A vertebra that a reader left as
it was, in a document that was verified, is an answer too: its ``grade`` equals ``found_grade``. What a reader
says nothing of has no line.
"""

import json
from dataclasses import asdict, dataclass
from typing import Final

FORM: Final = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """One reader's answer about one vertebra; the module's docstring explains every attribute."""

    study_instance_uid: str
    series_instance_uid: str
    level: str | None
    centre_lps_mm: tuple[float, float, float]
    grade: int | None
    fractured: bool | None
    found_level: str | None
    found_grade: int
    tracking_uid: str
    reader_role: str
    source: str
    source_uid: str
    decided_at: str

    def line(self) -> str:
        """Return the verdict as one line of JSON, without the line's end."""
        return json.dumps({"form": FORM, **asdict(self)})
