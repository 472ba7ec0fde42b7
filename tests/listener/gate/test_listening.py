"""The gate over real connections: TLS, reloading, and an end that leaves nothing behind."""

import contextlib
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from peers.certificates import certify
from peers.no_notes import NoNotes
from peers.programs import free_port, wait_until
from peers.wire import RJ, RQ, Instance, Target, Wire, associate, item, pdu, user_information

from listener import scp
from listener.audit import Audit
from listener.settings import Receiver, Tls
from listener.spool import Spool

_PLAIN = Tls()


@contextlib.contextmanager
def gate(folder: Path, tls: Tls = _PLAIN, **settings: object) -> Iterator[Target]:
    receiver = Receiver.model_validate(
        {"port": free_port(), "callers": "any", "free_space_mb": 0, **settings}
    )
    server = scp.serve(receiver, tls, Spool(folder / "spool"), NoNotes(), Audit(folder / "audit"))
    try:
        yield Target(receiver.port)
    finally:
        server.shutdown()


def secure(target: Target, context: ssl.SSLContext) -> Wire:
    wire = target.connect()
    wire.socket = context.wrap_socket(wire.socket)
    return wire


def client(*own: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if own:
        context.load_cert_chain(own[0], own[1])
    return context


def test_a_tls_sender_is_served_and_a_plain_one_is_not(tmp_path: Path) -> None:
    server, key = certify(tmp_path, "server")
    with gate(tmp_path, tls=Tls(certificate=server, key=key)) as target:
        with secure(target, client()) as wire:
            wire.send(pdu(RQ, associate()))
            assert wire.receive()[0] == 2
            assert wire.store(Instance()) == 0
            assert isinstance(wire.socket, ssl.SSLSocket)
            assert wire.socket.version() in ("TLSv1.2", "TLSv1.3")
        with target.connect() as wire:
            assert wire.send(target.request()).ends()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_versions_of_tls_are_refused(tmp_path: Path) -> None:
    server, key = certify(tmp_path, "server")
    with gate(tmp_path, tls=Tls(certificate=server, key=key)) as target:
        old = client()
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, OSError)):
            secure(target, old)
        cbc = client()
        cbc.maximum_version = ssl.TLSVersion.TLSv1_2
        cbc.set_ciphers("AES256-SHA256:ECDHE-RSA-AES256-SHA384")
        with pytest.raises((ssl.SSLError, OSError)):
            secure(target, cbc)


def test_with_an_authority_only_its_peers_get_in(tmp_path: Path) -> None:
    server, key = certify(tmp_path, "server")
    peer = certify(tmp_path, "peer")
    stranger = certify(tmp_path, "stranger")
    with gate(tmp_path, tls=Tls(certificate=server, key=key, authority=peer[0])) as target:
        with secure(target, client(*peer)) as wire:
            assert wire.send(pdu(RQ, associate())).receive()[0] == 2
        for own in ((), stranger):
            with pytest.raises((OSError, AssertionError)), secure(target, client(*own)) as wire:
                wire.send(pdu(RQ, associate()))
                assert not wire.ends(), "as it must be"


def test_half_handshakes_keep_nobody_out(tmp_path: Path) -> None:
    server, key = certify(tmp_path, "server")
    with gate(tmp_path, tls=Tls(certificate=server, key=key)) as target, contextlib.ExitStack() as crowd:
        for _ in range(50):
            crowd.enter_context(target.connect()).send(b"\x16\x03\x01\x02\x00\x01")
        with secure(target, client()) as wire:
            assert wire.send(pdu(RQ, associate())).receive()[0] == 2


def test_a_renewed_certificate_is_used_without_a_restart(tmp_path: Path) -> None:
    server, key = certify(tmp_path, "server")
    with gate(tmp_path, tls=Tls(certificate=server, key=key)) as target:

        def shown() -> bytes | None:
            with secure(target, client()) as wire:
                assert isinstance(wire.socket, ssl.SSLSocket)
                return wire.socket.getpeercert(binary_form=True)

        before = shown()
        certify(tmp_path, "server")
        assert shown() != before
        key.write_text("damaged")
        assert shown() is not None, "a damaged key must not take the old certificate away"


def test_an_end_leaves_no_thread_and_no_connection_behind(tmp_path: Path) -> None:
    before = threading.active_count()
    with gate(tmp_path) as target:
        wires = [target.connect() for _ in range(10)]
        standing = target.connect().send(target.request())
        assert standing.receive()[0] == 2
    assert all(wire.ends() for wire in (*wires, standing))
    wait_until(lambda: threading.active_count() <= before + 2, "the gate's threads are gone")


def test_a_sender_that_identifies_its_user_is_refused_where_that_is_set(tmp_path: Path) -> None:
    identity = item(0x58, b"\x01\x00\x00\x04user\x00\x00")
    with gate(tmp_path, user_identity="refuse") as target:
        with target.connect() as wire:
            user = [user_information(16384, identity)]
            assert wire.send(target.request(user=user)).receive()[0] == RJ
        target.serves()


def test_an_instance_larger_than_allowed_is_refused_and_the_association_lives_on(tmp_path: Path) -> None:
    with gate(tmp_path, maximum_instance_mb=1) as target, target.associated() as wire:
        assert wire.store(Instance(pixels=bytes(2 << 20))) == 0xA700
        assert wire.store(Instance()) == 0
