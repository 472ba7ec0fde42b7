"""``python -m inference FOLDER``: a folder of DICOM files in, the findings as one JSON object out."""

import argparse
import json
import os
import sys
from pathlib import Path

import torch

from inference.bundle import load_bundle
from inference.errors import InferenceError
from inference.findings_json import as_json
from inference.screen import screen_files


def main() -> int:
    """Screen the folder named on the command line; 0 where it could be read, 1 with a message where not."""
    parser = argparse.ArgumentParser(prog="python -m inference", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the DICOM files of one study")
    parser.add_argument("--bundle", type=Path, help="folder of the model bundle (default: the shipped one)")
    arguments = parser.parse_args()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    if not arguments.folder.is_dir():
        print(f"{arguments.folder} is no folder", file=sys.stderr)
        return 1
    try:
        files = sorted(path for path in arguments.folder.rglob("*") if path.is_file())
        report = screen_files(files, load_bundle(arguments.bundle)).report
    except InferenceError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(as_json(report), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
