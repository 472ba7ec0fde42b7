"""An association that we request of pynetdicom, in, out without the thread that would serve the peer in it.

pynetdicom (3.0.4) reads the connection in one thread and serves the peer in another, which is to pause while
we wait for an answer. Where a peer dies both fail us, and we would wait as long as a slow transfer may take:

- the second says that it pauses before it does, and takes the word of the end; and a report (N-EVENT-REPORT),
  which is served in a thread of its own, says for it that it does not pause when it does;
- the first, ended by a fault, tells nobody.

We serve nobody but those reports: here the second is never started, and what else it did is done here. An
association lasts as long as somebody reads its connection; the end of that is an answer; a peer that wants to
leave is let go.

pynetdicom also numbers every message 1 and takes whatever comes next for its answer: where a peer answers
twice, the next result would count as stored. `Conversation` compares.
"""

import threading
from typing import Any

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.events import Event
from pynetdicom.pdu import A_RELEASE_RQ

from listener.errors import CannotCall

_NO_ANSWER = (None, None)
"""What pynetdicom's own queue of answers holds where the association has ended (`DIMSEServiceProvider`)."""
_HIGHEST_ID = 0xFFFF
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


class Conversation(DIMSEServiceProvider):
    """One in which every request has a number of its own, and only what answers that is an answer.

    Message ID Being Responded To: PS3.7 9.3 and 10.3. Another answer ends the association: `CannotCall`.
    """

    _asked: tuple[type, int, int] = (type(None), 0, 0)
    """What was asked last: its kind, its Message ID (0000,0110) and its presentation context."""

    def send_msg(self, primitive: Any, context_id: int) -> None:
        """Number a request."""
        if primitive.MessageIDBeingRespondedTo is None:
            primitive.MessageID = self._asked[1] % _HIGHEST_ID + 1
            self._asked = (type(primitive), primitive.MessageID, context_id)
        super().send_msg(primitive, context_id)

    def get_msg(self, block: bool = False) -> tuple[Any, Any]:
        """Take the answer to what was asked last."""
        context_id, answer = super().get_msg(block)
        if answer is None:
            return _NO_ANSWER
        if (type(answer), answer.MessageIDBeingRespondedTo, context_id) != self._asked:
            self.assoc.abort()
            raise CannotCall("the destination answered something else than what it was asked")
        return context_id, answer


def serve_nobody_in(association: Association) -> None:
    """Make it so in an association whose connection has just been opened."""
    association.__class__ = Requestor
    association.dimse.__class__ = Conversation
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
