"""What stands inside sentences: numbers, levels, grades, certainties, reasons. Values in, words out."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from inference.findings import Assessment, Grade, ModelIdentity, VertebraFinding
from inference.levels import LEVELS
from listener.results.outcome import Outcome, probability
from listener.results.wording.catalogue import Catalogue
from listener.results.wording.reasons import told

UNSURE_LEVEL: Final = 0.8
"""Below this confidence of the numbering the reader is told to check the level."""
UNLIKELY: Final = 0.5
"""A certainty below this is told as a low one: a rule made to miss little flags some of these too."""


def number(words: Catalogue, value: float, decimals: int = 0) -> str:
    """Return a number with the language's decimal mark."""
    return f"{value:.{decimals}f}".replace(".", words.text("number.decimal"))


def percent(words: Catalogue, per_cent: float) -> str:
    """Return a share, 0 to 100, in whole per cent."""
    return words.text("number.percent", number=number(words, per_cent))


def certainty(words: Catalogue, share: float) -> str:
    """Return a probability as whole per cent; a program is never entirely sure, so never 0 or 100."""
    rounded = round(100 * share)
    told = ">99" if rounded > 99 else "<1" if rounded < 1 else f"{rounded}"
    return words.text("number.percent", number=told)


def name(words: Catalogue, finding: VertebraFinding) -> str:
    """Return what a vertebra is called."""
    return finding.level or words.text("level.vertebra")


def capital(text: str) -> str:
    """Return a text as a sentence or a title begins."""
    return text[:1].upper() + text[1:]


def sentence(words: Catalogue, text: str) -> str:
    """Return what inference wrote as a sentence: told, a capital first, a full stop last."""
    stop = words.text("mark.full_stop")
    return capital(told(words, text)).removesuffix(stop) + stop


def level_list(words: Catalogue, findings: Sequence[VertebraFinding]) -> str:
    """Return levels in runs: ``T10-L5``, ``T4-T6, L1``, ``2 unnumbered vertebrae``."""
    numbers = [LEVELS.index(f.level) for f in findings if f.level in LEVELS]
    runs = [[n for _, n in run] for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])]
    names = [LEVELS[run[0]] if len(run) == 1 else f"{LEVELS[run[0]]}-{LEVELS[run[-1]]}" for run in runs]
    names += [str(f.level) for f in findings if f.level is not None and f.level not in LEVELS]
    unnumbered = sum(finding.level is None for finding in findings)
    names += [words.text("level.unnumbered_one")] if unnumbered == 1 else []
    names += [words.text("level.unnumbered_many", count=unnumbered)] if unnumbered > 1 else []
    return ", ".join(names)


def counted(words: Catalogue, findings: Sequence[VertebraFinding]) -> str:
    """Return ``8 levels T10-L5`` or ``1 level L2``; where no level is known, ``11 unnumbered vertebrae``."""
    levels = level_list(words, findings)
    if all(finding.level is None for finding in findings):
        return levels
    if len(findings) == 1:
        return words.text("level.one", levels=levels)
    return words.text("level.many", count=len(findings), levels=levels)


def assessed_levels(words: Catalogue, outcome: Outcome) -> str:
    """Return what was looked at: ``8 levels T10-L5 assessed``."""
    return words.text("level.assessed", levels=counted(words, outcome.assessed))


def grade_word(words: Catalogue, grade: Grade) -> str:
    """Return Genant's word for a grade."""
    return words.text(f"grade.{grade.name.lower()}")


def shape(words: Catalogue, assessment: Assessment) -> str:
    """Return the deformity's name for a sentence."""
    deformity = assessment.deformity
    return words.text(f"shape.{'unknown' if deformity is None else deformity.value}")


def loss(words: Catalogue, assessment: Assessment) -> str:
    """Return a height loss with its interval: ``31% (27-35%)``."""
    low, high = assessment.height_loss_interval_percent
    return words.text(
        "finding.loss",
        loss=percent(words, assessment.height_loss_percent),
        low=number(words, low),
        high=percent(words, high),
    )


def numbers(words: Catalogue, finding: VertebraFinding, least: Grade) -> str:
    """Return a finding's height loss, and how certain it is that its grade is ``least`` or more."""
    return words.text(
        "finding.numbers", loss=loss(words, assessed(finding)), certainty=certain(words, finding, least)
    )


def certain(words: Catalogue, finding: VertebraFinding, least: Grade) -> str:
    """Return how certain a finding is, and its level."""
    share = probability(assessed(finding), least)
    key = "finding.low_certainty" if share < UNLIKELY else "finding.certainty"
    told = words.text(key, percent=certainty(words, share))
    return f"{told}, {words.text('level.uncertain')}" if is_level_unsure(finding) else told


def is_level_unsure(finding: VertebraFinding) -> bool:
    """Whether the reader should check the level that is named."""
    return finding.level is not None and finding.level_confidence < UNSURE_LEVEL


def reason(words: Catalogue, finding: VertebraFinding) -> str:
    """Return why a vertebra was not assessed."""
    return told(words, str(finding.not_assessed))


def model_name(words: Catalogue, model: ModelIdentity) -> str:
    """Return which networks spoke."""
    told = words.text("source.model", name=model.name, version=model.version, digest=model.weights_sha256[:8])
    return words.written(told)


def assessed(finding: VertebraFinding) -> Assessment:
    """Return the assessment of a vertebra that has one."""
    assert finding.assessment is not None
    return finding.assessment
