"""The settings: `sections` says what can be set, `whole` holds it, `reading` takes it from a file."""

from listener.settings.reading import load_settings
from listener.settings.sections import (
    Audit,
    Caller,
    Delivery,
    Destination,
    HL7Receiver,
    Log,
    Peer,
    Receiver,
    Report,
    Retention,
    Tls,
    Webhook,
    Worker,
)
from listener.settings.whole import Settings

__all__ = [
    "Audit",
    "Caller",
    "Delivery",
    "Destination",
    "HL7Receiver",
    "Log",
    "Peer",
    "Receiver",
    "Report",
    "Retention",
    "Settings",
    "Tls",
    "Webhook",
    "Worker",
    "load_settings",
]
