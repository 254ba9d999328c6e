# `make help` lists the targets; `make run` and `make test` are all that a newcomer needs.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
BENCH  := .venv-bench
SDK    := .venv-trifacta
ALATION := .venv-alation
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help run test check fuzz soak rotation-soak kill-rounds rotation-rounds honest-load clock-rounds edge-load sign-in-attack mutants lint lock docs sbom screenshots axe bench bench-peers trifacta-sdk alation-sdk clients test-keycloak clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run-installed ## Start Daypass on this machine; the first time, make its keys, database and administrator
	@$(BIN)/daypass init
	@exec $(BIN)/daypass serve

# Where memory is a file system with room, the tests' databases live there: waiting for the disk is half of their time.
MEMORY := $(shell test "$$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 {print $$4}')" -gt 4000000 2>/dev/null \
            && test -w /dev/shm && echo TMPDIR=/dev/shm)

# The tests start hundreds of processes, a fifth of whose time would go into compiling the same modules each time.
# Many of them wait, so that more of them run than there are cores; those that fill the machine go before all others.
PYTEST := env PYTHONDONTWRITEBYTECODE= $(MEMORY) $(BIN)/python -m pytest
AT_ONCE := 4

# Runs $(1) while `make lint` and, if there is one, $(2) run beside it; these print their output at the end.
define beside_lint
	@echo "Linting beside the tests ..."; trap 'kill $$lint $$others 2>/dev/null' INT TERM; \
	$(MAKE) --no-print-directory lint > $(VENV)/lint.log 2>&1 & lint=$$!; \
	$(or $(2),true) > $(VENV)/others.log 2>&1 & others=$$!; \
	$(1); result=$$?; \
	wait $$others || result=1; cat $(VENV)/others.log; \
	wait $$lint || result=1; cat $(VENV)/lint.log; exit $$result
endef

test: $(VENV)/.dev-installed ## Everything: lint, and all tests on both databases
	$(call beside_lint,nice $(PYTEST) -n $(AT_ONCE) -m "not fills_machine",\
	    $(PYTEST) -q -p no:cacheprovider -m fills_machine tests/functional)

check: $(VENV)/.dev-installed ## After every edit: lint, unit and contract tests on SQLite
	$(call beside_lint,$(PYTEST) -n 2 -q -k "not postgresql" tests/unit tests/contract)

fuzz: $(VENV)/.dev-installed ## Random requests against the OpenAPI documents, as many as you like: EXAMPLES=5000
	DAYPASS_FUZZ_EXAMPLES=$(or $(EXAMPLES),1000) $(BIN)/python -m pytest tests/functional/test_conformance.py \
	    --timeout=0 -n 2

lint: $(VENV)/.dev-installed ## ruff, mypy and the layers of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --config-file clients/python/pyproject.toml
	$(BIN)/lint-imports

soak: $(VENV)/.dev-installed ## Many processes on one refresh token under each policy, three minutes or SECONDS=600
	$(MEMORY) $(BIN)/python -m clients.python.tests.soak $(or $(SECONDS),180)

rotation-soak: $(VENV)/.dev-installed ## Two machines with one refresh token that rotates every five seconds: three minutes, or SECONDS=30
	$(MEMORY) $(BIN)/python -m clients.python.tests.rotation_soak $(or $(SECONDS),180)

kill-rounds: $(VENV)/.dev-installed ## Workers and supervisors killed at random under load: 200 times on each database, or ROUNDS=20
	$(MEMORY) $(BIN)/python -m tests.environment.kill_rounds $(ROUNDS)

rotation-rounds: $(VENV)/.dev-installed ## Rotations against revocations and regenerations: 200 rounds each on each database, or ROUNDS=20
	$(MEMORY) DAYPASS_ROTATION_ROUNDS=$(or $(ROUNDS),200) $(BIN)/python -m pytest -q --timeout=0 \
	    tests/unit/services/test_rotating_races.py

honest-load: $(VENV)/.dev-installed ## 64 clients on each kind of request, 60 seconds each or SECONDS=10; fails if any is refused
	$(BIN)/python -m tests.environment.honest_load $(if $(SECONDS),--seconds $(SECONDS)) $(OPTIONS)

clock-rounds: $(VENV)/.dev-installed ## Clocks that jump by up to ten years under load: 200 rounds on each database, or ROUNDS=20
	$(MEMORY) $(BIN)/python -m tests.environment.clock_rounds $(ROUNDS)

edge-load: $(VENV)/.dev-installed ## Clients that stall beside honest ones, on the bare port and behind nginx: 60 seconds each or SECONDS=10
	$(MEMORY) $(BIN)/python -m tests.hostile.edge_load $(if $(SECONDS),--seconds $(SECONDS)) $(OPTIONS)

sign-in-attack: $(VENV)/.dev-installed ## 10,000 wrong guesses from 500 networks while the owner signs in; OPTIONS="--guesses 1000"
	$(MEMORY) $(BIN)/python -m tests.hostile.sign_in_attack $(OPTIONS)

mutants: $(VENV)/.dev-installed ## Plant faults one by one and name the test that catches each; OPTIONS=--markdown: a table
	$(BIN)/python -m tests.mutants $(OPTIONS)

