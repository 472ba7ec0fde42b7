"""What `faintline serve` says on one screen when it starts."""

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from inference.card import DEFAULT_BUNDLE, read_card
from listener import __version__
from listener.results.identity import MANUFACTURER
from listener.settings import Settings


def show(settings: Settings) -> None:
    """Print who we are, where we listen, whom we send to, and which model speaks."""
    identity = read_card(settings.worker.bundle or DEFAULT_BUNDLE).identity
    table = Table.grid(padding=(0, 2))
    receiver = settings.receiver
    table.add_row("AE title", receiver.ae_title)
    table.add_row("address", f"{receiver.host}:{receiver.port}")
    table.add_row("callers", _callers(settings))
    for destination in settings.destinations:
        at = f"{destination.ae_title} at {destination.host}:{destination.port}"
        table.add_row("destination", f"{destination.name}: {at}")
    if not settings.destinations:
        table.add_row("destination", "[yellow]none: results stay in the folder")
    table.add_row("model", f"{identity.name} {identity.version} ({identity.weights_sha256[:12]})")
    table.add_row("folder", str(settings.folder))
    table.add_row("use", "[yellow]for research use only")
    Console(stderr=True).print(Panel(table, title=f"{MANUFACTURER} {__version__}", expand=False))


def _callers(settings: Settings) -> str:
    callers = settings.receiver.callers
    if callers == "any":
        return '[red]anybody may send (callers = "any")'
    if not callers:
        return "[red]nobody may send (callers is empty)"
    return ", ".join(f"{caller.ae_title} at {caller.host or 'any address'}" for caller in callers)
