"""The guard itself: it sees what it should see."""

from pathlib import Path

from privacy import leaks_below, patients_in


def test_a_patient_is_seen_in_text_a_name_of_a_file_a_log_and_a_database_and_nowhere_else(
    tmp_path: Path,
) -> None:
    secret = "19" + "400102"  # in pieces: this run is guarded too
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    for name in ("node.log", "registry.sqlite", "registry.sqlite-wal", "report.dcm", "storescp.log"):
        (hidden / name).write_text(f"born {secret}")
    (hidden / f"{secret}.dcm").touch()
    found = {leak.split(": ")[0].rsplit("/", 1)[1] for leak in leaks_below(tmp_path)}
    assert found == {"node.log", "registry.sqlite", "registry.sqlite-wal", f"{secret}.dcm"}
    assert patients_in(f"a {secret} b".encode()) == [secret] and patients_in(b"1.2.3") == []
    for path in hidden.iterdir():
        path.unlink()
