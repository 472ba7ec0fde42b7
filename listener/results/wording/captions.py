"""From findings to what is written beside the pictures and in the document. None of it names the patient."""

from collections.abc import Sequence
from dataclasses import dataclass

from inference.findings import Grade, Heights, SeriesVerdict, StudyReport, VertebraFinding
from listener.results.outcome import Answer, Outcome, probability
from listener.results.wording import terms
from listener.results.wording.catalogue import Catalogue
from listener.results.wording.reasons import told


@dataclass(frozen=True, slots=True)
class NoteTexts:
    """A note beside the picture: its title and its detail, or all of it in one line."""

    title: str
    detail: str
    short: str


def flagged_note(words: Catalogue, finding: VertebraFinding, least: Grade) -> NoteTexts:
    """Return the note of a suspected fracture."""
    found = terms.assessed(finding)
    level, grade = terms.name(words, finding), int(found.grade)
    shape, numbers = terms.shape(words, found), terms.numbers(words, finding, least)
    word = terms.grade_word(words, found.grade)
    return NoteTexts(
        title=terms.capital(words.text("note.suspected_title", level=level, grade=grade)),
        detail=words.text("note.suspected_detail", word=word, shape=shape, numbers=numbers),
        short=terms.capital(
            words.text("note.suspected_short", level=level, grade=grade, shape=shape, numbers=numbers)
        ),
    )


def possible_note(words: Catalogue, finding: VertebraFinding, least: Grade) -> NoteTexts:
    """Return the note of a possible mild deformity."""
    level, numbers = terms.name(words, finding), terms.numbers(words, finding, least)
    shape = terms.shape(words, terms.assessed(finding))
    return NoteTexts(
        title=terms.capital(words.text("note.possible_title", level=level)),
        detail=words.text("note.possible_detail", shape=shape, numbers=numbers),
        short=terms.capital(words.text("note.possible_short", level=level, numbers=numbers)),
    )


def missed_note(words: Catalogue, run: Sequence[VertebraFinding]) -> NoteTexts:
    """Return the note of vertebrae that could not be assessed for one reason."""
    who = terms.level_list(words, run)
    reason = terms.reason(words, run[0])
    return NoteTexts(
        title=words.text("note.missed_title", levels=who),
        detail=reason,
        short=words.text("note.missed_short", levels=who, reason=reason),
    )


@dataclass(frozen=True, slots=True)
class CloseUpTexts:
    """What stands beside a close-up."""

    title: str
    details: tuple[str, ...]


def close_up(words: Catalogue, finding: VertebraFinding, least: Grade) -> CloseUpTexts:
    """Return the texts of a flagged vertebra's close-up."""
    found = terms.assessed(finding)
    lowest = min(found.heights.anterior_mm, found.heights.middle_mm, found.heights.posterior_mm)
    reference = lowest / (1 - found.height_loss_percent / 100)
    grade = words.text(
        "close_up.grade",
        grade=int(found.grade),
        word=terms.grade_word(words, found.grade),
        shape=terms.shape(words, found),
        certainty=terms.certain(words, finding, least),
    )
    loss = words.text(
        "close_up.loss",
        loss=terms.loss(words, found),
        lowest=terms.number(words, lowest, 1),
        reference=terms.number(words, reference, 1),
    )
    hu = found.trabecular_hu
    density = () if hu is None else (words.text("close_up.density", hu=terms.number(words, hu)),)
    title = words.text("close_up.title", level=terms.name(words, finding))
    return CloseUpTexts(terms.capital(title), (grade, loss, *density))


def height_table(
    words: Catalogue, measured: Heights, expected: Heights | None
) -> tuple[tuple[str, str, str, str], ...]:
    """Return the table of a close-up, its head first: name, measured, expected, loss."""
    head = (
        words.text("close_up.height"),
        words.text("close_up.measured"),
        words.text("close_up.neighbours"),
        words.text("close_up.lost"),
    )
    rows: list[tuple[str, str, str, str]] = [head]
    for name in ("anterior", "middle", "posterior"):
        own = getattr(measured, f"{name}_mm")
        other = None if expected is None else getattr(expected, f"{name}_mm")
        loss = "-" if other is None else terms.percent(words, max(0.0, 100 * (1 - own / other)))
        measured_mm = f"{terms.number(words, own, 1)} mm"
        expected_mm = "-" if other is None else f"{terms.number(words, other, 1)} mm"
        rows.append((words.text(f"close_up.{name}"), measured_mm, expected_mm, loss))
    return tuple(rows)


def legend(words: Catalogue, has_neighbours: bool) -> tuple[str, ...]:
    """Return what the lines of a close-up are."""
    return (words.text("close_up.legend" if has_neighbours else "close_up.legend_alone"),)


