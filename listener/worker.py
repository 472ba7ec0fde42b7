"""The worker role: screens studies from the durable queue. The only role that imports torch.

``python -m listener.worker SETTINGS SLOT`` runs it; `faintline serve` starts one for each slot.
"""

import os
import resource
import sys

import structlog
import torch

from inference.bundle import load_bundle
from listener import durable_queue
from listener.process import run_role, until_stopped
from listener.registry import Registry
from listener.screening import Screener
from listener.settings import Settings, Worker
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


def limit_memory(worker: Worker) -> None:
    """Let an image that claims to be huge fail here, and not take the machine's memory from the others.

    The limit is on private writable memory (RLIMIT_DATA): address space that is only reserved is free.
    """
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = worker.memory_limit_mb << 20 or machine * 3 // 4 // worker.processes
    _, highest = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (limit if highest < 0 else min(limit, highest), highest))


def main() -> None:
    """Run as a process of its own."""
    run_role(lambda settings: run(settings, int(sys.argv[2])))


if __name__ == "__main__":
    main()
