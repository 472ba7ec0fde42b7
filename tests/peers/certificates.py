"""Certificates made with openssl: a name in, the PEM files of a certificate and its key out."""

import subprocess
from pathlib import Path


def certify(folder: Path, name: str, *options: str) -> tuple[Path, Path]:
    """A certificate for two days, signed with its own key or as the options say, and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", f"/CN={name}", "-out", str(certificate), "-keyout", str(key), *options]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key
