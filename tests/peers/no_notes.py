"""A registry that keeps nothing: for tests of the door, to which it does not matter what is noted."""

from listener.commitment import CommitmentReport
from listener.study import ReceivedInstance


class NoNotes:
    """What `listener.scp.serve` tells, told to nobody."""

    def received(self, instance: ReceivedInstance) -> None:
        """Forget it."""

    def opened(self, association: str, study_instance_uid: str) -> None:
        """Forget it."""

    def closed(self, association: str) -> None:
        """Forget it."""

    def committed(self, report: CommitmentReport) -> bool:
        """Nobody asked."""
        return False
