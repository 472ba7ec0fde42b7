"""What a hostile or broken peer may send, case by case; each says what a sound node does about it."""

from peers.attacks import crowds, datasets, framing, identifiers, messages, negotiation
from peers.attacks.case import CASES, Case

__all__ = ["CASES", "Case", "crowds", "datasets", "framing", "identifiers", "messages", "negotiation"]
