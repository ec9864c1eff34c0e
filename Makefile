# `make` alone tells what there is. Every target sets up what it needs, also on a fresh machine.

VENV    ?= .venv
PYTHON  ?= $(shell for p in python3 python3.12 python3.11 python3.13; do \
             "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
PY       = $(VENV)/bin/python
READY    = $(VENV)/.ready
WORKERS ?= logical
# What to test and how, e.g. make test T="tests/unit -k money"
T       ?= tests
PYTEST   = $(PY) -m pytest -n $(WORKERS) --dist loadgroup
# Which figures make soak measures (all, when empty), and the number of its seeded runs
FIGURES ?=
RUNS    ?= 10000
DEMO    ?= $(PY) -m tests.demo
PACKAGES = hq_server branch_node sync_protocol shared

# Commands start a third sooner with it; it is written beside the sources, where git ignores it.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- setting up ----------------------------------------------------------------------------------

.PHONY: setup
setup: $(READY) ## Set up everything but Chromium, in .venv (quick when it is up to date)
	@$(PY) hatch_build.py --offline || true

$(READY): pyproject.toml hatch_build.py package.json package-lock.json
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and was not found; say PYTHON=/path/to/python" >&2; exit 2; }
	@test -x $(PY) || $(PYTHON) -m venv $(VENV) || { \
	    rm -rf $(VENV); echo "no virtual environment; on Debian: apt-get install python3-venv" >&2; exit 2; }
	@echo "installing into $(VENV) (a minute or so, the first time)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

.PHONY: assets
assets: $(READY) ## Fetch the page assets again (after npm could not be reached)
	@rm -f shared/ui/static/vendor/.made-from
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@$(PY) hatch_build.py --offline

.PHONY: machine
machine: ## Install what tests want of the machine (Chromium, libfiu), by apt-get when root; never fails
	@.ci/machine

.PHONY: hooks
hooks: $(READY) ## Check commits and pushes from this clone (git hooks, by pre-commit)
	$(PY) -m pre_commit install

# --- running -------------------------------------------------------------------------------------

.PHONY: demo
demo: setup ## Run head office and three branches on this machine, with a made-up company
	$(DEMO)

.PHONY: screenshots
screenshots: setup machine ## Take the pictures of the README again
	$(PY) -m tests.demo.screenshots

.PHONY: bench
bench: setup ## Measure speed against the limits; writes benchmarks/latest.json
	$(PY) -m benchmarks
	$(PY) -m benchmarks.peers
	$(PY) -m benchmarks.memory

# --- checking ------------------------------------------------------------------------------------

.PHONY: test
test: setup machine ## Run every test, in parallel and in random order
	$(PYTEST) $(T)

.PHONY: quick
quick: setup ## Run the tests that take no browser, no processes and no patience
	$(PYTEST) -m "not slow and not browser and not system and not real_data" $(T)

.PHONY: check
check: lint types contracts migrations test ## All that must hold before a push; CI runs the same

.PHONY: seeded-bugs
seeded-bugs: setup ## Put twenty bugs into the protocol, one at a time; the simulation must notice each
	$(PY) -m tests.simulation.seeded_bugs

.PHONY: soak
soak: setup ## Hours of faults: the figures of docs/reliability.md, e.g. make soak FIGURES="S1 S7" RUNS=10000
	$(PY) -m tests.soak --runs $(RUNS) $(FIGURES)

.PHONY: lint
lint: setup ## Style: ruff, formatting
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

.PHONY: types
types: setup ## Types: mypy --strict
	$(PY) -m mypy

.PHONY: contracts
contracts: setup ## Architecture: what may import what
	$(VENV)/bin/lint-imports --no-logo

.PHONY: migrations
migrations: setup ## Every table has a migration, the same on both databases
	$(PY) -m shared.db.migrations check

# --- keeping up ----------------------------------------------------------------------------------

.PHONY: format
format: setup ## Format the code and mend what ruff can mend
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .

.PHONY: translations
translations: setup ## Bring the catalogues up to date with the code; then translate what is empty
	$(PY) -m tests.support.translations update

.PHONY: lock
lock: ## Choose version and digest of every library of the product anew, in requirements.lock
	$(PYTHON) -m venv build/tools && build/tools/bin/pip install --quiet uv
	build/tools/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    --upgrade pyproject.toml -o requirements.lock

.PHONY: sbom
sbom: ## List every library of the product with its digests, as CycloneDX, in build/sbom.json
	$(PYTHON) -m venv build/tools && build/tools/bin/pip install --quiet cyclonedx-bom
	build/tools/bin/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml \
	    --output-reproducible -o build/sbom.json

.PHONY: clean
clean: ## Remove what was made here, the virtual environment included
	rm -rf $(VENV) .venv-ci build dist node_modules .peers mutants shared/ui/static/vendor demo-home benchmarks/latest.json
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info
	find $(PACKAGES) tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
	find $(PACKAGES) -name '*.mo' -delete
