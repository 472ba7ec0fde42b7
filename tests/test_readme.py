"""README and the other documents: what they name exists, what follows from the code is as in the code."""

import inspect
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from deploy.generated import REPOSITORY, demand_part, table
from typer.core import TyperGroup

from inference.card import DEFAULT_BUNDLE, read_card
from listener import __version__
from listener.cli import app as faintline
from listener.settings import load_settings
from training.cli import app as faintline_train

README = REPOSITORY / "README.md"
PACKAGES = ("listener", "inference", "training")
OURS = (*PACKAGES, "deploy", "tests", "README.md", "CHANGELOG.md")
DOCUMENTS = sorted(path for path in REPOSITORY.rglob("*.md") if path.relative_to(REPOSITORY).parts[0] in OURS)
PROGRAMS = {"faintline": faintline, "faintline-train": faintline_train}


def commands(program: str) -> dict[str, Any]:
    group = typer.main.get_command(PROGRAMS[program])
    assert isinstance(group, TyperGroup)
    return dict(group.commands)


def shell_lines(document: Path) -> Iterator[str]:
    """Every line of the document's shell blocks, and every command between backticks."""
    text = document.read_text()
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        yield from block.splitlines()
    yield from re.findall(r"`((?:faintline|faintline-train|make) [^`]+)`", text)


def code_map() -> str:
    found = re.search(r"^## Code map\n(.*?)^## ", README.read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def test_the_list_of_commands_is_that_of_help() -> None:
    rows = [
        (f"`{program} {_usage(name, command)}`", command.get_short_help_str(limit=300))
        for program in PROGRAMS
        for name, command in commands(program).items()
    ]
    demand_part(README, "commands", table(("command", "what it does"), rows))


def _usage(name: str, command: Any) -> str:
    words = [name]
    for parameter in command.params:
        option = max(parameter.opts, key=len)
        argument = parameter.param_type_name == "argument"
        words.append(option.upper() if argument else option if parameter.required else f"[{option}]")
    return " ".join(words)


def test_what_the_readme_says_of_the_model_is_what_its_card_says() -> None:
    card = read_card(DEFAULT_BUNDLE)
    origins = "".join(f"- {one['data']} ({one['licence']})\n" for one in card.trained_on)
    rows = [
        (f"{'' if number else one['data']}", *row)
        for one in card.measured_on
        for number, row in enumerate(_figures({key: one[key] for key in one if key != "data"}))
    ]
    content = (
        f"The shipped bundle is `{card.name}` {card.version}, the SHA-256 of its weights begins with "
        f"`{card.weights_sha256[:12]}`. What follows is from its card.\n\nTrained on:\n\n{origins}\n"
        + table(("measured on", "figure", "value"), rows)
    )
    demand_part(README, "model", content)


def _figures(values: dict[str, Any], under: str = "") -> Iterator[tuple[str, str]]:
    """Every single value of a card's entry; matrices stay in the card."""
    for key, value in values.items():
        name = f"{under}{key}".replace("_", " ")
        if isinstance(value, dict):
            yield from _figures(value, f"{name}: ")
        elif not isinstance(value, list):
            yield name, str(value)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_command_that_a_document_names_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    for line in shell_lines(document):
        for target in re.findall(r"(?:^|\s)make ([a-z-]+)", line):
            assert target in targets, line
        for program, name, rest in re.findall(r"(?:^|[\s/])(faintline(?:-train)?) ([a-z]+)(.*)", line):
            if line.startswith("sudo ") and "/bin/" not in line:
                continue
            known = commands(program)
            assert name in known, line
            options = {option for parameter in known[name].params for option in parameter.opts}
            assert set(re.findall(r"(?<!\S)\[?(--[a-z-]+)", rest)) <= options | {"--help"}, line


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_link_leads_somewhere(document: Path) -> None:
    text = document.read_text()
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        linked = document.parent / path if path else document
        assert linked.exists(), target
        assert not anchor or anchor in _anchors(linked), target


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_path_of_ours_that_a_document_names_exists(document: Path) -> None:
    for path in re.findall(
        r"`((?:listener|inference|training|deploy|tests)/[\w./-]*[\w/])`", document.read_text()
    ):
        assert (REPOSITORY / path).exists(), path


def test_the_code_map_names_every_module_and_nothing_else() -> None:
    block = re.search(r"```text\n(.*?)```", code_map(), re.DOTALL)
    assert block is not None
    sections = re.split(r"^(\w+)/ ", block[1], flags=re.MULTILINE)
    named = dict(zip(sections[1::2], sections[2::2], strict=True))
    for package in PACKAGES:
        mentioned = set(re.findall(r"\w+", named[package]))
        missing = {module for module in _modules(package) if module not in mentioned}
        assert not missing, f"{package}: {missing}"
        heads = {
            word
            for line in named[package].splitlines()[1:]
            for word in re.split(r"\s{2,}", line.strip())[0].replace("/", "").split()
        }
        assert heads <= _modules(package), f"{package}: {heads - _modules(package)}"


def _modules(package: str) -> set[str]:
    inside = [path for path in (REPOSITORY / package).iterdir() if not path.name.startswith(("_", "."))]
    return {path.stem for path in inside if path.suffix == ".py" or path.is_dir()}


def test_the_code_map_stays_short() -> None:
    assert len(code_map().splitlines()) <= 60


def test_the_invariants_name_the_import_contracts() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    names = [contract["name"] for contract in project["tool"]["importlinter"]["contracts"]]
    demand_part(README, "contracts", "".join(f'- "{name}"\n' for name in names))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_settings_block_of_a_document_is_accepted(document: Path, tmp_path: Path) -> None:
    for block in re.findall(r"```toml\n(.*?)```", document.read_text(), re.DOTALL):
        (tmp_path / "faintline.toml").write_text(block)
        assert load_settings(tmp_path / "faintline.toml").destinations


def test_documents_speak_of_this_version() -> None:
    assert f"Faintline {__version__}:" in (REPOSITORY / "deploy" / "conformance.md").read_text()
    assert __version__ in (REPOSITORY / "CHANGELOG.md").read_text()


def test_the_first_line_of_every_file_says_what_it_is() -> None:
    for package in PACKAGES:
        for path in (REPOSITORY / package).rglob("*.py"):
            if path.name != "__init__.py" and "migrations" not in path.parts:
                assert inspect.cleandoc(path.read_text()).startswith(('"""', 'r"""')), path
