# Two commands on a fresh machine with Python 3.11 and make: `make demo`, then `make test`.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test test-poppler test-browser screenshots fuzz lint bench samples train locks clean

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes
TEMPLATES := cover_marks numeric_answers choice_answers booklet

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(VENV)/.running ## Install what is needed to run (no TensorFlow) into .venv

$(VENV)/.running: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 13) else f"Python {v[0]}.{v[1]} was found, 3.11 or 3.12 is needed; name one: make PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked packages into $(VENV) (about a minute) ..."
	@$(PIP) -r requirements.lock
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation --no-index --editable .
	@touch $@

$(VENV)/.testing: $(VENV)/.running requirements-dev.lock
	@echo "Installing what training and tests need as well (about two minutes) ..."
	@$(PIP) -r requirements-dev.lock
	@touch $@

$(VENV)/.browsing: $(VENV)/.testing requirements-browser.lock
	@$(PIP) -r requirements-browser.lock
	@touch $@

demo: $(VENV)/.running ## Grade the sample sheets, leave demo/exports/marks.xlsx, say who is missing, doubled, off the roster
	@rm -rf demo
	@$(BIN)/tallymark init demo --exam demo --roster sample_sheets/roster.csv --key sample_sheets/key.toml $(TEMPLATES:%=--template %)
	@cp sample_sheets/*.pdf demo/inbox/
	@$(BIN)/tallymark grade demo
	@$(BIN)/tallymark export demo
	@for kind in missing doubled off-roster; do $(BIN)/tallymark candidates demo --only $$kind || exit; done

test: $(VENV)/.testing ## Run all tests
	@$(BIN)/python -m pytest --quiet --numprocesses 2 tests

test-poppler: $(VENV)/.testing ## Run the tests of rendering again, poppler required
	@command -v pdftoppm >/dev/null || { echo "pdftoppm was not found; install poppler-utils"; exit 1; }
	@$(BIN)/python -m pytest --quiet tests/recognizer/test_raster.py

test-browser: $(VENV)/.browsing ## Drive the review in a real Chromium: keyboard, mouse, two people, a server that dies
	@$(BIN)/python -m benchmarks.browsing
	@$(BIN)/python -m pytest --quiet tests/browser

screenshots: $(VENV)/.browsing ## Take docs/review/*.png again
	@$(BIN)/python -m docs.make_screenshots

fuzz: $(VENV)/.testing ## Grade 200 damaged PDFs and 100 damaged pictures; nothing may crash, hang, leak or get lost
	@$(BIN)/python -m tests.fuzz

lint: $(VENV)/.testing ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(VENV)/.testing ## Measure speed and memory, as ratios within one run
	@$(BIN)/python -m benchmarks.run

samples: $(VENV)/.running ## Draw sample_sheets/ again (the same bytes)
	@$(BIN)/python sample_sheets/make_samples.py

train: $(VENV)/.testing ## Make the next model: go on from the shipped networks on ../shared/data, and ship them
	@$(BIN)/python -m recognizer.training.train

locks: ## Resolve the dependencies again (needs uv)
	uv pip compile pyproject.toml --extra simulate --group checkout --generate-hashes --universal --no-header --no-emit-index-url --quiet -o requirements.lock
	uv pip compile pyproject.toml --extra simulate --group checkout --group training --group test -c requirements.lock --generate-hashes --universal --no-header --no-emit-index-url --quiet -o requirements-dev.lock
	uv pip compile --group browser -c requirements-dev.lock --generate-hashes --universal --python-version 3.11 --no-header --no-emit-index-url --quiet -o requirements-browser.lock

clean: ## Remove what was built (never an exam folder)
	rm -rf $(VENV) demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
