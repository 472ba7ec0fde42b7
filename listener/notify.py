"""A notice on disk and where it goes in; what became of it out: HTTP POST, or HL7 over MLLP."""

import contextlib
import hashlib
import hmac
import re
import socket
import threading
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from listener.delivery import Attempt, Outcome
from listener.settings import HL7Receiver, Webhook
from listener.study import Delivery

START: Final = b"\x0b"
END: Final = b"\x1c\r"
"""What an MLLP frame begins and ends with."""
LARGEST_ANSWER: Final = 1 << 16
WORTH_ANOTHER_TRY: Final = frozenset((408, 425, 429))
"""HTTP refusals that say "later"; so do all of 500 and above."""


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return what a receiver compares ``X-Faintline-Signature`` with: HMAC-SHA256 over time and body."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def post(delivery: Delivery, path: Path, webhook: Webhook, timeout_seconds: float) -> Attempt:
    """POST a notice; the receiver tells repetitions by ``X-Faintline-Id``."""
    body, timestamp = path.read_bytes(), str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Faintline",
        "X-Faintline-Id": delivery.sop_instance_uid,
        "X-Faintline-Timestamp": timestamp,
        "X-Faintline-Signature": signature(webhook.secret.get_secret_value(), timestamp, body),
    }
    try:
        status = _posted(str(webhook.url), body, headers, timeout_seconds)
    except (OSError, ValueError, HTTPException) as error:
        return Attempt(delivery, Outcome.LATER, f"the webhook cannot be reached ({type(error).__name__})")
    if 200 <= status < 300:
        return Attempt(delivery, Outcome.SENT, "")
    later = status >= 500 or status in WORTH_ANOTHER_TRY
    return Attempt(delivery, Outcome.LATER if later else Outcome.REFUSED, f"the webhook answered {status}")


def _posted(url: str, body: bytes, headers: dict[str, str], timeout_seconds: float) -> int:
    """The status of the answer: no proxy, no redirect, and cut off after three times the time limit."""
    to = urlsplit(url)
    kind = HTTPSConnection if to.scheme == "https" else HTTPConnection
    connection = kind(to.hostname or "", to.port, timeout=timeout_seconds)

    is_cut = threading.Event()

    def cut() -> None:
        is_cut.set()
        if connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(3 * timeout_seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        connection.connect()
        if is_cut.is_set():  # a name that took so long to look up
            raise TimeoutError
        connection.request("POST", urlunsplit(("", "", to.path or "/", to.query, "")), body, headers)
        status = connection.getresponse().status
        if is_cut.is_set():  # what came before the cut looks like a whole answer
            raise TimeoutError
        return status
    finally:
        timer.cancel()
        connection.close()


def send_hl7(delivery: Delivery, path: Path, receiver: HL7Receiver, timeout_seconds: float) -> Attempt:
    """Send a message over MLLP and wait for its acknowledgement (HL7 v2.5.1 2.9.2)."""
    message = addressed(path.read_bytes(), receiver.application, receiver.facility)
    control_id = message.partition(b"\r")[0].split(b"|")[9]
    try:
        with socket.create_connection((receiver.host, receiver.port), timeout=timeout_seconds) as line:
            line.sendall(START + message + END)
            answer = _frame(line, time.monotonic() + timeout_seconds)
    except OSError as error:
        reason = f"the HL7 receiver cannot be reached ({type(error).__name__})"
        return Attempt(delivery, Outcome.LATER, reason)
    return _acknowledged(delivery, answer, control_id)


def addressed(body: bytes, application: str, facility: str) -> bytes:
    """Fill in who is to receive the message (MSH-5 and MSH-6), which its maker did not know."""
    head, _, rest = body.partition(b"\r")
    fields = head.split(b"|")
    fields[4:6] = [re.sub(rb"[|^~\\&\r]", b" ", text.encode()) for text in (application, facility)]
    return b"|".join(fields) + b"\r" + rest


def _frame(line: socket.socket, deadline: float) -> bytes:
    """The first frame that comes back; what came of it where the line ends before, or dribbles."""
    answer = b""
    while END not in answer and len(answer) < LARGEST_ANSWER and time.monotonic() < deadline:
        received = line.recv(4096)
        if not received:
            break
        answer += received
    return answer.partition(END)[0].lstrip(START)


def _acknowledged(delivery: Delivery, answer: bytes, control_id: bytes) -> Attempt:
    segments = [segment.split(b"|") for segment in answer.split(b"\r")]
    acknowledgement = next((fields for fields in segments if fields[0] == b"MSA" and len(fields) > 2), None)
    if acknowledgement is None or acknowledgement[2] != control_id:
        return Attempt(delivery, Outcome.LATER, "no acknowledgement of the HL7 message")
    code = acknowledgement[1].decode("ascii", "replace")
    if code in ("AA", "CA"):
        return Attempt(delivery, Outcome.SENT, "")
    outcome = Outcome.LATER if code in ("AR", "CR") else Outcome.REFUSED
    return Attempt(delivery, outcome, f"the HL7 receiver answered {code[:2]}")
