"""Notices: what they say, how they are signed and acknowledged, and what is tried again."""

import hashlib
import hmac
import http.server
import itertools
import json
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydicom.dataset import Dataset
from spine_cases import STUDY, study_of

from listener.delivery import Attempt, Outcome
from listener.notify import END, START, post, send_hl7
from listener.recipients import noticed
from listener.results.kinds import NoticeKind
from listener.results.notices import notices
from listener.settings import HL7Receiver, Settings, Webhook
from listener.study import Delivery, DeliveryState

SECRET = "correct horse battery staple"
NOW = datetime(2026, 3, 4, tzinfo=UTC)


def patient() -> Dataset:
    made = Dataset()
    made.PatientID, made.IssuerOfPatientID, made.PatientName = "47|11", "HOSP", "Doe^Jane^Q^Dr.^Jr."
    made.PatientBirthDate, made.PatientSex, made.AccessionNumber = "19500102", "F", "A-1"
    made.StudyDate, made.StudyTime = "20260304", "010203.123"
    return made


def body(kind: NoticeKind, study: str = "one flagged") -> bytes:
    made = {notice.kind: notice for notice in notices(study_of(study).statement(), patient())}
    return made[kind].body


def delivery(path: Path) -> Delivery:
    return Delivery(
        1, STUDY, "k", "webhook", "", "2.25.1", "", path, "ris", True, DeliveryState.PENDING, 0, NOW, 0, ""
    )


class _Web(http.server.BaseHTTPRequestHandler):
    status: ClassVar[int]
    received: ClassVar[list[tuple[dict[str, str], bytes]]]

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append(({name.lower(): value for name, value in self.headers.items()}, content))
        self.send_response(self.status)
        if self.status == 302:
            self.send_header("Location", "http://127.0.0.1:9/")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None: ...


@contextmanager
def web(status: int) -> Iterator[tuple[Webhook, list[tuple[dict[str, str], bytes]]]]:
    got: list[tuple[dict[str, str], bytes]] = []
    handler = type("Handler", (_Web,), {"status": status, "received": got})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/faintline"
        yield Webhook.model_validate({"name": "ris", "url": url, "secret": SECRET}), got
        server.shutdown()


@contextmanager
def mllp(answer: bytes) -> Iterator[tuple[HL7Receiver, list[bytes]]]:
    received: list[bytes] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            content = b""
            while END not in content:
                content += self.request.recv(4096)
            received.append(content)
            control_id = content.split(b"|")[9]
            self.wfile.write(answer.replace(b"{id}", control_id))

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        yield HL7Receiver(name="ris", host="127.0.0.1", port=port, application="RIS", facility="H"), received
        server.shutdown()


def posted(status: int, folder: Path) -> tuple[Attempt, list[tuple[dict[str, str], bytes]]]:
    path = folder / "webhook"
    path.write_bytes(body(NoticeKind.WEBHOOK))
    with web(status) as (webhook, received):
        return post(delivery(path), path, webhook, 5), received


def sent(answer: bytes, folder: Path) -> tuple[Attempt, list[bytes]]:
    path = folder / "hl7"
    path.write_bytes(body(NoticeKind.HL7))
    with mllp(answer) as (receiver, received):
        return send_hl7(delivery(path), path, receiver, 5), received


def test_a_webhook_can_check_who_wrote_and_that_nothing_was_changed(tmp_path: Path) -> None:
    attempt, ((headers, content),) = posted(200, tmp_path)
    assert attempt.outcome is Outcome.SENT
    signed = headers["x-faintline-timestamp"].encode() + b"." + content
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["x-faintline-signature"] == expected and headers["x-faintline-id"] == "2.25.1"
    told = json.loads(content)
    assert told["study_instance_uid"] == STUDY and told["answer"] == "flagged"
    assert told["flagged"][0]["level"] == "T12" and told["for_research_use_only"] is True


def test_a_webhook_is_told_nothing_of_the_patient() -> None:
    content = body(NoticeKind.WEBHOOK).decode()
    assert not any(secret in content for secret in ("Doe", "Jane", "47", "1950", "A-1"))


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (204, Outcome.SENT),
        (302, Outcome.REFUSED),
        (401, Outcome.REFUSED),
        (429, Outcome.LATER),
        (503, Outcome.LATER),
    ],
)
def test_every_status_has_its_consequence(tmp_path: Path, status: int, outcome: Outcome) -> None:
    attempt, received = posted(status, tmp_path)
    assert attempt.outcome is outcome and len(received) == 1


def test_a_webhook_or_receiver_that_is_down_is_tried_later(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(body(NoticeKind.HL7))
    webhook = Webhook.model_validate({"name": "w", "url": "http://127.0.0.1:9/", "secret": SECRET})
    receiver = HL7Receiver(name="h", host="127.0.0.1", port=9)
    made = delivery(tmp_path / "body")
    assert post(made, made.path, webhook, 2).outcome is Outcome.LATER
    assert send_hl7(made, made.path, receiver, 2).outcome is Outcome.LATER


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (b"AA", Outcome.SENT),
        (b"CA", Outcome.SENT),
        (b"AR", Outcome.LATER),
        (b"AE", Outcome.REFUSED),
        (b"CE", Outcome.REFUSED),
    ],
)
def test_every_acknowledgement_has_its_consequence(tmp_path: Path, code: bytes, outcome: Outcome) -> None:
    answer = START + b"MSH|^~\\&|RIS\rMSA|" + code + b"|{id}\r" + END
    attempt, (frame,) = sent(answer, tmp_path)
    assert attempt.outcome is outcome
    assert frame.startswith(START + b"MSH|^~\\&|FAINTLINE||RIS|H|") and frame.endswith(END)


