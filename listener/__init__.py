"""The DICOM node: receives studies, has them screened, builds the results, sends them back."""

from importlib.metadata import version

__version__ = version("faintline")
