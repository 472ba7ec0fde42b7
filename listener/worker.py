"""The worker role: screens studies from the durable queue. The only role that imports torch.

``python -m listener.worker SETTINGS SLOT`` runs it; `faintline serve` starts one for each slot.
"""

import os
import sys

import structlog
import torch

from inference.bundle import load_bundle
from listener import durable_queue
from listener.process import limit_memory, run_role, until_stopped
from listener.registry import Registry
from listener.screening import Screener
from listener.settings import Settings
from listener.turns import SCREENING_QUEUE, SCREENING_WORK, worker_name

log = structlog.get_logger()


def run(settings: Settings, slot: int) -> None:
    """Load the networks, then screen until stopped."""
    limit_memory(settings.worker)
    torch.set_num_threads(
        settings.worker.threads or max(1, (os.cpu_count() or 1) // settings.worker.processes)
    )
    bundle = load_bundle(settings.worker.bundle)
    screener = Screener(settings, Registry(settings.registry_url), bundle)
    durable_queue.run(
        settings.screening_queue_url, worker_name(slot), [SCREENING_QUEUE], {SCREENING_WORK: screener}
    )
    log.info("ready to screen", slot=slot, model=bundle.identity.name, version=bundle.identity.version)
    until_stopped()


def main() -> None:
    """Run as a process of its own."""
    run_role(lambda settings: run(settings, int(sys.argv[2])))


if __name__ == "__main__":
    main()
