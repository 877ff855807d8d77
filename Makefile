# make up      set everything up and run both clusters       make down    stop them
# make test    set everything up and pass the tests          make lint    style, types, import contracts
# make bench   figures, side by side   make soak  long runs  make lock    resolve requirements.in again
# Only `make install` (and `make lock`) use the network. Nothing needs root, a compiler or Docker.

SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed
UI := $(shell find observability/ui -type f -not -path '*/node_modules/*' 2>/dev/null)
BROWSER := .venv/browser
DISTRIBUTIONS := telemetry services/auth services/backend services/frontend observability
SOURCES := $(addsuffix /src,$(DISTRIBUTIONS))
OPSCONDUCTOR := $(BIN)/python -m opsconductor.cli.main
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: up down status install lint test test-unit test-acceptance bench soak lock clean

up: $(STAMP)
	@$(OPSCONDUCTOR) up --detach --wait $(if $(PORT_OFFSET),--port-offset $(PORT_OFFSET))

down: $(STAMP)
	@$(OPSCONDUCTOR) down

status: $(STAMP)
	@$(OPSCONDUCTOR) status

install: $(STAMP) $(BROWSER)

$(STAMP): requirements.lock $(addsuffix /pyproject.toml,$(DISTRIBUTIONS)) observability/hatch_build.py $(UI)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "cannot install: $(PYTHON) is older than Python 3.11; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "cannot install: the venv module is missing; install it (Debian: python3-venv)" >&2; exit 1; }
	@echo "installing locked packages into .venv"
	@$(PIP) install --require-hashes --only-binary :all: -r requirements.lock
	@command -v npm >/dev/null || $(PIP) install --require-hashes --only-binary :all: -r requirements-node.lock
	@$(PIP) install --no-deps --no-build-isolation $(addprefix -e ./,$(DISTRIBUTIONS))
	@touch $(STAMP)

# What browser tests need from npm; a user who only runs the system is spared it, and without npm those tests skip.
$(BROWSER): tests/browser/package-lock.json tests/browser/install.py tests/browser/unpack.mjs | $(STAMP)
	@if $(BIN)/python tests/browser/install.py; then touch $(BROWSER); fi

lint: install
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy $(SOURCES)
	$(BIN)/python -c 'from importlinter.cli import lint_imports_command as run; run()'

test: test-unit test-acceptance

# Most of these tests wait for real processes, so a few run beside each other even on two cores.
test-unit: install
	$(BIN)/python -m pytest telemetry services observability tests/architecture tests/config -m "not soak" -n 3 --dist loadfile

test-acceptance: install
	$(BIN)/python -m pytest tests/acceptance -m "not soak"

bench: install
	$(BIN)/python -m benchmarks

soak: install
	OPSCONDUCTOR_TEST_KILLS=50 $(BIN)/python -m pytest telemetry services observability tests -m soak --timeout 7200

lock:
	$(PYTHON) -m venv .venv && $(PIP) install uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q requirements.in -o requirements.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache tests/browser/node_modules tests/browser/unpacked
