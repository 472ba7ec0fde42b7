"""`faintline serve`: starts the roles as processes of their own and starts again whichever dies or hangs."""

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog

from inference.card import DEFAULT_BUNDLE, verify
from listener import durable_queue
from listener.durable_file import make_folder
from listener.errors import SettingsError
from listener.process import SERVING, until_stopped
from listener.pulse import LOOK_SECONDS, Pulse
from listener.registry import Registry
from listener.results.language import read_language
from listener.service_manager import Standing, tell
from listener.settings import Settings

log = structlog.get_logger()

_SHORTEST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 30.0
_SETTLED_SECONDS = 30.0
_STOP_SECONDS = 10.0


def serve(settings: Settings, settings_file: Path) -> None:
    """Run the whole node in the foreground until stopped."""
    with running(settings, settings_file):
        until_stopped()
        log.info("stopping")


@contextmanager
def running(settings: Settings, settings_file: Path) -> Iterator[None]:
    """Keep every role's process alive while the block runs; however this process ends, they end with it."""
    verify(settings.worker.bundle or DEFAULT_BUNDLE)
    read_language(settings.report)
    with _alone_in(settings.folder):
        prepare_databases(settings)
        roles = [["listener.receiver"], ["listener.dispatcher"]]
        roles += [["listener.worker", str(slot)] for slot in range(1, settings.worker.processes + 1)]
        if settings.worker.shadow is not None:
            roles.append(["listener.shadow"])
        children = [Child(role[0], [str(settings_file), *role[1:]]) for role in roles]
        try:
            with _looked_after(children):
                yield
        finally:
            for child in children:
                child.stop()


@contextmanager
def _looked_after(children: Sequence["Child"]) -> Iterator[None]:
    """Look at every child again and again; systemd learns that all serve, and as long as this goes on."""
    over = threading.Event()

    def look() -> None:
        is_serving = False
        while not over.wait(LOOK_SECONDS):
            kept = [child.look() for child in children]
            if is_serving and all(kept):
                tell(Standing.ALIVE)
            elif not is_serving:
                is_serving = all(child.serves() for child in children)
                tell(Standing.SERVING if is_serving else Standing.STARTING)

    threading.Thread(target=look, name="watch the roles", daemon=True).start()
    try:
        yield
    finally:
        over.set()
        tell(Standing.STOPPING)


def prepare_databases(settings: Settings) -> None:
    """Create or update the registry and the queues."""
    make_folder(settings.spool)
    make_folder(settings.results)
    registry = Registry(settings.registry_url)
    registry.migrate()
    registry.close()
    durable_queue.prepare(settings.screening_queue_url)
    durable_queue.prepare(settings.delivery_queue_url)


class Child:
    """One role's process, kept alive; the pause before its next start grows while it dies quickly.

    One that is there and does nothing any more is ended, and started again like one that died.
    """

    def __init__(self, module: str, arguments: Sequence[str]) -> None:
        self._command = [sys.executable, "-m", module, *arguments]
        self._role = module.removeprefix("listener.")
        self._stopping = threading.Event()
        self._pulse = self._start()
        self._thread = threading.Thread(target=self._keep_alive, name=f"keep {module} alive", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the process to end, and make it end."""
        self._stopping.set()
        self._pulse.process.terminate()
        try:
            self._pulse.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._pulse.process.kill()
            self._pulse.process.wait()

    def serves(self) -> bool:
        """Whether the process has done all that comes before."""
        try:
            return Path(f"/proc/{self._pulse.process.pid}/comm").read_text().strip() == SERVING
        except OSError:
            return False

    def look(self) -> bool:
        """End the process where it does nothing any more; whether it would be started again."""
        pulse = self._pulse
        if pulse.is_gone() and pulse.process.returncode is None:
            log.error("a process does nothing any more and is ended", role=self._role)
            pulse.process.kill()
        return self._thread.is_alive()

    def _start(self) -> Pulse:
        # The child watches this pipe and ends when we do, however we end. A session of its own keeps a Ctrl-C
        # for us, so that we stop it and not take its end for a death.
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        pipe = subprocess.PIPE
        return Pulse(subprocess.Popen(self._command, stdin=pipe, env=environment, start_new_session=True))

    def _keep_alive(self) -> None:
        pause = _SHORTEST_PAUSE_SECONDS
        while True:
            started = time.monotonic()
            code = self._pulse.process.wait()
            if self._stopping.is_set():
                return
            settled = time.monotonic() - started > _SETTLED_SECONDS
            pause = _SHORTEST_PAUSE_SECONDS if settled else min(pause * 2, _LONGEST_PAUSE_SECONDS)
            log.error("a process died and is started again", role=self._role, code=code, pause_seconds=pause)
            if self._stopping.wait(pause):
                return
            self._pulse = self._start()


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder for this node: two on one folder would take each other's work."""
    make_folder(folder)
    with (folder / "serve.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SettingsError(f"another Faintline is running on the folder {folder}") from None
        yield
