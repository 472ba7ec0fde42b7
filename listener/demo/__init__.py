"""`faintline demo`: a phantom CT with known fractures goes in over DICOM, SR and SC come back.

`run` tells the story from top to bottom, `pacs` is the small test PACS on the other side, `comparison` sets
what came back beside what is true.
"""
