"""What can keep a study from having a result. Caught where one turn of a workflow ends; no patient data."""


class ResultError(Exception):
    """No result object can be made of this study."""


class NoImagesError(ResultError):
    """There is no image the result could refer to."""


class MixedStudyError(ResultError):
    """The images do not belong to one patient's one study."""
