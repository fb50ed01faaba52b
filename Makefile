# Every target does all the set-up it needs.
SHELL := /bin/sh
VENV ?= .venv
BIN := $(VENV)/bin
export VENV
# Much of the time they wait for servers: five processes keep two cores busy.
TEST_PROCESSES ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN) + 1)))

.DEFAULT_GOAL := help
.PHONY: help install dev demo demo-check test test-all coverage equipment check format bench lock docs dashboards images release pictures clean clean-cache cluster cluster-down experiments

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Make .venv with the tapwatch command
	@requirements/venv.sh run
	@echo "Ready: $(BIN)/tapwatch --help"

dev: ## Make .venv with the tools to develop and test as well
	@requirements/venv.sh dev

demo: install ## Run the whole pipeline on this machine; Ctrl-C stops it
	@$(BIN)/tapwatch demo

demo-check: install ## Run the pipeline, break things, and see that every message arrives
	@$(BIN)/tapwatch demo --check

test: dev ## Run the tests that need neither root nor a compiler (PYTEST_ARGS="-k leak" picks some)
	@$(BIN)/pytest -n $(TEST_PROCESSES) $(PYTEST_ARGS)

test-all: TEST_PROCESSES = 2
# Whole clusters keep one core busy; more beside them would spoil what is timed.
test-all: dev equipment ## Run every test, as root, and break a cluster in a few ways
	@$(BIN)/pytest --everything -n $(TEST_PROCESSES) $(PYTEST_ARGS)
	@$(BIN)/python -m laboratory.experiments --short --slack 3

coverage: dev equipment ## Run every test, and show which lines none of them reaches
	@$(BIN)/pytest --everything --cov --cov-report=term $(PYTEST_ARGS)

equipment: dev ## Make beforehand, as root, what takes minutes and tests have no time for: compiled programs, Zabbix, images
	@$(BIN)/python -m laboratory.programs.gotools >/dev/null
	@$(BIN)/python -m laboratory.servers.zabbix 7.0 6.0 >/dev/null
	@$(BIN)/python -m laboratory.images tapwatch >/dev/null

check: dev ## Format, lint, types, layers, generated files
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/tapwatch rules build --check
	@$(BIN)/tapwatch dashboards build --check
	@$(BIN)/tapwatch k8s build --check
	@$(BIN)/pytest -q tests/contract/dashboards

format: dev ## Format the code and mend what ruff can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: dev ## Write the page of metrics and the map format's schema again
	@$(BIN)/python -m tapwatch.reference > docs/metrics.md
	@$(BIN)/tapwatch check map --schema > exporters/dispenser/maps/schema.json

dashboards: dev ## Write the dashboards' JSON again
	@$(BIN)/tapwatch dashboards build

images: dev ## Build the image of all processes, as root (IMAGES_ARGS="--name tapwatch:1.2", or --base, or --again)
	@$(BIN)/python -m images.own $(IMAGES_ARGS)

release: dev ## Build wheel, source, image (as root), SBOMs, manifests and checksums into dist/ (RELEASE_ARGS=--allow-dirty)
	@$(BIN)/python -m images.release $(RELEASE_ARGS)

pictures: dev ## Photograph the demo for README again (needs chromium on PATH)
	@$(BIN)/python -m laboratory.pictures

bench: dev ## Measure ourselves beside the peers (BENCH_ARGS=line picks a part)
	@$(BIN)/python -m laboratory.programs.gotools modbus_exporter telegraf >/dev/null
	@$(BIN)/python -m bench --modbus-exporter "$$($(BIN)/python -m laboratory.programs.gotools modbus_exporter)" \
		--telegraf "$$($(BIN)/python -m laboratory.programs.gotools telegraf)" \
		--alertmanager "$$($(BIN)/python -c 'from demo.servers import locate; print(locate("alertmanager"))')" $(BENCH_ARGS)

cluster: dev ## Bring up a whole Kubernetes cluster with Tapwatch on this machine, as root (CLUSTER_ARGS="--tuned", or --bare)
	@$(BIN)/python -m laboratory.cluster cluster up $(CLUSTER_ARGS)

cluster-down: dev ## End that cluster and remove all that is left of it
	@$(BIN)/python -m laboratory.cluster cluster down

experiments: dev ## Break that in many ways on a cluster of its own, as root, and print how soon it is right (EXPERIMENTS_ARGS=--short)
	@$(BIN)/python -m laboratory.experiments $(EXPERIMENTS_ARGS)

# With `make lock LOCK_ARGS=` what is locked keeps its version, and only what is new is added.
LOCK_ARGS ?= --upgrade
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header \
	--no-annotate --no-emit-index-url --no-emit-find-links

lock: ## Lock the newest allowed dependencies with hashes (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv on PATH: pip install uv" >&2; exit 1; }
	@$(LOCK) $(LOCK_ARGS) pyproject.toml -o requirements/run.txt
	@$(LOCK) $(LOCK_ARGS) pyproject.toml --extra dev -c requirements/run.txt -o requirements/dev.txt
	@for kind in build image go pips/oldest pips/newest; do \
		$(LOCK) $(LOCK_ARGS) requirements/$$kind.in -c requirements/dev.txt -o requirements/$$kind.txt || exit 1; \
	done

clean-cache: ## Remove what these targets fetched and made in ~/.cache/tapwatch
	rm -rf "$${XDG_CACHE_HOME:-$$HOME/.cache}/tapwatch"

clean: ## Remove what these targets made in this folder
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
