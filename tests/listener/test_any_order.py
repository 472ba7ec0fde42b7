"""Any order of storing, repeating, conflicting, breaking off, beginning anew: nothing is lost or doubled."""

import tempfile
from pathlib import Path

from door import take
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from peers import wire

from listener.journal import reconcile
from listener.reception import COERCION, SUCCESS
from listener.registry import Registry
from listener.spool import Spool
from listener.study import ReceivedInstance

STUDIES = [wire.new_uid() for _ in range(2)]


class Door(RuleBasedStateMachine):
    """A spool and a registry, and what their sender believes."""

    instances: Bundle[wire.Instance] = Bundle("instances")

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._root = Path(self._folder.name)
        self._first: dict[str, wire.Instance] = {}
        self._conflicts: set[tuple[str, bytes]] = set()
        self._notes: list[ReceivedInstance] = []
        self._begin()

    def _begin(self) -> None:
        self._spool = Spool(self._root / "spool")
        self._registry = Registry(f"sqlite:///{self._root / 'registry.sqlite'}")
        self._registry.migrate()
        self._spool.sweep()
        reconcile(self._spool, self._registry)

    def carries(self, study_instance_uid: str) -> None:
        pass

    def received(self, instance: ReceivedInstance) -> None:
        self._notes.append(instance)

    def _store(self, instance: wire.Instance, share: float = 1) -> int | None:
        return take(self._spool, self, instance, share)

    @rule(target=instances, study=st.sampled_from(STUDIES), pixels=st.binary(min_size=2, max_size=40))
    def store_a_new_one(self, study: str, pixels: bytes) -> wire.Instance:
        instance = wire.Instance(study=study, pixels=pixels + b"\0" * (len(pixels) % 2))
        assert self._store(instance) == SUCCESS
        self._first[instance.uid] = instance
        return instance

    @rule(instance=instances)
    def store_it_again(self, instance: wire.Instance) -> None:
        assert self._store(instance) == SUCCESS

    @rule(instance=instances, pixels=st.binary(min_size=42, max_size=44))
    def store_another_under_its_uid(self, instance: wire.Instance, pixels: bytes) -> None:
        other = wire.Instance(
            uid=instance.uid, study=instance.study, pixels=pixels + b"\0" * (len(pixels) % 2)
        )
        assert self._store(other) == COERCION
        self._conflicts.add((other.uid, other.pixels))

    @rule(study=st.sampled_from(STUDIES), share=st.floats(0, 0.99))
    def break_off(self, study: str, share: float) -> None:
        assert self._store(wire.Instance(study=study), share) is None

    @rule()
    def write_the_notes(self) -> None:
        self._registry.arrivals.record(self._notes)
        self._notes.clear()

    @rule()
    def die_and_begin_anew(self) -> None:
        self._notes.clear()
        self._registry.close()
        self._begin()
        assert self._registry.arrivals.known_names() == set(self._spool.names())

    @invariant()
    def everything_acknowledged_is_there_once(self) -> None:
        for instance in self._first.values():
            path = self._spool.study_folder(instance.study) / f"{instance.uid}.dcm"
            assert path.read_bytes().endswith(instance.data_set())
        assert len(list(self._spool.names())) == len(self._first) + len(self._conflicts)
        assert not list((self._root / "spool" / ".incoming").iterdir())

    @invariant()
    def the_registry_knows_nothing_that_is_not_there(self) -> None:
        assert self._registry.arrivals.known_names() <= set(self._spool.names())

    def teardown(self) -> None:
        self._registry.close()
        self._folder.cleanup()


TestDoor = Door.TestCase
TestDoor.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
