"""atheris on everything that reads foreign bytes; writes how far it came into deploy/measured.md.

    python tests/bench/fuzzing.py [SECONDS OF EACH]

Inputs that reach new code are kept in tests/fuzz/corpus, as few as reach all of it; an input that raises,
hangs or eats memory ends the run and is named. Needs atheris, which `make torture` installs.
"""

import logging
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

LARGEST_BYTES = {"walk": 4096, "gate": 8192, "volume": 16384, "answer": 24576}
LONGEST_S = 30
MOST_MB = 4096


def main() -> None:
    """Run every target in a process of its own, and write."""
    from bench.measured import write_part
    from fuzz.targets import CORPUS, TARGETS, seeds

    seconds, rows = int(sys.argv[1]) if len(sys.argv) > 1 else 600, []
    for name in TARGETS:
        kept = CORPUS / name
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            found = Path(folder)
            for number, content in enumerate(seeds(name)):
                (found / f"seed{number}").write_bytes(content)
            said = run(name, f"-max_total_time={seconds}", str(found), str(kept))
            run(name, "-merge=1", str(kept), str(found))
        executed = re.findall(r"stat::number_of_executed_units:\s+(\d+)", said)[-1]
        covered = re.findall(r"cov: (\d+)", said)[-1]
        rows.append((name, str(seconds), executed, covered, str(len(list(kept.iterdir()))), "0"))
        print(rows[-1], flush=True)
    head = ("reader", "seconds", "inputs tried", "edges reached", "inputs kept", "unforeseen ends")
    write_part("fuzzing", head, rows)


def run(name: str, *arguments: str) -> str:
    """libFuzzer on one target; what it says, or an error with the input that it stopped at."""
    limits = (f"-max_len={LARGEST_BYTES[name]}", f"-timeout={LONGEST_S}", f"-rss_limit_mb={MOST_MB}")
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / name  # merging starts the program again by its name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).absolute()} --target $0 "$@"\n')
        program.chmod(0o700)
        command = [str(program), "-print_final_stats=1", *limits, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stdout[-2000:]}\n{done.stderr[-6000:]}")
    return done.stderr


def fuzz(program: str, arguments: list[str]) -> None:
    """One target under atheris; never returns."""
    import atheris
    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    warnings.simplefilter("ignore")
    with atheris.instrument_imports(include=["listener", "inference"]):
        from fuzz.targets import TARGETS
    atheris.Setup([program, *arguments], TARGETS[Path(program).name])
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--target"]:
        fuzz(sys.argv[2], sys.argv[3:])
    else:
        main()
