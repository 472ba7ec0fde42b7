"""A study's findings and the destinations in; which result objects are made, and who gets them, out."""

from collections.abc import Collection, Iterable

from inference.findings import StudyReport
from listener.results.kinds import USUAL, NoticeKind, ResultKind
from listener.settings import Destination, HL7Receiver, Peer, Webhook


def kinds_for(destination: Destination) -> frozenset[ResultKind]:
    """Return what a destination gets of a study that it gets anything of."""
    report = ResultKind.REPORT if destination.report_class == "comprehensive-3d" else ResultKind.PLAIN_REPORT
    return frozenset(report if name == "report" else ResultKind(name) for name in destination.objects)


def kinds_to_make(destinations: Iterable[Destination]) -> frozenset[ResultKind]:
    """Return what has to be made for all of them; the usual objects where there are none."""
    return frozenset().union(*map(kinds_for, destinations)) or USUAL


def wants(destination: Peer, report: StudyReport) -> bool:
    """Whether a destination gets anything of a study."""
    if destination.studies == "flagged":
        return bool(report.flagged)
    return destination.studies == "all" or bool(report.flagged or report.possible)


def recipients(
    kind: ResultKind, report: StudyReport, destinations: Iterable[Destination], holders: Collection[str]
) -> tuple[str, ...]:
    """Return the names of the destinations that get an object.

    ``holders`` already have an earlier version of this study's result: they get every later one, whatever it
    says, because a positive one must not stand where it has been superseded.
    """
    return tuple(
        destination.name
        for destination in destinations
        if kind in kinds_for(destination) and (destination.name in holders or wants(destination, report))
    )


def noticed(
    kind: NoticeKind, report: StudyReport, peers: Iterable[Peer], holders: Collection[str]
) -> tuple[str, ...]:
    """Return the names of those that are told by one kind of notice; ``holders`` as for `recipients`."""
    told: type[Peer] = Webhook if kind is NoticeKind.WEBHOOK else HL7Receiver
    return tuple(
        peer.name
        for peer in peers
        if isinstance(peer, told) and (peer.name in holders or wants(peer, report))
    )
