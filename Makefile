# The two commands a newcomer needs are `make demo` and `make test`; each sets up what it uses.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
PYTEST := $(BIN)/python -m pytest
# Tests start hundreds of commands; compiling every module anew for each costs a third of the time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test check format gateways conformance fidelity corpus fuzz bench golden schemas clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "designer needs Python 3.11 or newer; name it with make PYTHON=python3.12 …" >&2; exit 2; }
	@$(PYTHON) -m venv .venv >/dev/null 2>&1 || { rm -rf .venv; [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv .venv; } || { echo "cannot make .venv: install python3-venv" >&2; exit 2; }
	@echo "setting up .venv …"
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[runtime,dev]'
	@touch $@

demo: $(READY) ## plan an example, survive an outage on paper, then three real requests
	@$(BIN)/designer plan examples/eu-support.yaml -o out/eu-support
	@echo
	@$(BIN)/designer simulate out/eu-support --scenario provider-outage
	@echo
	@$(BIN)/designer demo out/eu-support

test: export HYPOTHESIS_PROFILE ?= ci
test: $(READY) ## everything CI runs: check, then the tests that need minutes or a real gateway
	@bash tests/gateways/install.sh servers
	@$(MAKE) --no-print-directory -j 2 gateways check
	$(PYTEST) -n 3 --dist loadfile -m "(gateway or slow) and not full and not many"

check: $(READY) ## the quick part: format, lint, types, import contracts, quick tests
	@$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --diff --quiet . | head -40; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache 2>&1 | tail -n 4
	@$(BIN)/lint-imports --no-cache >/dev/null
	$(PYTEST) -n 3 -m "not gateway and not slow and not many"

format: $(READY) ## format the code
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --fix --quiet .

gateways: $(READY) ## install the real LiteLLM proxy and Portkey gateway below .gateways/
	@bash tests/gateways/install.sh

conformance: gateways ## the engine against the real gateways, in full
	$(PYTEST) tests/conformance tests/gateways -n 3 --dist loadfile --no-loadscope-reorder

fidelity: gateways ## play both corpora on the real gateways and write docs/fidelity.md
	-$(BIN)/designer conform --bin .gateways/litellm --record docs/fidelity/litellm.json
	-$(BIN)/designer conform --bin .gateways/portkey --record docs/fidelity/portkey-oss.json
	$(BIN)/python -m tests.conformance.page

corpus: $(READY) ## draw the generated half of the conformance corpora anew
	$(BIN)/python -m tests.conformance.generate

fuzz: $(READY) ## many random inputs for every reader
	HYPOTHESIS_PROFILE=fuzz $(PYTEST) -n 2 -m "not gateway and not many" tests/profile tests/gateways_laws tests/engine tests/lint tests/test_documents.py
	$(PYTEST) -n 2 -m many
	$(BIN)/python -m tests.fuzz.parsers
	CANARIES=10000 $(PYTEST) tests/runtime/test_canaries.py

bench: $(READY) ## figures, measured side by side in one run
	$(BIN)/python -m benchmarks.run

golden: $(READY) ## rewrite golden files and schemas; review the diff
	$(BIN)/python -m designer.profile.schema
	$(BIN)/python -m designer.keys.schema
	$(BIN)/python -m runtime.openapi
	UPDATE_GOLDEN=1 $(PYTEST) -n 2 -m "not gateway and not slow and not many"

clean: ## remove what the other targets made
	rm -rf .venv .gateways out dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
