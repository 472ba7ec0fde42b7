"""An association that we request of pynetdicom, in, out without the thread that would serve the peer in it.

pynetdicom (3.0.4) reads the connection in one thread and serves the peer in another, which is to pause while
we wait for an answer. Where a peer dies both fail us, and we would wait as long as a slow transfer may take:

- the second says that it pauses before it does, and takes the word of the end; and a report (N-EVENT-REPORT),
  which is served in a thread of its own, says for it that it does not pause when it does;
- the first, ended by a fault, tells nobody.

We serve nobody but those reports: here the second is never started, and the end of the first is an answer.
"""

import threading

from pynetdicom.association import Association

_NO_ANSWER = (None, None)
"""What pynetdicom's own queue of answers holds where the association has ended (`DIMSEServiceProvider`)."""


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


def serve_nobody_in(association: Association) -> None:
    """Make it so in an association whose connection has just been opened."""
    association.__class__ = Requestor
    threading.Thread(target=_tell_of_the_end, args=[association], name="end of a call", daemon=True).start()


def _tell_of_the_end(association: Association) -> None:
    association.dul.join()
    association.dimse.msg_queue.put(_NO_ANSWER)
