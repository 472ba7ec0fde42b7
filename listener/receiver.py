"""The receiver role: the door of the node. Never imports torch.

``python -m listener.receiver SETTINGS`` runs it; `faintline serve` starts it so.
"""

import sys
from pathlib import Path

import structlog

from listener import scp
from listener.journal import Journal, reconcile
from listener.process import die_with_parent, prepare, until_stopped
from listener.registry import Registry
from listener.settings import Settings, load_settings
from listener.spool import Spool

log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Reconcile registry and spool, then accept associations until stopped."""
    spool = Spool(settings.spool, settings.receiver.free_space_mb)
    registry = Registry(settings.registry_url)
    registry.arrivals.forget_associations()
    swept = spool.sweep()
    reconciled = reconcile(spool, registry)
    journal = Journal(registry)
    server = scp.serve(settings.receiver, spool, journal)
    log.info("receiving", port=settings.receiver.port, swept=swept, reconciled=reconciled)

    def stop() -> None:
        server.shutdown()
        journal.stop()

    until_stopped(stop)


def main() -> None:
    """Run as a process of its own."""
    settings = load_settings(Path(sys.argv[1]))
    prepare(settings.log)
    die_with_parent()
    run(settings)


if __name__ == "__main__":
    main()
