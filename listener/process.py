"""What every process of the node does first: logging, file permissions, and dying with its parent."""

import contextlib
import logging
import os
import resource
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import structlog

from inference.errors import InferenceError
from listener.errors import ListenerError
from listener.settings import Log, Settings, Worker, load_settings

log = structlog.get_logger()


def prepare(log: Log) -> None:
    """Set up logging to standard error and keep what we write to ourselves (umask 077)."""
    os.umask(0o077)
    _keep_header_values_out()
    renderer = (
        structlog.processors.JSONRenderer()
        if log.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, log.level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _keep_header_values_out() -> None:
    """Silence what quotes the headers it reads: messages and warnings of libraries, foreign exceptions."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")
    for name in ("pynetdicom", "pydicom", "dbos", "alembic", "apscheduler", "highdicom"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")
    threading.excepthook = _tell_kind_and_place


def _tell_kind_and_place(failure: threading.ExceptHookArgs) -> None:
    where = traceback.format_tb(failure.exc_traceback)
    log.error("a thread failed", kind=failure.exc_type.__name__, where=where)


def limit_memory(worker: Worker) -> None:
    """Let an image that claims to be huge fail here, and not take the machine's memory from the others.

    The limit is on private writable memory (RLIMIT_DATA): address space that is only reserved is free. Where
    the machine runs out of memory all the same, the kernel shall end this process and not the receiver.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = worker.memory_limit_mb << 20 or machine * 3 // 4 // worker.processes
    _, highest = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (limit if highest < 0 else min(limit, highest), highest))


def run_role(run: Callable[[Settings], None]) -> None:
    """Run a role as the process of its own that the supervisor started: ``python -m MODULE SETTINGS …``."""
    try:
        settings = load_settings(Path(sys.argv[1]))
        prepare(settings.log)
        _die_with_parent()
        run(settings)
    except (ListenerError, InferenceError) as error:
        # These speak for themselves; a traceback would only hide what they say.
        print(error, file=sys.stderr)
        sys.exit(2)


def _die_with_parent() -> None:
    """End this process when its parent ends: the parent holds the other end of our standard input.

    A supervisor that is killed cannot stop its children; a closed pipe reaches them all the same.
    """

    def watch() -> None:
        while os.read(0, 1):
            pass  # it asks whether we are still there (`pulse`)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


SERVING = "faintline-role"
"""The name (proc(5), comm) that a process has from when it serves."""


def until_stopped(stop: Callable[[], None] | None = None) -> None:
    """Serve: block until SIGTERM or SIGINT, then call ``stop``."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(SERVING)
    # Not an Event: a handler that sets it while this thread is about to wait for it would wait for itself.
    stopped, stopping = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.write(stopping, b"."))
    os.read(stopped, 1)
    if stop is not None:
        stop()
