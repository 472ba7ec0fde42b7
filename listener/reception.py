"""The data set of one C-STORE in, chunk by chunk; a durable instance and a status out (PS3.4 B.2).

It is checked while it arrives and durable before it is answered with success. The first thing that is wrong
decides the answer; what still arrives after it is dropped.
"""

import os
import traceback
from datetime import UTC, datetime
from typing import Protocol, Self

import structlog

from listener.contexts import VERIFICATION
from listener.dataset_walk import CANNOT_UNDERSTAND, DOES_NOT_MATCH, Walk, is_uid
from listener.errors import RefusedInstance
from listener.gate.association import Answer
from listener.gate.command import Command
from listener.gate.negotiation import Context
from listener.incoming import Incoming
from listener.spool import OUT_OF_RESOURCES, Outcome, Spool
from listener.study import InstanceHeader, ReceivedInstance

log = structlog.get_logger()

SUCCESS = 0x0000
COERCION = 0xB000
"""Warning (PS3.4 table B.2-1): another instance with this UID and other bytes is kept beside it."""


_NOWHERE = memoryview(b"")


class Carrier(Protocol):
    """The association that brings instances."""

    def carries(self, study_instance_uid: str) -> None:
        """Note that an instance of a study is here; returns once its study will not be closed."""

    def received(self, instance: ReceivedInstance) -> None:
        """Note a durable instance."""


class Reception:
    """One C-STORE; a context manager that forgets what was not kept."""

    def __init__(
        self, command: Command, context: Context, maximum_bytes: int, spool: Spool, carrier: Carrier
    ) -> None:
        self._command = command
        self._context = context
        self._left_bytes = maximum_bytes
        self._spool = spool
        self._carrier = carrier
        self._walk = Walk(context.transfer_syntax)
        self._incoming: Incoming | None = None
        self._answer = Answer(SUCCESS)

    def __enter__(self) -> Self:
        try:
            self._incoming = self._begin()
        except Exception as error:  # noqa: BLE001
            self._refuse(error)
        return self

    def __exit__(self, *_: object) -> None:
        self._forget()

    def room(self) -> memoryview:
        """Where the next bytes go; nowhere where the answer is clear already."""
        return self._incoming.room() if self._incoming is not None else _NOWHERE

    def filled(self, size: int) -> None:
        """So many bytes were put there."""
        if self._incoming is None:
            return
        self._incoming.filled(size)
        if self._incoming.is_full():
            try:
                self._check(self._incoming)
                self._incoming.write_out()
            except Exception as error:  # noqa: BLE001
                self._refuse(error)

    def finish(self) -> Answer:
        """Make the instance durable and say so, or say why it is refused."""
        if self._incoming is not None:
            try:
                self._check(self._incoming)
                self._keep(self._incoming)
            except Exception as error:  # noqa: BLE001
                self._refuse(error)
        return self._answer

    def _begin(self) -> Incoming:
        command, context = self._command, self._context
        if context.abstract_syntax == VERIFICATION or command.sop_class_uid != context.abstract_syntax:
            raise RefusedInstance(DOES_NOT_MATCH, "SOP class of command and presentation context differ")
        if not is_uid(command.sop_instance_uid):
            raise RefusedInstance(DOES_NOT_MATCH, "SOP Instance UID of the command missing or invalid")
        if not command.has_data_set:
            raise RefusedInstance(CANNOT_UNDERSTAND, "no data set")
        return self._spool.incoming(command.sop_class_uid, command.sop_instance_uid, context.transfer_syntax)

    def _check(self, incoming: Incoming) -> None:
        """Walk over what came since the last time."""
        came = incoming.unwritten()
        self._left_bytes -= len(came)
        if self._left_bytes < 0:
            raise RefusedInstance(OUT_OF_RESOURCES, "instance larger than maximum_instance_mb")
        self._walk.feed(came)
        self._spool.count(len(came))

    def _keep(self, incoming: Incoming) -> None:
        header = self._walk.finish()
        self._demand_agreement(header)
        self._carrier.carries(header.study_instance_uid)
        stored = self._spool.keep(incoming, header)
        self._carrier.received(
            ReceivedInstance(header, stored.name, self._context.transfer_syntax, datetime.now(UTC))
        )
        if stored.outcome is Outcome.CONFLICT:
            log.warning("conflicting duplicate kept aside", sop_instance_uid=header.sop_instance_uid)
            self._answer = Answer(COERCION, "other content under this UID; both are kept")

    def _demand_agreement(self, header: InstanceHeader) -> None:
        """The command and the data set must name the same instance (PS3.4 B.2.2)."""
        if self._command.sop_class_uid != header.sop_class_uid:
            raise RefusedInstance(DOES_NOT_MATCH, "SOP class of command and data set differ")
        if self._command.sop_instance_uid != header.sop_instance_uid:
            raise RefusedInstance(DOES_NOT_MATCH, "SOP Instance UID of command and data set differ")

    def _refuse(self, error: Exception) -> None:
        """The edge of one C-STORE: whatever goes wrong becomes its answer."""
        if isinstance(error, RefusedInstance):
            self._answer = Answer(error.status, str(error))
            log.warning("instance refused", status=f"0x{error.status:04X}", reason=str(error))
        elif isinstance(error, OSError):
            reason = f"cannot store: {os.strerror(error.errno) if error.errno else 'write failed'}"
            self._answer = Answer(OUT_OF_RESOURCES, reason)
            log.error("instance refused", status=f"0x{OUT_OF_RESOURCES:04X}", reason=reason)
        else:
            # The message of a foreign exception may quote header values: only its kind and place are logged.
            where = traceback.format_tb(error.__traceback__)
            log.error("instance refused after an unexpected error", kind=type(error).__name__, where=where)
            self._answer = Answer(OUT_OF_RESOURCES, "unexpected error")
        self._forget()

    def _forget(self) -> None:
        if self._incoming is not None:
            self._incoming.__exit__()
            self._incoming = None
