"""The registry: what is known of every study, result and delivery. The only SQL of the project.

It may be rebuilt from the spool at any time, except for attempts and deliveries. Every public method is one
transaction; any process may call any of them.
"""

from listener.registry.answers import Answers
from listener.registry.arrivals import Arrivals
from listener.registry.database import Database, persistently
from listener.registry.deliveries import Deliveries
from listener.registry.studies import Studies
from listener.registry.waits import Waits

__all__ = ["Registry", "persistently"]


class Registry:
    """The registry's rooms over one database.

    Attributes
    ----------
    arrivals : what the receiver notes: instances, and which associations carry which study
    studies : where each study stands, from its first instance to the end of its screening
    deliveries : results, and where each stands at each destination
    answers : what radiologists said of results
    waits : what waits for its time, when somebody sets the clock
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self.arrivals = Arrivals(self._database)
        self.studies = Studies(self._database)
        self.deliveries = Deliveries(self._database)
        self.answers = Answers(self._database)
        self.waits = Waits(self._database)

    def migrate(self) -> None:
        """Bring the tables up to date; safe to run again, and to be killed in the middle."""
        self._database.migrate()

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()
