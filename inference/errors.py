"""What can go wrong in inference, as one tree; every message is plain words without patient data.

* InferenceError
  x UnreadableSeriesError: a series cannot become a volume; another series may
  x MixedStudyError: the files are not one study of one patient; nothing may be reported on them
    + SeveralStudiesError
    + PatientMismatchError
  x BundleError: the networks cannot be loaded or are not what their card says
"""

import errno

_OF_THE_MACHINE = (errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.ESTALE)


def is_the_machines(error: Exception) -> bool:
    """Whether it was the machine that could not read a file now: then no answer may follow from it."""
    return isinstance(error, OSError) and error.errno in _OF_THE_MACHINE


class InferenceError(Exception):
    """Anything that stops a screening and can be said to a person."""


class UnreadableSeriesError(InferenceError):
    """A series cannot be turned into a volume that is true to the patient."""


class MixedStudyError(InferenceError):
    """The files do not belong to one study of one patient."""


class SeveralStudiesError(MixedStudyError):
    """The files carry more than one Study Instance UID."""


class PatientMismatchError(MixedStudyError):
    """The headers of one study disagree about who the patient is."""


class BundleError(InferenceError):
    """A bundle of networks is damaged, unknown or not what its card says."""
