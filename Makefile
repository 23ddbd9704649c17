# Two commands do all set-up: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Processes that tests start would compile everything anew, were they not allowed to keep what they compile.
export PYTHONDONTWRITEBYTECODE :=
# One more than processors: tests in the browser wait a lot.
WORKERS := $(shell echo $$(($$(nproc 2>/dev/null || echo 2) + 1)))

.PHONY: run test deep test-trino check fmt bench audit faults faults-import faults-findings faults-dynamodb faults-overload lock clean

run: $(VENV)/.web  ## the app on 127.0.0.1:8050, with demo data at first start
	@$(BIN)/python -m app serve $(ARGS)

test: check chromium redis $(VENV)/.ministack  ## everything CI runs
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder $(ARGS)

deep: $(VENV)/.test $(VENV)/.ministack  ## tests that draw examples, with several times as many
	TEST_DEEP=1 LIVE_EXAMPLES=3000 FUZZ_BODIES=20000 $(BIN)/python -m pytest -n $(WORKERS) --dist loadscope \
		tests/unit tests/contract tests/app/test_fuzz_collector.py tests/app/test_callback_bodies.py \
		tests/app/test_fuzz_callbacks.py tests/app/test_hostile_filters.py tests/app/test_exports.py \
		tests/browser/test_xss.py tests/browser/test_csp.py $(ARGS)

test-trino: $(VENV)/.test  ## every question on DuckDB and a real Trino; downloads 0.8 GB once, needs Maven
	TEST_TRINO=1 $(BIN)/python -m pytest tests/trino $(ARGS)

check: $(VENV)/.test  ## lint, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(VENV)/.test  ## format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.test  ## measurements, as ratios in one run
	$(BIN)/python -m bench $(ARGS)

faults: $(VENV)/.test  ## kill the live path at 200 random instants while 100,000 events are sent, and count
	LIVE_KILLS=200 $(BIN)/python -m pytest -s tests/faults/test_kill_live.py $(ARGS)

faults-import: $(VENV)/.test  ## kill imports at 50 random instants and count
	KILLS=50 $(BIN)/python -m pytest tests/faults/test_kill_import.py $(ARGS)

faults-findings: $(VENV)/.test  ## kill imports, alerts and archiving of findings at 100 random instants and count
	FINDING_KILLS=100 $(BIN)/python -m pytest -s tests/faults/test_kill_findings.py $(ARGS)

faults-dynamodb: $(VENV)/.test $(VENV)/.ministack  ## findings and counters in DynamoDB with a third of all calls failing
	FINDING_FAULTS=3000 COUNTER_EVENTS=50000 $(BIN)/python -m pytest -s tests/faults/test_dynamodb_findings.py \
		tests/faults/test_dynamodb_counters.py $(ARGS)

faults-overload: $(VENV)/.test  ## twice what is allowed for a minute; a full disk
	OVERLOAD_SECONDS=60 $(BIN)/python -m pytest -s tests/faults/test_overload.py tests/faults/test_disk_full.py $(ARGS)

lock: $(VENV)/.test  ## pin every dependency with hashes; what runs has the versions that are tested
	@for name in test web aws ministack image; do \
		case $$name in web|aws) tested="-c requirements/test.txt";; *) tested=;; esac; \
		$(BIN)/python -m uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links \
			--universal --python-version 3.11 --no-header $$tested requirements/$$name.in -o requirements/$$name.txt; \
	done

audit: | $(BIN)/python  ## known holes in what is locked; asks an advisory service on the internet
	@test -x $(VENV)/audit/bin/pip-audit || { $(BIN)/python -m venv $(VENV)/audit && \
		$(VENV)/audit/bin/python -m pip install --quiet pip-audit==2.10.1; }
	@for name in web aws; do $(VENV)/audit/bin/pip-audit --disable-pip --require-hashes \
		-r requirements/$$name.txt || exit 1; done

clean:
	rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Streamgauge needs Python 3.11 or newer: make run PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "installing Debian's python3-venv" >&2; apt-get update -qq && apt-get install -y -qq python3-venv \
		&& $(PYTHON) -m venv $(VENV); }

$(VENV)/.web: requirements/web.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/web.txt
	@touch $@

$(VENV)/.test: requirements/test.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements/test.txt
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true  # with all processors; what is no Python cannot be
	@touch $@ $(VENV)/.web

$(VENV)/.ministack: requirements/ministack.txt | $(BIN)/python
	$(BIN)/python -m venv $(VENV)/ministack
	$(VENV)/ministack/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.PHONY: chromium redis
chromium:  ## Debian's Chromium without windows for the browser tests, where apt is there
	@command -v chromium-headless-shell >/dev/null || { echo "installing Debian's chromium-headless-shell" >&2; \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium-headless-shell fonts-dejavu-core >/dev/null; } \
		|| echo "no Chromium and it could not be installed: browser tests are skipped" >&2

redis:  ## Debian's Redis for the tests of the shared cache, where apt is there
	@command -v redis-server >/dev/null || command -v valkey-server >/dev/null || { echo "installing Debian's redis-server" >&2; \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends redis-server >/dev/null; } \
		|| echo "no Redis and it could not be installed: tests of the shared cache are skipped" >&2

include infra/infra.mk  # infra-check, deploy
