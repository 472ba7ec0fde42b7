"""Everything the listener raises on purpose, split by what the caller does next.

* ListenerError
  + SettingsError      the settings file must be mended before anything can start
  + RefusedInstance    one C-STORE is refused with a DIMSE status; the association lives on
  + DamagedFile        a file of the spool is not what was once written there; it is reported and left
  + RegistryUnavailable  the registry's database is locked or gone; what was to be noted is tried again
  + CannotCall         our own files, a name nobody knows, a wrong answer: no talking to a destination; wait
  + StudyError         the study is parked with this reason; trying again will not help by itself
"""


class ListenerError(Exception):
    """Base of the tree."""


class SettingsError(ListenerError):
    """The settings are wrong; the message names the key."""


class RefusedInstance(ListenerError):  # noqa: N818  (a refusal is an answer, not a fault)
    """An instance that is not accepted.

    Attributes
    ----------
    status : DIMSE status to answer with (PS3.4 table B.2-1)
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class DamagedFile(ListenerError):  # noqa: N818
    """A file in the spool that cannot be read back."""


class RegistryUnavailable(ListenerError):  # noqa: N818
    """The registry's database cannot be used now."""


class CannotCall(ListenerError):  # noqa: N818
    """A destination cannot be called, or not be talked to; the message says why."""


class StudyError(ListenerError):
    """A study that cannot be screened; the message says why and names no patient."""
