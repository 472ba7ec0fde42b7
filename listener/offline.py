"""A folder of DICOM files in; SR, SC and a PNG of it on disk out. No network, no registry."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from inference.bundle import load_bundle
from inference.errors import InferenceError
from listener.errors import StudyError
from listener.recipients import kinds_to_make
from listener.results.build import Result, objects_of
from listener.results.errors import ResultError
from listener.results.kinds import PICTURES
from listener.results.language import read_language
from listener.screening import screen_to_statement, summarise
from listener.settings import Settings


@dataclass(frozen=True, slots=True)
class OfflineOutcome:
    """What a folder came to, and the files that say so."""

    summary: str
    paths: tuple[Path, ...]


def screen_folder(folder: Path, output: Path, settings: Settings) -> OfflineOutcome:
    """Screen the files under ``folder`` as one study; write the results into ``output``.

    Raises
    ------
    StudyError
        The files cannot be reported on: no images, several studies, several patients.
    """
    files = tuple(sorted(path for path in folder.rglob("*") if path.is_file()))
    language = read_language(settings.report)
    try:
        statement = screen_to_statement(files, load_bundle(settings.worker.bundle), settings, language)
        built = objects_of(statement, kinds_to_make(settings.destinations))
    except (InferenceError, ResultError) as error:
        raise StudyError(f"{folder}: {error}") from error
    output.mkdir(parents=True, exist_ok=True)
    paths = [path for result in built for path in _write(result, output)]
    return OfflineOutcome(summarise(statement.report), tuple(paths))


def _write(result: Result, output: Path) -> list[Path]:
    path = output / f"{result.name}.dcm"
    path.write_bytes(result.to_bytes())
    if result.kind not in PICTURES:
        return [path]
    picture = path.with_suffix(".png")
    Image.fromarray(result.dataset.pixel_array).save(picture)
    return [path, picture]
