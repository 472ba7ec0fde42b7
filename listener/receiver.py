"""The receiver role: the door of the node. Never imports torch.

``python -m listener.receiver SETTINGS`` runs it; `faintline serve` starts it so.
"""

import gc

import structlog

from listener import scp
from listener.audit import STARTED, STOPPED, SUCCESS, Audit, AuditEvent
from listener.journal import Journal, reconcile
from listener.process import run_role, until_stopped
from listener.registry import Registry
from listener.settings import Settings
from listener.spool import Spool

log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Reconcile registry and spool, then accept associations until stopped."""
    spool = Spool(settings.spool, settings.receiver.free_space_mb)
    registry = Registry(settings.registry_url)
    swept = spool.sweep()
    reconciled = reconcile(spool, registry)
    # Not before: what a predecessor had open keeps a study's images, noted or not, from being cleared.
    registry.arrivals.forget_associations()
    journal = Journal(registry)
    audit = Audit(settings.audit_folder, settings.audit)
    audit.record(AuditEvent(STARTED, SUCCESS, settings.receiver.ae_title, "", "receiver started"))
    server = scp.serve(settings.receiver, settings.tls, spool, journal, audit)
    gc.freeze()  # what was imported stays: the collector need not walk over it between two instances
    log.info("receiving", port=settings.receiver.port, swept=swept, reconciled=reconciled)

    def stop() -> None:
        server.shutdown()
        journal.stop()
        audit.record(AuditEvent(STOPPED, SUCCESS, settings.receiver.ae_title, "", "receiver stopped"))

    until_stopped(stop)


def main() -> None:
    """Run as a process of its own."""
    run_role(run)


if __name__ == "__main__":
    main()
