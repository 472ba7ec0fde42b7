"""From findings to measurement groups (TID 1410, PS3.16): one a vertebra, one for how far the answer reaches.

Every group has its own region on a real image, and its first number repeats that region's coordinates:
viewers draw a group only then.
"""

from collections.abc import Sequence

from highdicom import sr
from pydicom.dataset import Dataset

from inference.findings import Assessment, StudyReport, VertebraFinding
from listener.results import codes
from listener.results.identity import MANUFACTURER, MODEL_NAME, Product, ResultKey, device_uid
from listener.results.outcome import Answer, Outcome, probability
from listener.results.region import Region
from listener.results.statement import Statement
from listener.results.wording import sentences, terms

Group = sr.PlanarROIMeasurementsAndQualitativeEvaluations


def vertebra_group(statement: Statement, finding: VertebraFinding, region: Region) -> Group:
    """Return the group of one suspected fracture or one possible mild deformity."""
    report, outcome = statement.report, statement.outcome
    assessment = terms.assessed(finding)
    flagged = finding in outcome.flagged
    least = report.flag_grade if flagged else report.possible_grade
    sentence = sentences.flagged_sentence if flagged else sentences.possible_sentence
    group = Group(
        tracking_identifier=_tracking(
            finding.name, f"vertebra {report.findings.index(finding)}", statement.key
        ),
        referenced_region=_image_region(region),
        finding_type=codes.COMPRESSION_FRACTURE if flagged else codes.POSSIBLE_DEFORMITY,
        algorithm_id=_algorithm(statement),
        finding_sites=[sr.FindingSite(codes.level_code(finding.level))],
        measurements=_measurements(assessment, probability(assessment, least), finding),
        qualitative_evaluations=_evaluations(assessment, flagged, outcome),
    )
    _complete(group, region, sentence(statement.words, finding, least))
    return group


def coverage_group(statement: Statement, region: Region) -> Group:
    """Return the group that says which levels the answer is about, or why there is no answer."""
    outcome, report = statement.outcome, statement.report
    evaluations = [sr.QualitativeEvaluation(codes.SUMMARY, codes.summary(outcome.answer, outcome.is_partial))]
    if outcome.answer is Answer.NONE and not outcome.is_partial:
        evaluations.append(sr.QualitativeEvaluation(codes.FRACTURE_PRESENCE, codes.ABSENT))
    for name, findings in (
        (codes.LEVEL_ASSESSED, outcome.assessed),
        (codes.LEVEL_NOT_ASSESSED, outcome.missed),
    ):
        evaluations += [
            sr.QualitativeEvaluation(name, codes.level_code(f.level)) for f in findings if f.level
        ]
    group = Group(
        tracking_identifier=_tracking("study", "study", statement.key),
        referenced_region=_image_region(region),
        finding_type=_coverage_finding(outcome),
        algorithm_id=_algorithm(statement),
        measurements=_coverage_measurements(outcome, report),
        qualitative_evaluations=evaluations,
    )
    _complete(group, region, sentences.coverage_sentence(statement.words, outcome), statement.remarks)
    return group


def observer(product: Product) -> sr.ObserverContext:
    """Return who observed: this software, as a device."""
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=device_uid(product), name=MANUFACTURER, manufacturer_name=MANUFACTURER,
        model_name=MODEL_NAME, serial_number=product.version,
    )  # fmt: skip
    return sr.ObserverContext(observer_type=codes.DEVICE, observer_identifying_attributes=device)


def _coverage_finding(outcome: Outcome) -> sr.CodedConcept:
    if outcome.answer is Answer.NOT_ANALYSED:
        return codes.NOT_ANALYSED
    if outcome.answer is Answer.NONE:
        return codes.NO_FRACTURE_PARTIAL if outcome.is_partial else codes.NO_FRACTURE
    return codes.LEVELS_ASSESSED


def _coverage_measurements(outcome: Outcome, report: StudyReport) -> list[sr.Measurement]:
    certainties = [
        probability(finding.assessment, report.flag_grade)
        for finding in outcome.assessed
        if finding.assessment
    ]
    if not certainties:
        return []
    return [
        _number(codes.HIGHEST_CERTAINTY, 100 * max(certainties), codes.PERCENT),
        _number(codes.VERTEBRAE_ASSESSED, len(certainties), codes.VERTEBRAE),
    ]


