# Two commands matter: `make drill` executes every promise once, `make test` checks everything. Both do all the set-up.
.DEFAULT_GOAL := help
.PHONY: help install drill drill-all lab cost damage clean-restores bench bench-device bench-failover bench-migrate bench-synth device-faults docs architecture test lint format types contracts pytest coverage synth snapshots diff deployed-diff deploy scan scan-dependencies scan-secrets scan-workflows lock clean
SHELL := /bin/bash

PYTHON ?= python3
BIN := .venv/bin
# The venv's python3 runs the app, its node (from the wheel) runs jsii and the CLI, whatever else is on the machine.
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)
export JSII_NODE := $(CURDIR)/.venv/bin/node
export JSII_RUNTIME_PACKAGE_CACHE := enabled
export AWS_EC2_METADATA_DISABLED := true
# More than cores: the drills and the state machines mostly wait.
JOBS ?= 3
# A module's tests share what they deployed. A worker that dies ends the run: replaced, it may hang for ever
# (pytest-xdist #1378). The order is that of tests/conftest.py: what takes longest begins first.
PARALLEL := -n $(JOBS) --dist loadscope --no-loadscope-reorder --max-worker-restart 0

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

install: build/.installed ## everything the project needs, into .venv and node_modules

build/.installed: pyproject.toml constraints.txt requirements.txt requirements-dev.txt package.json package-lock.json $(wildcard lambdas/layers/*.txt)
	@mkdir -p build
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"Python >= 3.11 is needed, found {sys.version.split()[0]}: set PYTHON=python3.12, say")'
	@echo "installing Python packages into .venv ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@echo "installing the cdk CLI into node_modules ..."
	@npm ci --loglevel=error --no-audit --no-fund
	@$(BIN)/python -m continuity.lambda_layer
	@touch $@

drill: install ## deploy, destroy, restore and prove on this machine; evidence in build/drill/
	@$(BIN)/python -m lab drill

drill-all: install ## kill an instance fifty times, roll back, restore, lose a region; evidence in build/drill/<name>/
	@$(BIN)/python -m lab drill all

lab: install ## keep a lab running to explore
	@$(BIN)/python -m lab start

cost: synth ## what each environment costs a month; docs/cost.md
	@$(BIN)/dr cost --templates cdk.out --page docs/cost.md

damage: install ## damage restored clusters in every way we know; each has to be found
	@$(BIN)/python -m lab damage

clean-restores: install ## a hundred intact restores under writers; none may raise an alarm
	@$(BIN)/python -m lab clean --restores 100

bench: install ## what the proof costs, against pg_dump | sha256sum; takes a quarter of an hour
	@$(BIN)/python -m benchmarks.verify --out docs/benchmarks/verify.md

bench-device: install ## whole device backups, against sqlite3 .backup | zstd | age; needs those tools
	@$(BIN)/python -m benchmarks.device --out docs/benchmarks/device.md

bench-failover: install ## what the failover machine costs above a bare promotion, step by step, in the lab
	@$(BIN)/python -m benchmarks.failover --out docs/benchmarks/failover.md

bench-synth: install ## synthesis against an empty app and one in TypeScript; sizes and imports of the functions
	@$(BIN)/python -m benchmarks.synth --out docs/benchmarks/synth.md

bench-migrate: install ## moving a live database, against pg_dump and pg_restore; and the pause of twenty cutovers
	@$(BIN)/python -m benchmarks.migrate --out docs/benchmarks/migrate.md

device-faults: install ## a thousand backups under a writer, and kills at random moments; takes a quarter of an hour
	@$(BIN)/python -m benchmarks.device_faults --copies 1000 --kills 1000 --out docs/benchmarks/device-faults.md

test: install ## the whole check, what CI runs
	@$(MAKE) --no-print-directory lint contracts
	@$(MAKE) --no-print-directory -j2 types pytest

lint: install ## format and lint
	@echo "== ruff"; $(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .

types: install ## types, strictly
	@echo "== pyright"; pyright || { echo "pyright found the errors above"; exit 1; }

contracts: install ## who may import whom
	@echo "== import contracts"; lint-imports --no-logo

pytest: install ## unit, template, snapshot, nag, cfn-lint and lab tests
	@$(BIN)/pytest $(PARALLEL) -q

coverage: install ## the same tests, and what they reach
	@$(BIN)/pytest $(PARALLEL) --cov --cov-report=term:skip-covered -q

synth: install ## dev, staging and prod into cdk.out/, without credentials or network
	@cdk synth --quiet --output cdk.out

snapshots: install ## accept the templates, messages and pages made from them as they are now; review the diff
	@UPDATE_SNAPSHOTS=1 $(BIN)/pytest -q tests/infrastructure/test_snapshots.py tests/recovery/alarms/test_golden.py tests/infrastructure/test_guards_page.py tests/infrastructure/test_traceability.py tests/infrastructure/test_cost.py

diff: ## what a deploy would change where BEFORE=FOLDER is deployed; build/diff.md, for a pull request
	@test -n "$(BEFORE)" || { echo "BEFORE=FOLDER: expected what \`cdk synth\` wrote of the other version, found nothing"; exit 2; }
	@$(MAKE) --no-print-directory synth
	@dr diff "$(BEFORE)" cdk.out --page build/diff.md || [ $$? -eq 1 ]

deployed-diff: install ## what a deploy would change in ENVIRONMENT=NAME, asked of AWS with rights to read
	@test -n "$(ENVIRONMENT)" || { echo "ENVIRONMENT=NAME: expected dev, staging or prod, found nothing"; exit 2; }
	@cdk diff --context environment=$(ENVIRONMENT) --method template '$(ENVIRONMENT)/*'

deploy: install ## deploy ENVIRONMENT=NAME, without asking: the diff was read before
	@test -n "$(ENVIRONMENT)" || { echo "ENVIRONMENT=NAME: expected dev, staging or prod, found nothing"; exit 2; }
	@cdk deploy --context environment=$(ENVIRONMENT) --require-approval never --progress events '$(ENVIRONMENT)/*'

scan: scan-dependencies scan-secrets scan-workflows ## known faults of dependencies, committed secrets, unsafe workflows

scan-dependencies: install ## what we depend on, against the databases of known faults; what cannot be asked fails
	@echo "== pip-audit"; $(BIN)/pip-audit --strict --no-deps --disable-pip --progress-spinner off -r constraints.txt
	@echo "== npm audit"; npm audit

scan-secrets: install ## keys and tokens of known shapes in what is committed
	@echo "== detect-secrets"; git ls-files -z | xargs -0 $(BIN)/detect-secrets-hook \
	  --disable-plugin Base64HighEntropyString --disable-plugin HexHighEntropyString --disable-plugin KeywordDetector

scan-workflows: install ## what an attacker could do with the workflows
	@echo "== zizmor"; $(BIN)/zizmor --offline --no-progress --quiet .github

docs: install ## the documentation site, into build/site
	@$(BIN)/python -m documentation site

architecture: synth ## draw docs/architecture.svg from the templates of prod
	@$(BIN)/python -m documentation architecture cdk.out

format: install ## format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lock: ## look the pinned versions up anew
	@rm -rf build/lock && $(PYTHON) -m venv build/lock && build/lock/bin/pip install --quiet -e '.[dev]'
	@build/lock/bin/pip freeze --exclude-editable > constraints.txt
	@npm install --package-lock-only --omit-lockfile-registry-resolved --silent

clean: ## remove everything that was built or installed
	@rm -rf .venv node_modules build cdk.out
