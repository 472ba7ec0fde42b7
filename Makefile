# Two commands do all the set-up: `make demo` and `make test`. TORCH_INDEX=<address> points pip at PyTorch's
# wheels for machines without a GPU (the address is on PyTorch's own installation page).

PYTHON ?= python3
TORCH_INDEX ?=
FUZZ_SECONDS ?= 600
RUN ?= runs/default
VERSION ?= 0.0.0
VENV := .venv
BIN := $(VENV)/bin
INSTALL := TORCH_INDEX=$(TORCH_INDEX) sh deploy/install.sh $(BIN)/python --editable
LOCKS := constraints.txt requirements.lock requirements-test.lock requirements-cpu.lock requirements-cuda.lock

.PHONY: demo test test-quick check format lint types contracts torture bench bundle lock peers clean

demo: $(VENV)/installed
	$(BIN)/faintline demo

test: $(VENV)/installed-test peers
	$(BIN)/python -m pytest $(PYTEST)

test-quick: $(VENV)/installed-test
	$(BIN)/python -m pytest -m "not slow and not peers and not browser" $(PYTEST)

check: $(VENV)/installed-test peers lint types contracts
	$(BIN)/python -m pytest $(PYTEST)

# Proofs that take long; each writes its part of deploy/measured.md.
torture: $(VENV)/installed-test peers
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement requirements-fuzz.lock
	$(BIN)/python tests/bench/fuzzing.py $(FUZZ_SECONDS)
	EVERY_PROOF=1 $(BIN)/python -m pytest --timeout 3600 tests/listener/test_crash_points_of_results.py tests/system/test_locked_databases.py
	$(BIN)/python tests/bench/attacking.py
	$(BIN)/python tests/bench/killing.py 50 20
	$(BIN)/python tests/bench/soaking.py 500

bench: $(VENV)/installed-test peers
	$(BIN)/python tests/bench/receiving.py 5

# The shipped bundle from nothing (hours); stopped, it goes on where it was.
bundle: $(VENV)/installed-test
	$(BIN)/faintline-train draw --run $(RUN)
	$(BIN)/faintline-train fit localiser --run $(RUN)
	$(BIN)/faintline-train fit grader --run $(RUN)
	$(BIN)/faintline-train evaluate --run $(RUN)
	$(BIN)/faintline-train export --run $(RUN) --to inference/bundles/default --version $(VERSION) --replace

format: $(VENV)/installed-test
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lint: $(VENV)/installed-test
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: $(VENV)/installed-test
	$(BIN)/mypy

contracts: $(VENV)/installed-test
	$(BIN)/lint-imports

# The programs that the tests use as peers; without apt those tests skip and say so.
peers:
	@sh tests/peers/install.sh

lock: $(VENV)/installed-test
	$(BIN)/python deploy/lock.py $(BIN)/python

clean:
	rm -rf $(VENV) build dist demo .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(VENV)/bin/python pyproject.toml $(LOCKS)
	@echo "installing Faintline and its pinned packages into $(VENV)"
	@$(INSTALL)
	@touch $@

$(VENV)/installed-test: $(VENV)/bin/python pyproject.toml $(LOCKS)
	@echo "installing Faintline, its pinned packages and those of the tests into $(VENV)"
	@$(INSTALL) test
	@touch $@ $(VENV)/installed
