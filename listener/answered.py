"""An association of pynetdicom's that we open in; the same, in which waiting for an answer ends with it, out.

pynetdicom (3.0.4) reads the connection in one thread and serves the peer in another, which is to pause while
we wait for an answer. Both fail us where a peer dies:

- the second says that it pauses before it does. In between it takes the word of the end, or an answer that
  comes at once, and we wait for what is gone;
- the first, ended by a fault, tells nobody.

The wait would last as long as the answer to a slow transfer may take.
"""

import threading

from pynetdicom.association import Association

_NO_ANSWER = (None, None)
_LONGEST_SECONDS = 5.0
"""A serving thread that does not come to its checkpoint by then has ended, or has much to do for the peer."""


class Checkpoint(threading.Event):
    """Where the serving thread stands while it is not set; clearing it waits until the thread is there."""

    def __init__(self, association: Association) -> None:
        super().__init__()
        self._association = association
        self._changed = threading.Condition()
        self._open = True
        self._stands = False

    def wait(self, timeout: float | None = None) -> bool:
        """Stand here while it is not set; for the serving thread alone."""
        with self._changed:
            while not self._open:
                self._stands = True
                self._changed.notify_all()
                if not self._changed.wait(timeout):
                    break
            self._stands = False
            return self._open

    def clear(self) -> None:
        """Let the serving thread pass no more, and wait until it stands here.

        Where it does not come, it has ended with the association, and so shall the wait that begins now.
        """
        with self._changed:
            self._open = False
            if threading.current_thread() is self._association:
                return
            self._changed.wait_for(lambda: self._stands or self._open, _LONGEST_SECONDS)
            if not self._stands:
                self._association.dimse.msg_queue.put(_NO_ANSWER)

    def set(self) -> None:
        """Let the serving thread pass."""
        with self._changed:
            self._open = True
            self._changed.notify_all()

    def is_set(self) -> bool:
        """Whether the serving thread may pass."""
        return self._open


def end_waits_with(association: Association) -> None:
    """Mend an association whose connection has just been opened."""
    association._reactor_checkpoint = Checkpoint(association)

    def tell() -> None:
        association.dul.join()
        association.dimse.msg_queue.put(_NO_ANSWER)

    threading.Thread(target=tell, name="end of a call", daemon=True).start()