lock: $(VENV)/.dev-installed ## Pin the newest versions within the bounds of pyproject.toml, with their hashes
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	    --custom-compile-command "make lock" --upgrade pyproject.toml --output-file requirements/run.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	    --custom-compile-command "make lock" --upgrade pyproject.toml --group dev \
	    --constraints requirements/run.txt --output-file requirements/dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	    --custom-compile-command "make lock" --upgrade pyproject.toml bench/requirements.in \
	    --constraints requirements/run.txt --output-file bench/requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	    --custom-compile-command "make lock" --upgrade requirements/trifacta.in --output-file requirements/trifacta.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	    --custom-compile-command "make lock" --upgrade requirements/alation.in --output-file requirements/alation.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	    --custom-compile-command "make lock" --upgrade tests/clients/python/requirements.in \
	    --output-file tests/clients/python/requirements.txt

docs: $(VENV)/.dev-installed ## Write what is derived from the code: settings, the ladder and .env.example
	$(BIN)/python -m config
	$(BIN)/python -m app.domain.ladder_page
	$(BIN)/python -m app.domain.policy_page

sbom: $(VENV)/.dev-installed ## A CycloneDX bill of materials of what a server runs: build/daypass.cdx.json
	@mkdir -p build
	$(BIN)/python -m requirements.sbom > build/daypass.cdx.json

screenshots: $(VENV)/.dev-installed ## A picture of every page, in screenshots/; OPTIONS=--readme: the README's as well
	$(MEMORY) $(BIN)/python -m tests.browser.screenshots $(OPTIONS)

axe: $(VENV)/.dev-installed ## axe-core on every page, dialog, menu and state at every size, light and dark
	$(MEMORY) DAYPASS_AXE=all $(BIN)/python -m pytest -q tests/browser/test_accessibility.py

bench: $(BENCH)/.installed ## Measure, into bench/results.md; OPTIONS=--quick shows that it works
	$(BENCH)/bin/python -m bench $(OPTIONS)

bench-peers: $(BENCH)/.installed ## Introspection beside Hydra and Keycloak: HYDRA=its program KEYCLOAK=its folder
	$(BENCH)/bin/python -m bench --only authorization-servers $(if $(HYDRA),--hydra $(HYDRA)) \
	    $(if $(KEYCLOAK),--keycloak $(KEYCLOAK)) $(OPTIONS)

trifacta-sdk: $(SDK)/.installed ## Install Trifacta's own SDK, for the test that it works

alation-sdk: $(ALATION)/.installed ## Install Alation's agent and data quality SDKs, for the tests that they work

clients: $(VENV)/.dev-installed ## Clients of Go, Node, Java and MCP through a whole life, where their tools are; OPTIONS="--only Spring"
	$(MEMORY) $(BIN)/python -m tests.clients $(OPTIONS)

test-keycloak: $(VENV)/.dev-installed ## Sign-in with a real Keycloak, and with people of slapd; needs Java 17, Maven, slapd, Chromium
	$(MEMORY) $(BIN)/python -m pytest -p no:cacheprovider --timeout=900 tests/keycloak

clean: ## Remove all that the other targets made
	rm -rf $(VENV) $(BENCH) $(SDK) $(ALATION) screenshots build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .schemathesis \
	    clients/python/build clients/python/src/*.egg-info

# A stamp a set of packages: make installs again only when the pinned list has changed.
$(VENV)/.run-installed: requirements/run.txt pyproject.toml
	@test -x $(BIN)/python || { echo "Creating $(VENV) ..."; $(PYTHON) -m venv $(VENV); }
	@echo "Installing the pinned packages ..."
	@$(PIP) install --require-hashes --requirement requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev-installed: requirements/dev.txt clients/python/pyproject.toml $(VENV)/.run-installed
	@echo "Installing the packages for the tests ..."
	@$(PIP) install --require-hashes --requirement requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation --editable clients/python
	@touch $@

# An environment of its own: what it is compared with must not get in the way of Daypass's packages.
$(BENCH)/.installed: bench/requirements.txt pyproject.toml
	@test -x $(BENCH)/bin/python || { echo "Creating $(BENCH) ..."; $(PYTHON) -m venv $(BENCH); }
	@echo "Installing the packages for the benchmark ..."
	@$(BENCH)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --requirement $<
	@$(BENCH)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --editable .
	@touch $@

# Without --no-deps, pip would refuse the SDK for the old packages that it asks for.
$(SDK)/.installed: requirements/trifacta.txt requirements/trifacta-sdk.txt
	@test -x $(SDK)/bin/python || $(BIN)/python -m venv --without-pip $(SDK)
	@echo "Installing Trifacta's SDK and what it needs ..."
	@$(PIP) --python $(SDK)/bin/python install --no-compile --no-deps --ignore-requires-python --require-hashes \
	    --requirement requirements/trifacta.txt --requirement requirements/trifacta-sdk.txt
	@touch $@

# The older agent SDK is in a folder, which its test puts first. Without --no-deps, pip would bring the databases, Spark and
# Soda of the data quality SDK, which its token part does not import.
$(ALATION)/.installed: requirements/alation.txt requirements/alation-sdk.txt requirements/alation-sdk-older.txt
	@test -x $(ALATION)/bin/python || $(BIN)/python -m venv --without-pip $(ALATION)
	@echo "Installing Alation's SDKs and what they need ..."
	@$(PIP) --python $(ALATION)/bin/python install --no-compile --no-deps --require-hashes \
	    --requirement requirements/alation.txt --requirement requirements/alation-sdk.txt
	@$(PIP) --python $(ALATION)/bin/python install --no-compile --no-deps --require-hashes --upgrade --target $(ALATION)/older \
	    --requirement requirements/alation-sdk-older.txt
	@touch $@