def headline(words: Catalogue, outcome: Outcome) -> str:
    """Return the picture's answer in one line, without the levels."""
    count = len(outcome.flagged)
    if outcome.answer is Answer.FLAGGED:
        return (
            words.text("headline.suspected_many", count=count)
            if count > 1
            else words.text("headline.suspected_one")
        )
    if outcome.answer is Answer.NOT_ANALYSED:
        return words.text("headline.not_analysed")
    if outcome.answer is Answer.POSSIBLE:
        return words.text("headline.possible")
    return words.text("headline.partial" if outcome.is_partial else "headline.none")


def sublines(words: Catalogue, outcome: Outcome, remarks: Sequence[str]) -> tuple[str, ...]:
    """Return what stands under the headline: which levels, what limits the answer, or why there is none."""
    if outcome.answer is Answer.NOT_ANALYSED:
        return terms.sentence(words, str(outcome.reason)), words.text("mark.silence"), *remarks
    levels = [words.text("subline.levels", levels=terms.capital(terms.assessed_levels(words, outcome)))]
    if outcome.missed:
        levels.append(words.text("subline.missed", count=len(outcome.missed)))
    found = [] if outcome.answer is Answer.NONE else [_suspected(words, outcome)]
    if outcome.possible:
        possible = terms.level_list(words, outcome.possible)
        found.append(words.text("subline.possible", levels=possible))
    return tuple(line for line in (" ".join(found), " ".join(levels), *remarks) if line)


def _suspected(words: Catalogue, outcome: Outcome) -> str:
    if not outcome.flagged:
        return words.text("subline.not_suspected")
    return words.text("subline.suspected", levels=terms.level_list(words, outcome.flagged))


def small_print(words: Catalogue, outcome: Outcome) -> tuple[str, ...]:
    """Return what a reader of findings has to know."""
    if outcome.answer is Answer.NOT_ANALYSED:
        return ()
    return words.text("mark.disclaimer"), words.text("mark.age_unknown")


def banner(words: Catalogue, version: str) -> str:
    """Return the mark over the picture."""
    return words.text("mark.banner", version=version, research_only=words.text("short.research_only"))


def series_line(words: Catalogue, verdict: SeriesVerdict) -> str:
    """Return one series of a study that was not analysed, and why it was not."""
    unnumbered = verdict.series_number is None
    number = {} if unnumbered else {"number": verdict.series_number}
    images = {} if verdict.instances == 1 else {"count": verdict.instances}
    return words.text(
        "series.line",
        series=words.text("series.unnumbered" if unnumbered else "series.numbered", **number),
        modality=words.written(verdict.modality),
        images=words.text("series.image_many" if images else "series.image_one", **images),
        reason=told(words, verdict.reason),
    )


def further(words: Catalogue, count: int) -> str:
    """Return the last line of a list that was cut short."""
    return words.text("series.further", count=count)


def vertebra_table(words: Catalogue, report: StudyReport) -> tuple[tuple[str, ...], ...]:
    """Return every vertebra in view as a table, its head first."""
    head = tuple(words.text(f"table.{name}") for name in ("level", "grade", "loss", "certainty", "remark"))
    return head, *(_row(words, finding, report) for finding in report.findings)


def _row(words: Catalogue, finding: VertebraFinding, report: StudyReport) -> tuple[str, ...]:
    found, name = finding.assessment, terms.name(words, finding)
    if found is None:
        return name, words.text("table.not_assessed"), "", "", terms.reason(words, finding)
    is_possible = finding in report.possible
    remarks = (
        [words.text("table.suspected", shape=terms.shape(words, found))] if finding in report.flagged else []
    )
    remarks += [words.text("table.possible", shape=terms.shape(words, found))] if is_possible else []
    remarks += [words.text("level.uncertain")] if terms.is_level_unsure(finding) else []
    least = report.flag_grade if finding in report.flagged else report.possible_grade
    return (
        name,
        f"{found.grade:d} ({terms.grade_word(words, found.grade)})",
        terms.percent(words, found.height_loss_percent),
        terms.certainty(words, probability(found, least)),
        ", ".join(remarks),
    )


def provenance(words: Catalogue, report: StudyReport, version: str) -> tuple[str, ...]:
    """Return the small print under the picture."""
    series = next(
        (v for v in report.series_choice if v.series_instance_uid == report.series_instance_uid), None
    )
    product = words.text("source.product", version=version, model=terms.model_name(words, report.model))
    if series is None:
        return words.text("source.none"), product
    if series.series_number is None:
        return words.text("source.unnumbered", count=series.instances), product
    return words.text("source.numbered", number=series.series_number, count=series.instances), product
