# make run    start the service on 127.0.0.1:8000, on Ollama where it answers, else on the embedded model
# make test   lint, types and every test, on the embedded model
# make tests  every test, without lint and types
# make dev    what make test installs, without a test: the tools that docs/ and CONTRIBUTING name
# make test-live   the endpoint tests against the Ollama at OLLAMA_HOST with the model CONDENSER_MODEL
# make lint   ruff, mypy and import-linter
# make docs   the pages of docs/ as a site in site/
# make soak MINUTES=30   mixed traffic with faults and leaving clients; fails where the books do not add up
# make fuzz MINUTES=10   hostile texts, capsules and requests, for so long
# make lock   write the lock files anew from pyproject.toml

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DOCS_VENV := .venv-docs
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: run dev test tests test-live soak fuzz lint docs lock clean

run: $(VENV)/run.stamp
	@$(BIN)/condenser fetch-model
	@CONDENSER_ENGINE=$${CONDENSER_ENGINE:-auto} \
	 CONDENSER_REQUEST_TIMEOUT_S=$${CONDENSER_REQUEST_TIMEOUT_S:-600} \
	 exec $(BIN)/condenser serve

dev: $(VENV)/test.stamp

test: $(VENV)/test.stamp
	@$(BIN)/condenser fetch-model
	@$(MAKE) --no-print-directory --jobs 2 lint tests

# A file stays in one process, which starts its services once. One process more than there are cores: some wait.
tests: $(VENV)/test.stamp
	$(BIN)/python -m pytest --numprocesses $$(($$(nproc) + 1)) --dist loadfile --no-loadscope-reorder

test-live: $(VENV)/test.stamp
	CONDENSER_TEST_ENGINE=ollama $(BIN)/python -m pytest tests/live

soak: $(VENV)/test.stamp
	$(BIN)/python -m benchmarks.soak --minutes $(or $(MINUTES),30)

fuzz: $(VENV)/test.stamp
	$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),10)

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# In an environment of its own, which neither `make run` nor `make test` needs.
docs: $(DOCS_VENV)/stamp
	@NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --quiet
	@echo "site/index.html"

$(DOCS_VENV)/stamp: requirements-docs.lock
	$(PYTHON) -m venv $(DOCS_VENV)
	$(DOCS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-docs.lock
	@touch $@

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Condenser needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements.lock pyproject.toml | $(BIN)/python
	$(PIP_INSTALL) --require-hashes -r requirements.lock
	$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

# Has all of requirements.lock too. pip stands in where uv can't: uv does not read pip's settings, such as a mirror.
$(VENV)/test.stamp: requirements-dev.lock requirements.lock pyproject.toml | $(BIN)/python
	@sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.lock > $(VENV)/uv.lock
	$(PIP_INSTALL) --require-hashes -r $(VENV)/uv.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.lock || \
	  $(PIP_INSTALL) --require-hashes -r requirements-dev.lock
	$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $(VENV)/run.stamp $@

lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --quiet pyproject.toml --group build --output-file requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --quiet pyproject.toml --group build --group dev --output-file requirements-dev.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --quiet --group pyproject.toml:docs --output-file requirements-docs.lock

clean:
	rm -rf $(VENV) $(DOCS_VENV) build site .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
