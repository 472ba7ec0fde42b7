"""From findings to the sentences of the report: labels, coverage, what limits it. None names the patient."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from inference.findings import Grade, StudyReport, VertebraFinding
from listener.results.outcome import Answer, Outcome
from listener.results.wording import terms
from listener.results.wording.catalogue import Catalogue
from listener.results.wording.reasons import told


def flagged_sentence(words: Catalogue, finding: VertebraFinding, least: Grade) -> str:
    """Return the label of a suspected fracture."""
    return _label(words, "finding.suspected", finding, least)


def possible_sentence(words: Catalogue, finding: VertebraFinding, least: Grade) -> str:
    """Return the label of a possible mild deformity: worded so that nobody takes it for a fracture."""
    return _label(words, "finding.possible", finding, least)


def _label(words: Catalogue, key: str, finding: VertebraFinding, least: Grade) -> str:
    found = terms.assessed(finding)
    text = words.text(
        key,
        level=terms.name(words, finding),
        grade=int(found.grade),
        shape=terms.shape(words, found),
        numbers=terms.numbers(words, finding, least),
    )
    return terms.capital(text)


def coverage_sentence(words: Catalogue, outcome: Outcome) -> str:
    """Return the label of the group that says how far the answer reaches."""
    if outcome.answer is Answer.NOT_ANALYSED:
        return words.text("answer.not_analysed", reason=told(words, str(outcome.reason)))
    if not outcome.missed:
        return _answer(words, outcome)
    missed = words.text("answer.missed", missed=not_assessed(words, outcome.missed))
    return f"{_answer(words, outcome)} {missed}"


def _answer(words: Catalogue, outcome: Outcome) -> str:
    levels = terms.assessed_levels(words, outcome)
    if outcome.answer is Answer.NONE:
        return words.text("answer.partial" if outcome.is_partial else "answer.none", levels=levels)
    if outcome.answer is Answer.POSSIBLE:
        possible = terms.level_list(words, outcome.possible)
        return words.text("answer.possible", possible=possible, levels=levels)
    return words.text("answer.suspected", suspected=terms.level_list(words, outcome.flagged), levels=levels)


def not_assessed(words: Catalogue, findings: Sequence[VertebraFinding]) -> str:
    """Return the levels that were not assessed, with the reasons: ``T9: cut off by the scan; L5: metal``."""
    runs = [list(run) for _, run in groupby(findings, lambda finding: finding.not_assessed)]
    return "; ".join(
        words.text(
            "answer.missed_levels", levels=terms.level_list(words, run), reason=terms.reason(words, run[0])
        )
        for run in runs
    )


def remarks(words: Catalogue, report: StudyReport) -> tuple[str, ...]:
    """Return what limits the answer, as the report and the picture repeat it."""
    return tuple(terms.sentence(words, note) for note in report.notes)


def superseded(words: Catalogue, created_at: datetime) -> str:
    """Return what tells a new version from the one it replaces."""
    return words.text("mark.superseded", moment=f"{created_at:%Y-%m-%d %H:%M}")


def late(words: Catalogue, removed: int) -> str:
    """Return what tells a result of late images from one of the whole study."""
    return words.text("mark.late_one" if removed == 1 else "mark.late_many", count=removed)


def message(words: Catalogue) -> str:
    """Return what a message to another system begins with."""
    return words.text(
        "mark.message",
        research_only=words.text("short.research_only"),
        disclaimer=words.text("mark.disclaimer"),
    )
