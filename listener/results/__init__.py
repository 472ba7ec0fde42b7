"""From a study report to the DICOM objects that tell it: a Structured Report and a picture.

Start at `build.build_results`. `identity` alone imports neither highdicom nor Pillow.
"""
