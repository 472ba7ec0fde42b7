"""Files of a certificate, its key and the authority of the peers in; contexts for either side of TLS out.

BCP 195 (RFC 8996, RFC 9325), as PS3.15 B.12 asks: TLS 1.2 and 1.3, forward secrecy and authenticated ciphers.
"""

import ssl
import threading
from pathlib import Path

import structlog

from listener.settings import Tls

log = structlog.get_logger()

_CIPHERS_OF_TLS_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20"


def server_context(tls: Tls) -> ssl.SSLContext:
    """Make a context from the files; raises OSError (ssl.SSLError is one) where they cannot be used."""
    assert tls.certificate is not None and tls.key is not None
    context = _context(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, tls.key)
    if tls.authority is not None:
        context.load_verify_locations(tls.authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(tls: Tls, authority: Path) -> ssl.SSLContext:
    """Make a context for a peer that ``authority`` vouches for, name included; raises as `server_context`."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority)
    if tls.certificate is not None:
        context.load_cert_chain(tls.certificate, tls.key)
    return context


def _context(side: int) -> ssl.SSLContext:
    context = ssl.SSLContext(side)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS_OF_TLS_1_2)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    return context


class CurrentContext:
    """The context of the files as they are now: a renewed certificate needs no restart."""

    def __init__(self, tls: Tls) -> None:
        self._tls = tls
        self._lock = threading.Lock()
        self._seen = self._state()
        self._context = server_context(tls)

    def get(self) -> ssl.SSLContext:
        """The newest context that could be made."""
        with self._lock:
            state = self._state()
            if state != self._seen:
                self._seen = state
                try:
                    self._context = server_context(self._tls)
                    log.info("certificate reloaded")
                except OSError as error:
                    log.error("certificate not reloaded, the old one stays in use", kind=type(error).__name__)
            return self._context

    def _state(self) -> list[tuple[int, int] | None]:
        files = (self._tls.certificate, self._tls.key, self._tls.authority)
        return [_state_of(file) for file in files if file is not None]


def _state_of(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
