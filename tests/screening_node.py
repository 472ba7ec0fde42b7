"""The parts of a node that one study's turn needs, on a folder of its own and without its processes."""

from pathlib import Path

from ct_slices import receive
from pydicom.dataset import Dataset

from inference.bundle import Bundle
from listener.completeness import close_quiet_studies
from listener.registry import Registry
from listener.screening import Screener
from listener.serve import prepare_databases
from listener.settings import Destination, Settings
from listener.spool import Spool
from listener.study import Study
from listener.turns import screening_turn

PACS = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=1)


class ScreeningNode:
    """Studies that are received and complete at once, and the worker's turns, given by hand."""

    def __init__(self, folder: Path, bundle: Bundle) -> None:
        self.settings = Settings(folder=folder, destinations=(PACS,))
        prepare_databases(self.settings)
        self.registry = Registry(self.settings.registry_url)
        self.spool = Spool(self.settings.spool)
        self.screener = Screener(self.settings, self.registry, bundle)

    def receive(self, *datasets: Dataset) -> None:
        """Their studies are complete now."""
        self.registry.arrivals.record([receive(self.spool, dataset) for dataset in datasets])
        close_quiet_studies(self.registry, quiet_seconds=0)

    def screen(self) -> None:
        """One turn of every study."""
        for study in self.registry.studies.all():
            self.screener(screening_turn(study).argument)

    def turn(self) -> Study:
        """One turn of the only study; where it stands then."""
        self.screen()
        return self.study()

    def study(self) -> Study:
        """The only study."""
        (study,) = self.registry.studies.all()
        return study
