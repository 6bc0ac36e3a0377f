# make activity: sets everything up and runs Activity 25. Needs Python 3.11 or newer, and nothing else.

PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; break; fi; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help activity test crash lint format bench clean

help:
	@echo "make activity   run Activity 25, the producer/consumer exercise"
	@echo "make test       every check: lint and all tests"
	@echo "make crash      kill the server 300 times under load, and see what it kept"
	@echo "make lint       ruff, mypy, import-linter"
	@echo "make format     let ruff format and fix"
	@echo "make bench      measure, beside other emulators"
	@echo "make clean      remove .venv and caches"

activity: .venv/installed
	@$(BIN)/noria activity25

test: lint
	@$(BIN)/python -m pytest -n 2 --dist worksteal

lint: .venv/installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: .venv/installed-dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# What `make test` does a few times, three hundred times: some four minutes.
crash: .venv/installed-dev
	@CRASH_KILLS=300 $(BIN)/python -m pytest tests/crash/test_crash_queues.py

bench: .venv/installed-dev
	@$(BIN)/python -m benchmarks

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Noria needs Python 3.11 or newer; none was found on PATH." >&2; exit 1; }
	@echo "Making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

# The stamps: an up-to-date virtual environment costs nothing.
.venv/installed: pyproject.toml | $(BIN)/python
	@echo "Installing Noria and the aws command into .venv"
	@$(PIP) install --editable '.[aws]'
	@touch $@

.venv/installed-dev: pyproject.toml | $(BIN)/python
	@echo "Installing Noria and its development tools into .venv"
	@$(PIP) install --editable '.[dev]'
	@touch $@ .venv/installed
