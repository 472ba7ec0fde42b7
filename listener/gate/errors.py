"""Why a connection ends; caught by `association`, which answers what can be answered.

* GateError
  + LineLost     the peer closed, reset or was dropped; nothing can be answered
  + TooSlow      the peer did not send, or take, in time what it had to
  + Violation    the peer broke the protocol; it is answered with A-ABORT
  + Released     the peer asked for release; it is answered
  + Aborted      the peer aborted; nothing is answered
"""


class GateError(Exception):
    """Base of the tree."""


class LineLost(GateError):  # noqa: N818
    """The connection is gone."""


class TooSlow(GateError):  # noqa: N818
    """A deadline has passed."""


class Violation(GateError):  # noqa: N818
    """The peer broke the protocol.

    Attributes
    ----------
    reason : of the A-ABORT it is answered with, service provider (PS3.8 table 9-26)
    """

    def __init__(self, what: str, reason: int) -> None:
        super().__init__(what)
        self.reason = reason


class Released(GateError):  # noqa: N818
    """A-RELEASE-RQ arrived."""


class Aborted(GateError):  # noqa: N818
    """A-ABORT arrived."""
