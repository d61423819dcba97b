# What people and CI run alike. `make help` lists the targets.

PYTHON ?= python3
VENV ?= .venv

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet install --progress-bar off
CHECKED := src tests tools examples benchmarks
FAST := not slow and not torch and not hardware

.DEFAULT_GOAL := help
.PHONY: help demo test test-all check bench docs clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.dev  ## build a sample model, check it, serve it, ask it
	@$(BIN)/python examples/digits/build.py
	@$(BIN)/python examples/digits/demo.py

test: $(VENV)/.dev  ## the fast tests
	@$(BIN)/python -m pytest -q -m "$(FAST)"

test-all: $(VENV)/.dev $(VENV)/.torch  ## all tests that need no special hardware
	@$(BIN)/python -m pytest -q -m "not hardware"

check: $(VENV)/.dev  ## format, lint, types, import floors, generated pages, fast tests
	$(BIN)/ruff format --quiet --check $(CHECKED)
	$(BIN)/ruff check --quiet $(CHECKED)
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tools/docs.py --check
	$(BIN)/python -m pytest -q -m "$(FAST)"

bench: $(VENV)/.dev  ## compare with peers, side by side
	@$(BIN)/python benchmarks/run.py

docs: $(VENV)/.docs  ## write the reference pages and build the site into site/
	@$(BIN)/python tools/docs.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

clean:  ## remove what the other targets made
	@rm -rf $(VENV) site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Stamps: a second run installs nothing unless the dependencies have changed.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "error: airworthy needs Python 3.10 or newer; $(PYTHON) is `$(PYTHON) -V 2>&1`" >&2; \
	  echo "hint: make $(MAKECMDGOALS) PYTHON=/path/to/a/newer/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "error: $(PYTHON) cannot make virtual environments" >&2; \
	  echo "hint: apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml
	@echo "installing what the tests need into $(VENV) ..."
	@$(PIP) --editable '.[dev]'
	@touch $@

$(VENV)/.docs: $(VENV)/.dev
	@$(PIP) --editable '.[dev,docs]'
	@touch $@

$(VENV)/.torch: $(VENV)/.dev
	@$(PIP) --editable '.[dev,zoo]'
	@touch $@
