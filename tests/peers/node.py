"""Faintline as a real process: `faintline serve` in a folder of its own, killed and started again at will."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil
from peers.dcmtk import Address, echo_succeeds
from peers.programs import free_port, run_program, running, wait_until

from listener.settings import load_settings
from listener.status import StudyRow, overview

FAINTLINE = str(Path(sys.executable).with_name("faintline"))

ROLES = ("receiver", "worker", "dispatcher")
"""The node's processes; each runs a module `listener.ROLE`."""

TEMPLATE = """\
folder = "var"

[receiver]
ae_title = "FAINTLINE"
host = "127.0.0.1"
port = {port}
quiet_seconds = {quiet_seconds}
free_space_mb = 64
callers = [
    {{ ae_title = "PACS", host = "127.0.0.1" }},
    {{ ae_title = "MODALITY", host = "127.0.0.1" }},
]

[worker]
retry_seconds = 1

[retention]
disk_percent = 0

[delivery]
first_retry_seconds = 1
longest_retry_seconds = 2
timeout_seconds = 10

[log]
level = "debug"
"""

DESTINATION = """\

[[destinations]]
name = "{name}"
ae_title = "PACS"
host = "127.0.0.1"
port = {port}
"""


@dataclass
class Node:
    """One node; everything that must survive lies in `folder`.

    `destinations` are names and the ports where they listen (AE title PACS); PACS and MODALITY may call.
    `profile` is TOML that follows the first of them; `more` ends the settings.
    """

    folder: Path
    destinations: dict[str, int] = field(default_factory=dict)
    quiet_seconds: float = 1.5
    profile: str = ""
    more: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    _process: ExitStack = field(default_factory=ExitStack)
    _supervisor: "subprocess.Popen[bytes] | None" = None

    @property
    def address(self) -> Address:
        """Where to send, called and calling AE titles right."""
        return Address(self.port)

    @property
    def settings(self) -> Path:
        """The settings file."""
        return self.folder / "faintline.toml"

    @property
    def spool(self) -> Path:
        """Where acknowledged instances lie."""
        return self.folder / "var" / "spool"

    def start(self) -> Self:
        """`faintline serve`, and wait until C-ECHO is answered."""
        self.folder.mkdir(parents=True, exist_ok=True)
        destinations = [DESTINATION.format(name=name, port=port) for name, port in self.destinations.items()]
        content = TEMPLATE.format(port=self.port, quiet_seconds=self.quiet_seconds)
        first, others = "".join(destinations[:1]), "".join(destinations[1:])
        self.settings.write_text(content + first + self.profile + others + self.more)
        command = [FAINTLINE, "serve", "--settings", str(self.settings)]
        self._supervisor = self._process.enter_context(
            running(command, self.log, self.folder, self.environment)
        )
        self.wait_until_answering()
        return self

    def wait_until_answering(self) -> None:
        """Until C-ECHO succeeds; AssertionError with the log's end if the node died."""
        wait_until(lambda: self._is_alive() and echo_succeeds(self.address), "node answers C-ECHO", 60)

    def _is_alive(self) -> bool:
        assert self._supervisor is not None
        assert self._supervisor.poll() is None, "node ended:\n" + self.log_text()[-3000:]
        return True

    def stop(self) -> None:
        """SIGTERM, as an administrator stops it; every process must go."""
        processes = self._all_processes()
        self._process.close()
        _, left = psutil.wait_procs(processes, timeout=15)
        for process in left:
            process.kill()
        assert not left, f"still running after SIGTERM: {left}"

    @property
    def log(self) -> Path:
        """What the node wrote to its terminal, all its lives together."""
        return self.folder / "node.log"

    def log_text(self) -> str:
        """The log."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _all_processes(self) -> list[psutil.Process]:
        if self._supervisor is None:
            return []
        try:
            supervisor = psutil.Process(self._supervisor.pid)
            return [supervisor, *supervisor.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def processes_of(self, role: str) -> list[psutil.Process]:
        """The running processes of one role."""
        return [process for process in self._all_processes()[1:] if _plays(process, role)]

    def kill_role(self, role: str) -> list[int]:
        """SIGKILL every process of one role; their former ids, at least one."""
        victims = self.processes_of(role)
        assert victims, f"no {role} among {[p.cmdline() for p in self._all_processes()]}"
        for victim in victims:
            victim.kill()
        return [victim.pid for victim in victims]

    def wait_for_new(self, role: str, former: list[int], timeout_s: float = 30) -> None:
        """Until the supervisor has replaced a killed process."""

        def replaced() -> bool:
            return any(process.pid not in former for process in self.processes_of(role))

        wait_until(replaced, f"a new {role}", timeout_s)

    def kill_all(self) -> None:
        """SIGKILL the supervisor first and then everything it left: a power switch for processes."""
        processes = self._all_processes()
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, timeout=15)
        self._process.close()

    def kill_supervisor(self) -> list[psutil.Process]:
        """SIGKILL the supervisor alone; its children, which should notice and end by themselves."""
        supervisor, *children = self._all_processes()
        supervisor.kill()
        supervisor.wait(15)
        self._process.close()
        return children

    def restart(self) -> None:
        """Start again in the same folder, on the same port."""
        self._process = ExitStack()
        self.start()

    def status_json(self) -> list[dict[str, Any]]:
        """`faintline status --json`: one entry a study."""
        command = [FAINTLINE, "status", "--settings", str(self.settings), "--json"]
        done = run_program(command, folder=self.folder)
        assert done.returncode == 0, done.stderr
        studies: list[dict[str, Any]] = json.loads(done.stdout)
        return studies

    def verdicts(self) -> list[dict[str, Any]]:
        """`faintline verdicts`: what radiologists answered."""
        done = run_program([FAINTLINE, "verdicts", "--settings", str(self.settings)], folder=self.folder)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def study(self, study_uid: str) -> StudyRow | None:
        """What `faintline status` says of one study, without a process; None before it is known."""
        found = [row for row in overview(load_settings(self.settings)) if row.study_instance_uid == study_uid]
        return found[0] if found else None

    def settled(self, study_uid: str, timeout_s: float = 60) -> StudyRow:
        """Until every destination has said that it keeps every result of a study; what is said of it then."""

        def is_kept() -> bool:
            return all(
                delivery.state in ("found", "committed") for delivery in self.known(study_uid).deliveries
            )

        self.wait_for_state(study_uid, "done")
        wait_until(is_kept, "the destinations keep the results", timeout_s)
        return self.known(study_uid)

    def known(self, study_uid: str) -> StudyRow:
        """The same of a study that the node must know."""
        row = self.study(study_uid)
        assert row is not None
        return row

    def is_in(self, study_uid: str, *states: str) -> bool:
        """Whether the study stands at one of the states now."""
        row = self.study(study_uid)
        return row is not None and row.state in states

    def wait_for_state(self, study_uid: str, *states: str, timeout_s: float = 120) -> StudyRow:
        """Until the study stands at one of the states; what is said of it then."""
        deadline = time.monotonic() + timeout_s
        while (row := self.study(study_uid)) is None or row.state not in states:
            assert time.monotonic() < deadline, f"not {states}: {row}\n{self.log_text()[-2000:]}"
            time.sleep(0.05)
        return row


def _plays(process: psutil.Process, role: str) -> bool:
    try:
        return f"listener.{role}" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False


@contextmanager
def node(folder: Path, destinations: dict[str, int], profile: str = "", more: str = "") -> Iterator[Node]:
    """A running node with these destinations; it ends with the block, whatever the test did to it."""
    made = Node(folder, destinations, profile=profile, more=more)
    try:
        yield made.start()
    finally:
        made.kill_all()
