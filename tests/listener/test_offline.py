"""What `faintline screen` leaves on disk."""

from pathlib import Path

from spine_cases import CREATED_AT, study_of

from listener.offline import _write
from listener.results.build import build_results
from listener.results.identity import Product
from listener.results.kinds import ResultKind


def test_every_object_is_written_and_the_pictures_as_png_too(tmp_path: Path) -> None:
    case = study_of("one flagged")
    built = build_results(
        case.report, case.volume, case.headers, CREATED_AT, Product("1.2.3"), frozenset(ResultKind)
    )
    names = [path.name for result in built for path in _write(result, tmp_path)]
    assert {name for name in names if name.endswith(".dcm")} == {f"{result.name}.dcm" for result in built}
    assert {name for name in names if name.endswith(".png")} == {
        "overview.png",
        "coronal.png",
        "close-up-1.png",
    }
    assert all((tmp_path / name).stat().st_size for name in names)
