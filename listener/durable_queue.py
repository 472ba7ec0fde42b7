"""Named work on named queues in; each piece is run to its end once, whatever dies meanwhile.

The only module that knows the queue engine (DBOS Transact on a database). A piece of work is one durable
workflow of one step, named by its caller: the same name again is the same work. A process that runs work has
an executor id of its own that it keeps over restarts, and takes up what it left behind when it was killed.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence

from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer, EnqueueOptions

WORKFLOW_SCHEMA = "1"
"""Changes only when work enqueued by an older release can no longer be run by this one."""

POLLING_SECONDS = 0.25
_RECOVERIES = 100
"""Far beyond our own count of attempts, which decides (the engine's count starts anew on a resume)."""

Work = Callable[[str], None]
"""Does one piece of work, told apart by its argument; must be safe to run again after a crash."""


def prepare(url: str) -> None:
    """Create the queue's tables, or bring them up to date."""
    _quiet_engine_log()
    DBOS.migrate(url)


def run(url: str, executor_id: str, queues: Sequence[str], work: Mapping[str, Work]) -> None:
    """Start running work from ``queues`` in background threads, one piece of each queue at a time."""
    _quiet_engine_log()
    config: DBOSConfig = {
        "name": "faintline",
        "system_database_url": url,
        "executor_id": executor_id,
        "application_version": WORKFLOW_SCHEMA,
        "serializer": DBOSPortableJSONSerializer(),
        "log_level": "ERROR",
        "run_migrations": True,
    }
    DBOS(config=config)
    for name, function in work.items():
        _register(name, function)
    DBOS.listen_queues(list(queues))
    DBOS.launch()
    for queue in queues:
        DBOS.register_queue(
            queue, worker_concurrency=1, polling_interval_sec=POLLING_SECONDS, on_conflict="always_update"
        )


def _register(name: str, function: Work) -> None:
    @DBOS.workflow(name=name, max_recovery_attempts=_RECOVERIES)
    def workflow(argument: str) -> None:
        DBOS.run_step({"name": name}, function, argument)


class QueueClient:
    """Puts work on queues and looks after it, from any process."""

    def __init__(self, url: str) -> None:
        _quiet_engine_log()
        self._client = DBOSClient(
            system_database_url=url, serializer=DBOSPortableJSONSerializer(), application_name="faintline"
        )

    def put(self, queue: str, work: str, name: str, argument: str) -> None:
        """Enqueue ``work(argument)`` as ``name``; nothing happens if that name was ever enqueued."""
        options: EnqueueOptions = {
            "workflow_name": work,
            "queue_name": queue,
            "workflow_id": name,
            "app_version": WORKFLOW_SCHEMA,
        }
        self._client.enqueue(options, argument)

    def unfinished(self, names: Collection[str]) -> set[str]:
        """Those of ``names`` that wait or run; the others ended, or were never put on a queue."""
        if not names:
            return set()
        found = self._client.list_workflows(
            workflow_ids=list(names),
            status=["ENQUEUED", "PENDING", "DELAYED"],
            load_input=False,
            load_output=False,
        )
        return {workflow.workflow_id for workflow in found}

    def adopt(self, living_executors: Sequence[str]) -> int:
        """Put back on its queue what executors that no longer exist were running; return how much it was."""
        running = self._client.list_workflows(status="PENDING", load_input=False, load_output=False)
        left = [found for found in running if found.executor_id not in living_executors]
        for found in left:
            self._client.resume_workflow(found.workflow_id, queue_name=found.queue_name)
        return len(left)

    def close(self) -> None:
        """Let go of the database."""
        self._client.destroy()


def _quiet_engine_log() -> None:
    logging.getLogger("dbos").setLevel(logging.ERROR)
