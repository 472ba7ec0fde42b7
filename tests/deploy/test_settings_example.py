"""deploy/faintline.toml: every setting, explained in the words of the code, with its default."""

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.generated import REPOSITORY, demand_file

from listener.settings import Settings, load_settings

EXAMPLE = REPOSITORY / "deploy" / "faintline.toml"

HEAD = """\
# The settings of Faintline: every one, what it means, and its default.
#
#     faintline serve --settings faintline.toml
#
# What you leave out has its default. An environment variable wins over the file; sections are joined by two
# underscores, lists are JSON. An unknown key or a bad value is an error that names the key.
#
#     FAINTLINE_RECEIVER__PORT=11113
#     FAINTLINE_RECEIVER__CALLERS='[{"ae_title": "PACS", "host": "192.0.2.7"}]'
"""

EXAMPLES = {
    "callers": '[{ ae_title = "PACS", host = "127.0.0.1" }]',
    "bundle": '"/opt/faintline/bundle"',
    "shadow": '"/opt/faintline/next"',
    "wording": '"wording.de.toml"',
    "font": '"/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"',
    "certificate": '"/etc/faintline/faintline.pem"',
    "key": '"/etc/faintline/faintline.key"',
    "authority": '"/etc/faintline/hospital.pem"',
    "syslog_authority": '"/etc/faintline/hospital.pem"',
    "name": '"pacs"',
    "ae_title": '"PACS"',
    "host": '"127.0.0.1"',
    "port": "11113",
    "url": '"https://192.0.2.7/faintline"',
    "secret": '"at least sixteen characters"',
}
"""Values to show where the default is nothing at all."""


def render() -> str:
    """The example file, from the schema that pydantic makes of the settings."""
    schema = Settings.model_json_schema()
    lines = [HEAD]
    for key, field in schema["properties"].items():
        if "$ref" in field:
            section = _definition(schema, field["$ref"])
            lines += ["", *_comment(section["description"]), f"[{key}]", *_fields(schema, section)]
        elif field.get("items"):
            item = _definition(schema, field["items"]["$ref"])
            about = f"{item['description']} Any number of them, each with all its keys; the default is none."
            part = [f"[[{key}]]", *_fields(schema, item)]
            lines += ["", *_comment(about), *(part if key == "destinations" else map(_switched_off, part))]
        else:
            lines += [*_comment(_explained(field)), f"{key} = {json.dumps(field['default'])}"]
    return "\n".join(lines) + "\n"


def _switched_off(line: str) -> str:
    """A setting that the example shows and does not make."""
    return line if line.startswith("# ") else f"# {line}"


def _fields(schema: dict[str, Any], section: dict[str, Any]) -> Iterator[str]:
    for key, field in section["properties"].items():
        yield from _comment(_explained(field))
        yield from _inner(schema, field)
        if key in section.get("required", ()):
            yield f"{key} = {EXAMPLES[key]}"
        elif field["default"] is None:
            yield f"# {key} = {EXAMPLES[key]}"
        elif field["default"] == []:
            yield f"# Default: {json.dumps(field['default'])}"
            yield f"{key} = {EXAMPLES[key]}"
        else:
            yield f"{key} = {json.dumps(field['default'])}"


def _inner(schema: dict[str, Any], field: dict[str, Any]) -> Iterator[str]:
    """The keys of the items of a list, as comments."""
    for choice in field.get("anyOf", ()):
        if reference := choice.get("items", {}).get("$ref"):
            for key, inner in _definition(schema, reference)["properties"].items():
                yield from _comment(f"{key}: {_explained(inner)}", indent="#   ")


def _explained(field: dict[str, Any]) -> str:
    limits = [
        words.format(field[limit])
        for limit, words in (
            ("minimum", "At least {}."),
            ("exclusiveMinimum", "More than {}."),
            ("maximum", "At most {}."),
        )
        if limit in field
    ]
    if "enum" in field:
        limits.append(f"One of {', '.join(json.dumps(value) for value in field['enum'])}.")
    if "enum" in field.get("items", {}):
        limits.append(f"Any of {', '.join(json.dumps(value) for value in field['items']['enum'])}.")
    return " ".join((field["description"], *limits))


def _definition(schema: dict[str, Any], reference: str) -> dict[str, Any]:
    found: dict[str, Any] = schema["$defs"][reference.rsplit("/", 1)[-1]]
    return found


def _comment(text: str, indent: str = "# ") -> list[str]:
    width = 110
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent)


def test_the_example_explains_every_setting_in_the_words_of_the_code() -> None:
    demand_file(EXAMPLE, render())


def test_the_example_is_read_and_holds_the_defaults(tmp_path: Path) -> None:
    read = load_settings(EXAMPLE)
    defaults = load_settings(_empty(tmp_path)).model_copy(update={"folder": read.folder})
    shown = read.model_copy(
        update={
            "receiver": read.receiver.model_copy(update={"callers": defaults.receiver.callers}),
            "destinations": (),
        }
    )
    assert shown == defaults
    assert read.receiver.callers != "any" and len(read.receiver.callers) == len(read.destinations) == 1


def test_every_model_of_the_settings_describes_every_field() -> None:
    schema = Settings.model_json_schema()
    for name, model in schema["$defs"].items():
        assert model.get("description"), name
        undescribed = [key for key, field in model["properties"].items() if not field.get("description")]
        assert not undescribed, f"{name}: {undescribed}"


def _empty(folder: Path) -> Path:
    path = folder / "faintline.toml"
    path.write_text("")
    return path
