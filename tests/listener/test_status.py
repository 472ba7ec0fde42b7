"""What a person reads of studies and deliveries."""

from listener.status import DeliveryRow, StudyRow, listing


def row(study: str, *deliveries: DeliveryRow) -> StudyRow:
    return StudyRow(study, "done", "none found", 3, 1, "2026-03-04T05:06:07+00:00", deliveries)


def delivery(state: str, why: str = "", kind: str = "report") -> DeliveryRow:
    return DeliveryRow("pacs", kind, "1.2.3", state, 1, why)


def test_sent_and_committed_are_told_apart() -> None:
    told = "\n".join(listing([row("1.2", delivery("sent"), delivery("committed", kind="overview"))]))
    assert "report to pacs: sent" in told and "overview to pacs: committed" in told


def test_a_refusal_that_many_studies_share_is_told_once_on_top() -> None:
    refused = delivery("failed", "the destination does not accept Comprehensive 3D SR Storage")
    first, *rest = listing([row(f"1.2.{number}", refused) for number in range(5)])
    assert first.startswith("!") and "does not accept" in first and "(5 results)" in first
    assert not any(line.startswith("!") for line in rest)


def test_without_studies_it_says_so() -> None:
    assert list(listing([])) == ["no studies yet"]
