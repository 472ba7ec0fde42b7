"""`faintline-train` in this process: words in, its exit status and all that it prints out."""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from unittest.mock import patch

from training.cli import main


def said(*words: object) -> tuple[int, str]:
    """What one call of the program comes to; an exception that it does not put into words is raised."""
    text = io.StringIO()
    with patch.object(sys, "argv", ["faintline-train", *map(str, words)]):
        try:
            with redirect_stdout(text), redirect_stderr(text):
                main()
        except SystemExit as end:
            if isinstance(end.code, str):  # the interpreter prints it and ends with 1
                return 1, text.getvalue() + end.code
            return end.code or 0, text.getvalue()
    return 0, text.getvalue()
