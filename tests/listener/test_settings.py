"""The settings: what is read, what is refused, and how it is said."""

from pathlib import Path

import pytest

from listener.errors import SettingsError
from listener.settings import load_settings


def write(folder: Path, text: str) -> Path:
    path = folder / "faintline.toml"
    path.write_text(text)
    return path


def test_the_names_users_know_are_read(tmp_path: Path) -> None:
    settings = load_settings(
        write(
            tmp_path,
            """
            folder = "var"
            [receiver]
            ae_title = "FAINTLINE"
            host = "127.0.0.1"
            port = 11112
            quiet_seconds = 60
            callers = [{ ae_title = "PACS", host = "127.0.0.1" }]
            [[destinations]]
            name = "pacs"
            ae_title = "PACS"
            host = "127.0.0.1"
            port = 11113
            """,
        )
    )
    assert settings.folder == tmp_path / "var"
    assert settings.receiver.callers != "any" and str(settings.receiver.callers[0].host) == "127.0.0.1"
    assert settings.peer("pacs") is not None and settings.peer("other") is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("foldr = 'x'", "unknown key foldr"),
        ("[receiver]\nprot = 1", "unknown key receiver.prot"),
        ("[receiver]\nport = 0", "receiver.port"),
        ("[receiver]\nport = 'x'", "receiver.port"),
        ("[receiver]\nae_title = 'MORE THAN SIXTEEN'", "receiver.ae_title"),
        ("[receiver]\ncallers = 'some'", "receiver.callers"),
        ("[[destinations]]\nname = 'a'", "destinations.0.ae_title"),
        ("[receiver]\ncallers = [{ ae_title = 'A', host = 'pacs.example' }]", "receiver.callers"),
        ("folder = ", "Invalid value"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError, match=named.replace(".", r"\.")):
        load_settings(write(tmp_path, text))


def test_two_destinations_of_one_name_are_refused(tmp_path: Path) -> None:
    one = "[[destinations]]\nname = 'a'\nae_title = 'A'\nhost = 'h'\nport = 1\n"
    with pytest.raises(SettingsError, match="differ"):
        load_settings(write(tmp_path, one + one))


def test_a_missing_file_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no such file"):
        load_settings(tmp_path / "none.toml")


def test_the_environment_overrides_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAINTLINE_RECEIVER__PORT", "2222")
    path = write(tmp_path, "[receiver]\nport = 11112\nquiet_seconds = 5")
    settings = load_settings(path)
    assert settings.receiver.port == 2222
    assert settings.receiver.quiet_seconds == 5


@pytest.mark.parametrize(
    ("name", "named"),
    [("FAINTLINE_RECIEVER__PORT", "reciever"), ("FAINTLINE_RECEIVER__PROT", "receiver.prot")],
)
def test_a_misspelt_override_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, named: str
) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(SettingsError, match=named):
        load_settings(write(tmp_path, ""))


def test_relative_paths_are_taken_from_the_settings_file(tmp_path: Path) -> None:
    own = "folder = 'var'\n[worker]\nbundle = 'mine'\n[report]\nwording = 'words.toml'\nfont = '/f.ttf'"
    settings = load_settings(write(tmp_path, own))
    assert settings.folder == tmp_path / "var"
    assert settings.worker.bundle == tmp_path / "mine"
    assert (settings.report.wording, settings.report.font) == (tmp_path / "words.toml", Path("/f.ttf"))
