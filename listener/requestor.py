"""An association that we request of pynetdicom, in, out without the thread that would serve the peer in it.

pynetdicom (3.0.4) reads the connection in one thread and serves the peer in another, which is to pause while
we wait for an answer. Where a peer dies both fail us, and we would wait as long as a slow transfer may take:

- the second says that it pauses before it does, and takes the word of the end; and a report (N-EVENT-REPORT),
  which is served in a thread of its own, says for it that it does not pause when it does;
- the first, ended by a fault, tells nobody.

We serve nobody but those reports: here the second is never started, and what else it did is done here. An
association lasts as long as somebody reads its connection; the end of that is an answer; a peer that wants to
leave is let go.
"""

import threading

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.pdu import A_RELEASE_RQ

_NO_ANSWER = (None, None)
"""What pynetdicom's own queue of answers holds where the association has ended (`DIMSEServiceProvider`)."""
_ESTABLISHED = "Sta6"
"""Ready for data transfer (PS3.8 9.2.1)."""


class Requestor(Association):
    """One that asks and serves nothing: what asks it to pause always finds it so."""

    def start(self) -> None:
        """Start no thread."""

    @property
    def _is_paused(self) -> bool:
        return True

    @_is_paused.setter
    def _is_paused(self, value: bool) -> None:
        """Take no other word for it."""

    @property
    def is_established(self) -> bool:
        """Whether the peer accepted, and its connection is still read."""
        return bool(self.__dict__["is_established"]) and self.dul.is_alive()

    @is_established.setter
    def is_established(self, value: bool) -> None:
        self.__dict__["is_established"] = value


def serve_nobody_in(association: Association) -> None:
    """Make it so in an association whose connection has just been opened."""
    association.__class__ = Requestor
    association.bind(evt.EVT_PDU_RECV, _let_go)
    threading.Thread(target=_tell_of_the_end, args=[association], name="end of a call", daemon=True).start()


def _let_go(event: Event) -> None:
    """Answer a peer's A-RELEASE-RQ (PS3.8 7.2.2); where we want to leave too, pynetdicom does."""
    if isinstance(event.pdu, A_RELEASE_RQ) and event.assoc.dul.state_machine.current_state == _ESTABLISHED:
        event.assoc.acse.send_release(is_response=True)


def _tell_of_the_end(association: Association) -> None:
    association.dul.join()
    if association.dul.socket is not None:
        association.dul.socket.close()  # a fault leaves it open
    association.dimse.msg_queue.put(_NO_ANSWER)