@pytest.mark.parametrize("answer", [b"", START + b"MSH|\rMSA|AA|another\r" + END, b"garbage", START + END])
def test_without_an_acknowledgement_of_this_message_it_is_sent_again(tmp_path: Path, answer: bytes) -> None:
    assert sent(answer, tmp_path)[0].outcome is Outcome.LATER


def test_an_hl7_message_says_who_what_and_how_sure_we_are() -> None:
    lines = body(NoticeKind.HL7).decode().rstrip("\r").split("\r")
    segments = [line.split("|") for line in lines]
    assert [segment[0] for segment in segments[:3]] == ["MSH", "PID", "OBR"]
    header, pid, obr = segments[:3]
    assert (header[8], header[10], header[11], header[17]) == (
        "ORU^R01^ORU_R01",
        "P",
        "2.5.1",
        "UNICODE UTF-8",
    )
    assert (pid[3], pid[5], pid[7], pid[8]) == ("47\\F\\11^^^HOSP", "Doe^Jane^Q^Jr.^Dr.", "19500102", "F")
    assert (obr[3], obr[7], obr[25]) == ("A-1", "20260304010203", "P")
    results = [segment for segment in segments if segment[0] == "OBX"]
    assert results[0][5] == STUDY and all(segment[11] == "P" for segment in results)
    text = " ".join(segment[5] for segment in results)
    assert "T12: suspected compression fracture, Genant 2" in text and "FOR RESEARCH USE ONLY" in text


def test_the_same_result_gives_the_same_message() -> None:
    first, second = (notices(study_of("three flagged").statement(), patient()) for _ in range(2))
    assert [(one.uid, one.body) for one in first] == [(one.uid, one.body) for one in second]


def test_nobody_is_told_of_a_negative_study_unless_they_ask_for_it() -> None:
    webhook = Webhook.model_validate({"name": "w", "url": "http://ris/", "secret": SECRET})
    all_of_them = HL7Receiver(name="h", host="ris", port=2575, studies="all")
    peers, negative = (webhook, all_of_them), study_of("negative").report
    assert noticed(NoticeKind.WEBHOOK, negative, peers, ()) == ()
    assert noticed(NoticeKind.WEBHOOK, negative, peers, {"w"}) == ("w",)
    assert noticed(NoticeKind.HL7, negative, peers, ()) == ("h",)
    assert noticed(NoticeKind.WEBHOOK, study_of("one flagged").report, peers, ()) == ("w",)


def test_they_are_off_until_somebody_sets_them_and_the_secret_is_not_shown() -> None:
    assert Settings().webhooks == () and Settings().hl7 == ()
    webhook = Webhook.model_validate({"name": "w", "url": "http://ris/", "secret": SECRET})
    assert SECRET not in repr(webhook)


@contextmanager
def dribbling() -> Iterator[int]:
    """A port that takes what comes and answers a byte every tenth of a second, without end."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = server.accept()
                for byte in itertools.chain(b"HTTP/1.1 200 OK\r\nX: ", itertools.repeat(0x41)):
                    connection.sendall(bytes((byte,)))
                    time.sleep(0.1)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


@pytest.mark.slow
def test_a_webhook_whose_name_is_looked_up_for_too_long_is_given_up_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, look_up = tmp_path / "webhook", socket.getaddrinfo
    path.write_bytes(body(NoticeKind.WEBHOOK))

    def slowly(*arguments: Any, **more: Any) -> Any:
        time.sleep(2)
        return look_up(*arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    with dribbling() as port:
        url = f"http://127.0.0.1:{port}/"
        webhook = Webhook.model_validate({"name": "ris", "url": url, "secret": SECRET})
        began = time.monotonic()
        assert post(delivery(path), path, webhook, 0.5).outcome is Outcome.LATER
        assert time.monotonic() - began < 10


@pytest.mark.parametrize("kind", [NoticeKind.WEBHOOK, NoticeKind.HL7])
def test_one_that_dribbles_its_answer_is_given_up_in_time(tmp_path: Path, kind: NoticeKind) -> None:
    path = tmp_path / kind.value
    path.write_bytes(body(kind))
    with dribbling() as port:
        began = time.monotonic()
        if kind is NoticeKind.WEBHOOK:
            url = f"http://127.0.0.1:{port}/"
            webhook = Webhook.model_validate({"name": "ris", "url": url, "secret": SECRET})
            attempt = post(delivery(path), path, webhook, 0.5)
        else:
            attempt = send_hl7(
                delivery(path), path, HL7Receiver(name="ris", host="127.0.0.1", port=port), 0.5
            )
        assert attempt.outcome is Outcome.LATER and time.monotonic() - began < 5
