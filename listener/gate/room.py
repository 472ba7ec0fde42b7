"""Connections in; whether there is room for one more out, and which of those that only wait must go for it.

Two crowds are counted apart. Who has connected and not yet asked for an association can be anybody: of these
the oldest goes when one more comes, so that a thousand silent connections keep nobody out. Associations are
counted in all and by host; when there is no room for one more, the one that has made no progress for the
longest goes, unless all of them are at work.
"""

import threading
import time
from dataclasses import dataclass, field

from listener.gate.line import Line

_MOST_WAITING = 64
_AT_WORK_SECONDS = 5.0
"""An association that completed a message, or brought a piece of one, so recently is never sent away."""


@dataclass(eq=False, slots=True)
class Guest:
    """One connection: where from, and when it last made progress (monotonic seconds)."""

    host: str
    line: Line
    progress: float = field(default_factory=time.monotonic)

    def made_progress(self) -> None:
        """Note that it is at work."""
        self.progress = time.monotonic()


class Room:
    """Who is there; every method may be called from any thread."""

    def __init__(self, most_associations: int, most_associations_per_host: int) -> None:
        self._most = most_associations
        self._most_per_host = most_associations_per_host
        self._waiting: dict[Guest, None] = {}  # a set that keeps the order of arrival
        self._associated: set[Guest] = set()
        self._lock = threading.Lock()

    def enter(self, guest: Guest) -> None:
        """A connection was accepted."""
        with self._lock:
            if len(self._waiting) >= _MOST_WAITING:
                oldest = next(iter(self._waiting))
                del self._waiting[oldest]
                oldest.line.drop()
            self._waiting[guest] = None

    def associate(self, guest: Guest) -> bool:
        """It asks for an association: whether there is room for it."""
        with self._lock:
            self._waiting.pop(guest, None)
            neighbours = [other for other in self._associated if other.host == guest.host]
            for crowd, most in ((neighbours, self._most_per_host), (self._associated, self._most)):
                if len(crowd) >= most:
                    slowest = min(crowd, key=lambda other: other.progress)
                    if time.monotonic() - slowest.progress < _AT_WORK_SECONDS:
                        return False
                    self._associated.discard(slowest)
                    slowest.line.drop()
            guest.made_progress()
            self._associated.add(guest)
            return True

    def dismiss(self, guest: Guest) -> None:
        """Its association has ended, and it may close its connection."""
        with self._lock:
            if guest in self._associated:
                self._associated.discard(guest)
                self._waiting[guest] = None

    def leave(self, guest: Guest) -> None:
        """Its connection has ended."""
        with self._lock:
            self._waiting.pop(guest, None)
            self._associated.discard(guest)

    def drop_all(self) -> None:
        """Send everybody away."""
        with self._lock:
            for guest in (*self._waiting, *self._associated):
                guest.line.drop()

    def is_empty(self) -> bool:
        """Whether everybody has left."""
        with self._lock:
            return not self._waiting and not self._associated