def _measurements(assessment: Assessment, certainty: float, finding: VertebraFinding) -> list[sr.Measurement]:
    """The certainty comes first: viewers take the region from the first number, and show the first five."""
    heights = assessment.heights
    numbers = [
        _number(codes.CERTAINTY, 100 * certainty, codes.PERCENT),
        _number(codes.HEIGHT_LOSS, assessment.height_loss_percent, codes.PERCENT),
        _number(codes.ANTERIOR_HEIGHT, heights.anterior_mm, codes.MILLIMETER),
        _number(codes.MIDDLE_HEIGHT, heights.middle_mm, codes.MILLIMETER),
        _number(codes.POSTERIOR_HEIGHT, heights.posterior_mm, codes.MILLIMETER),
    ]
    low, high = assessment.height_loss_interval_percent
    # The uncertainties of TID 310 would say it shorter; PixelMed's validator does not know them.
    numbers.append(_number(codes.LEAST_HEIGHT_LOSS, low, codes.PERCENT))
    numbers.append(_number(codes.GREATEST_HEIGHT_LOSS, high, codes.PERCENT))
    if assessment.neighbour_height_loss_percent is not None:
        numbers.append(_number(codes.NEIGHBOUR_LOSS, assessment.neighbour_height_loss_percent, codes.PERCENT))
    if assessment.trabecular_hu is not None:
        numbers.append(_number(codes.ATTENUATION, assessment.trabecular_hu, codes.HOUNSFIELD, codes.MEAN))
    if finding.level is not None:
        numbers.append(_number(codes.LEVEL_CERTAINTY, 100 * finding.level_confidence, codes.PERCENT))
    return numbers


def _evaluations(assessment: Assessment, flagged: bool, outcome: Outcome) -> list[sr.QualitativeEvaluation]:
    pairs = [(codes.GENANT, codes.GRADES[assessment.grade])]
    if assessment.deformity is not None:
        pairs.append((codes.DEFORMITY, codes.DEFORMITIES[assessment.deformity]))
    if assessment.grade in codes.SEVERITIES:
        pairs.append((codes.SEVERITY, codes.SEVERITIES[assessment.grade]))
    pairs.append((codes.STATUS, codes.SUSPECTED if flagged else codes.POSSIBLE))
    pairs.append((codes.SUMMARY, codes.summary(outcome.answer, outcome.is_partial)))
    return [sr.QualitativeEvaluation(name, value) for name, value in pairs]


def _number(
    name: sr.CodedConcept, value: float, unit: sr.CodedConcept, derivation: sr.CodedConcept | None = None
) -> sr.Measurement:
    return sr.Measurement(name=name, value=round(float(value), 1), unit=unit, derivation=derivation)


def _tracking(name: str, thing: str, key: ResultKey) -> sr.TrackingIdentifier:
    return sr.TrackingIdentifier(uid=key.uid("tracking", thing), identifier=f"{MANUFACTURER} {name}")


def _algorithm(statement: Statement) -> sr.AlgorithmIdentification:
    words, model = statement.words, statement.report.model
    return sr.AlgorithmIdentification(
        name=words.written(model.name),
        version=words.written(f"{model.version} ({model.weights_sha256[:12]})"),
        family=codes.ARTIFICIAL_INTELLIGENCE,
        manufacturer=MANUFACTURER,
    )


def _source(region: Region) -> sr.SourceImageForRegion:
    frame = region.source.frame_number
    return sr.SourceImageForRegion(
        region.source.sop_class_uid, region.source.sop_instance_uid, None if frame is None else [frame]
    )


def _image_region(region: Region) -> sr.ImageRegion:
    return sr.ImageRegion(sr.GraphicTypeValues.POLYLINE, region.polygon, _source(region))


def _complete(group: Group, region: Region, comment: str, remarks: Sequence[str] = ()) -> None:
    """Give the first number the region's coordinates, and the group its texts.

    highdicom builds TID 1410 strictly and takes neither; the template is extensible and viewers need both.
    There is one Comment, because viewers label the group with it.
    """
    content = group[0].ContentSequence
    numbers: list[Dataset] = [item for item in content if item.ValueType == "NUM"]
    for number in numbers[:1]:
        number.ContentSequence = [
            *number.get("ContentSequence", []),
            sr.CoordinatesForMeasurement(sr.GraphicTypeValues.POLYLINE, region.polygon, _source(region)),
        ]
    for name, text in ((codes.COMMENT, comment), *((codes.REMARK, remark) for remark in remarks)):
        content.append(sr.TextContentItem(name, text, sr.RelationshipTypeValues.CONTAINS))
