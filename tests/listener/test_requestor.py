"""What of pynetdicom's inside the mended association rests on: an upgrade that changes it fails here."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from ct_slices import ct_slice
from peers.programs import wait_until
from peers.provider import providing
from pydicom.uid import CTImageStorage
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.events import Event, EventHandlerType

from listener.requestor import Requestor, serve_nobody_in

ANSWER_SECONDS = 60


class Pacs:
    """A peer that takes a slice and answers when it is told to."""

    def __init__(self) -> None:
        self.asked, self.answer = threading.Event(), threading.Event()

    @contextmanager
    def called(self) -> Iterator[Association]:
        """An association with it, as `Caller` opens one."""
        peer = AE("PACS")
        peer.add_supported_context(CTImageStorage)
        ours = AE("FAINTLINE")
        ours.add_requested_context(CTImageStorage)
        ours.dimse_timeout, ours.acse_timeout = ANSWER_SECONDS, 1
        handlers: list[EventHandlerType] = [(evt.EVT_CONN_OPEN, lambda event: serve_nobody_in(event.assoc))]
        with providing(peer, [(evt.EVT_C_STORE, self._store)]) as port:
            association = ours.associate("127.0.0.1", port, evt_handlers=handlers)
            try:
                assert association.is_established
                yield association
            finally:
                self.answer.set()
                association.release()

    def _store(self, event: Event) -> int:
        self.asked.set()
        self.answer.wait(ANSWER_SECONDS)
        return 0x0000


def test_no_thread_takes_messages_from_the_one_that_asks() -> None:
    with Pacs().called() as association:
        assert type(association) is Requestor
        assert not association.is_alive()
        association._is_paused = False
        assert association._is_paused


def test_an_answer_is_an_answer() -> None:
    pacs = Pacs()
    pacs.answer.set()
    with pacs.called() as association:
        assert association.send_c_store(ct_slice()).Status == 0x0000
        assert association.send_c_store(ct_slice()).Status == 0x0000
    assert association.is_released


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_the_thread_that_reads_ends_the_wait_for_an_answer() -> None:
    pacs = Pacs()
    with pacs.called() as association, ThreadPoolExecutor(1) as sender:
        answer = sender.submit(association.send_c_store, ct_slice())
        wait_until(pacs.asked.is_set, "the peer has the slice", timeout_s=20)
        association.dul.event_queue.put("no event of PS3.8 table 9-10")
        since = time.monotonic()
        assert "Status" not in answer.result(timeout=ANSWER_SECONDS)
        assert time.monotonic() - since < ANSWER_SECONDS / 4
