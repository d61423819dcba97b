# What people and CI run alike. `make help` lists the targets.

PYTHON ?= python3
VENV ?= .venv

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet install --progress-bar off
LOCKED := $(PIP) --require-hashes --no-deps --requirement
# Builds with what the lock brings, and fetches nothing.
EDITABLE := $(PIP) --no-deps --no-build-isolation --no-index --editable .
CHECKED := src tests tools examples benchmarks
FAST := not slow and not torch and not hardware
JOBS ?= 2
PYTEST := -m pytest -q -n $(JOBS) --dist loadgroup --durations=20 --durations-min=0.5
NEWEST := .venv-newest
DEMO ?= .venv-demo
WHEEL ?= $(VENV)

.DEFAULT_GOAL := help
.PHONY: help demo wheel test test-all test-newest coverage check lock audit bench docs changelog clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

demo: $(DEMO)/.demo  ## build a small model, serve it, ask it; then talk to a language model
	@$(DEMO)/bin/python examples/digits/build.py
	@$(DEMO)/bin/python examples/digits/demo.py
	@$(DEMO)/bin/python examples/language_model/demo.py

wheel: $(WHEEL)/.made  ## build the wheel into dist/
	@rm -f dist/airworthy-*.whl
	@$(WHEEL)/bin/python -m pip --disable-pip-version-check --quiet wheel --no-deps --wheel-dir dist .
	@echo "pip install '$$(ls dist/airworthy-*.whl)[default]'"

test: $(VENV)/.dev  ## the fast tests
	@$(BIN)/python $(PYTEST) -m "$(FAST)"

test-all: $(VENV)/.dev $(VENV)/.torch  ## all tests that need no special hardware
	@$(BIN)/python $(PYTEST) -m "not hardware"

test-newest: $(VENV)/.made  ## the fast tests with the newest versions that fit: finds what has rotted
	@$(MAKE) --no-print-directory VENV=$(NEWEST) $(NEWEST)/.newest
	@$(NEWEST)/bin/python $(PYTEST) -m "$(FAST)"

coverage: $(VENV)/.dev  ## lines and branches that the fast tests run, against the floor in pyproject.toml
	@rm -f .coverage .coverage.*
	@$(BIN)/python -m coverage run $(PYTEST) -m "$(FAST)"
	@$(BIN)/python -m coverage combine --quiet 2>/dev/null || true  # processes that were killed leave broken files
	@$(BIN)/python -m coverage report

check: $(VENV)/.dev  ## format, lint, types, import floors, generated pages, fast tests
	$(BIN)/ruff format --quiet --check $(CHECKED)
	$(BIN)/ruff check --quiet $(CHECKED)
	$(BIN)/mypy --no-error-summary
	MYPYPATH=src:tests:benchmarks $(BIN)/mypy --explicit-package-bases --no-error-summary tests benchmarks
	MYPYPATH=src:tools:tests $(BIN)/mypy --explicit-package-bases --no-error-summary tools
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tools/docs.py --check
	$(BIN)/python tools/lock.py --check
	$(BIN)/airworthy deps --no-solve
	$(BIN)/python tools/words.py
	$(BIN)/python $(PYTEST) -m "$(FAST)"

lock: $(VENV)/.dev  ## resolve anew what has changed in pyproject.toml (UPGRADE=all, UPGRADE=NAME)
	@$(BIN)/python tools/lock.py $(if $(UPGRADE),--upgrade $(UPGRADE))

audit: $(VENV)/.dev  ## compare what the tests install with published advisories (SNAPSHOT=all.zip: offline); write build/bom.json
	@mkdir -p build
	@$(BIN)/airworthy audit-deps $(if $(SNAPSHOT),--snapshot $(SNAPSHOT)) --native --sbom build/bom.json

bench: $(VENV)/.dev  ## compare with peers, side by side
	@$(BIN)/python benchmarks/run.py

docs: $(VENV)/.docs  ## write the reference pages and build the site into site/
	@$(BIN)/python tools/docs.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

changelog: $(VENV)/.docs  ## show what the fragments would add to CHANGELOG.md
	@$(BIN)/towncrier build --draft --version next

clean:  ## remove what the other targets made
	@rm -rf $(VENV) $(NEWEST) $(DEMO) site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Stamps: a second run installs nothing unless the dependencies have changed.
$(sort $(VENV)/.made $(DEMO)/.made):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "error: airworthy needs Python 3.10 or newer; $(PYTHON) is `$(PYTHON) -V 2>&1`" >&2; \
	  echo "hint: make $(MAKECMDGOALS) PYTHON=/path/to/a/newer/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "error: $(PYTHON) cannot make virtual environments" >&2; \
	  echo "hint: apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(@D)
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml locks/test.txt
	@echo "installing what the tests need into $(VENV) ..."
	@$(LOCKED) locks/test.txt
	@$(EDITABLE)
	@touch $@

$(VENV)/.docs: $(VENV)/.dev locks/docs.txt
	@$(LOCKED) locks/docs.txt
	@touch $@

$(DEMO)/.demo: $(DEMO)/.made pyproject.toml locks/demo.txt $(shell find src -name '*.py')
	@echo "installing what the demo needs into $(DEMO) ..."
	@$(DEMO)/bin/python tools/install.py locks/demo.txt
	@$(DEMO)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --no-index .
	@touch $@

# The one package without a hash: each platform and index has a build of its own.
$(VENV)/.torch: $(VENV)/.dev locks/zoo.txt
	@$(LOCKED) locks/zoo.txt
	@$(PIP) "$$($(BIN)/python tools/lock.py --unlocked)"
	@touch $@

$(VENV)/.newest: $(VENV)/.made pyproject.toml
	@echo "installing the newest of what the tests need into $(VENV) ..."
	@$(PIP) --upgrade --upgrade-strategy eager --editable '.[dev]'
	@touch $@
