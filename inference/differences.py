"""Findings of two models on one study in, as `findings_json.as_json` gives them; where they differ out."""

from collections.abc import Mapping
from typing import Any


def differences(current: Mapping[str, Any], shadow: Mapping[str, Any]) -> list[str]:
    """Where the two disagree, vertebra by vertebra, in words; unnumbered ones are counted from above."""
    before, after = _grades(current), _grades(shadow)
    found = []
    for name in dict.fromkeys([*before, *after]):
        was, now = before.get(name, "not assessed"), after.get(name, "not assessed")
        if was != now:
            found.append(f"{name}: {was}, shadow {now}")
    return found


def _grades(findings: Mapping[str, Any]) -> dict[str, str]:
    return {
        finding["level"] or f"unnumbered vertebra {number}": f"grade {finding['grade']}"
        for number, finding in enumerate(findings["findings"], start=1)
        if finding["assessed"]
    }
