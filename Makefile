# Everything a newcomer needs: `make run` and `make test`. The rest is for those who change Daypass.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
BENCH  := .venv-bench
SDK    := .venv-trifacta
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: run test fuzz soak mutants lint lock docs screenshots bench trifacta-sdk clean

run: $(VENV)/.run-installed
	@$(BIN)/daypass init
	@exec $(BIN)/daypass serve

# Where memory is a file system with room, the tests' databases live there: waiting for the disk is half of their time.
MEMORY := $(shell test "$$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 {print $$4}')" -gt 4000000 2>/dev/null \
            && test -w /dev/shm && echo TMPDIR=/dev/shm)

# The tests start hundreds of processes, a fifth of whose time would go into compiling the same modules each time.
test: $(VENV)/.dev-installed lint
	PYTHONDONTWRITEBYTECODE= $(MEMORY) $(BIN)/python -m pytest -n 2

# Whether answers are as the OpenAPI documents say, for as long as you like: `make fuzz EXAMPLES=5000`.
fuzz: $(VENV)/.dev-installed
	DAYPASS_FUZZ_EXAMPLES=$(or $(EXAMPLES),1000) $(BIN)/python -m pytest tests/functional/test_conformance.py \
	    --timeout=0 -n 2

lint: $(VENV)/.dev-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --config-file clients/python/pyproject.toml
	$(BIN)/lint-imports

# Many processes on one refresh token, for three minutes under each policy: clients/python/tests/soak.py.
soak: $(VENV)/.dev-installed
	$(MEMORY) $(BIN)/python -m clients.python.tests.soak $(or $(SECONDS),180)

# Plants faults one by one, and names the test that catches each: `make mutants OPTIONS=--markdown` for a table.
mutants: $(VENV)/.dev-installed
	$(BIN)/python -m tests.mutants $(OPTIONS)

# The exact versions and hashes of everything, from the bounds in pyproject.toml.
lock: $(VENV)/.dev-installed
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

# The pages that are derived from the code: docs/settings.md and .env.example.
docs: $(VENV)/.dev-installed
	$(BIN)/python -m config

# A picture of every page and dialog, in screenshots/; `make screenshots OPTIONS=--readme` renews the README's as well.
screenshots: $(VENV)/.dev-installed
	$(MEMORY) $(BIN)/python -m tests.browser.screenshots $(OPTIONS)

# How fast it is beside other things: bench/results.md. `make bench OPTIONS=--quick` shows that it works.
bench: $(BENCH)/.installed
	$(BENCH)/bin/python -m bench $(OPTIONS)

# Trifacta's own SDK, for the test that it works: tests/functional/test_trifacta_sdk.py.
trifacta-sdk: $(SDK)/.installed

clean:
	rm -rf $(VENV) $(BENCH) $(SDK) screenshots build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .schemathesis \
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
	@$(PIP) --python $(SDK)/bin/python install --no-deps --ignore-requires-python --require-hashes \
	    --requirement requirements/trifacta.txt --requirement requirements/trifacta-sdk.txt
	@touch $@
