"""A function that attacks in; a named case among the others out."""

from collections.abc import Callable
from dataclasses import dataclass

from peers.wire import Target


@dataclass(frozen=True, slots=True)
class Case:
    """One attack: its class, its name, and the function that carries it out and raises AssertionError."""

    group: str
    name: str
    run: Callable[[Target], None]
    seconds: float


CASES: list[Case] = []


def attack(
    group: str, name: str, seconds: float = 0
) -> Callable[[Callable[[Target], None]], Callable[[Target], None]]:
    """Add a case; `seconds` is how long it takes where that is long."""

    def add(run: Callable[[Target], None]) -> Callable[[Target], None]:
        CASES.append(Case(group, name, run, seconds))
        return run

    return add
