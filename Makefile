# Every target works on a fresh clone: what it needs is installed or built first.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PYTEST = $(BIN)/pytest --numprocesses=$(TEST_JOBS) --dist=loadfile --durations=15
CRD := serving.pd-operator.io_pdinferenceservices.yaml
SCENARIO ?= forecast
KEEP ?=
SLOWDOWN ?= 0
TEST_JOBS ?= 2
ENGINE ?= simulator

.PHONY: help demo test chaos e2e-sglang test-fast lint format types layers binaries crds dashboards dashboard-pictures chart-values api-reference docs images release bench-% clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(INSTALLED): pyproject.toml constraints.txt
	@scripts/install.sh $(PYTHON) $(VENV)

demo: $(INSTALLED) ## Run the main job: a real control plane, a real day's load (SCENARIO=forecast|flips|reactive|whole-day, KEEP=1, SLOWDOWN=percent); ENGINE=sglang: SGLang itself on the CPU
ifeq ($(ENGINE),sglang)
	@$(BIN)/python -m pd_e2e.demo_sglang
else
	@$(BIN)/python -m pd_e2e.demo --scenario $(SCENARIO) --engine-slowdown-percent $(SLOWDOWN) $(if $(KEEP),--keep)
endif

# Each process starts a cluster of its own for each of the three calls, and runs whole files.
test: test-fast ## Check style, types and layers, then run all tests, the fast ones first
	$(PYTEST) tests/contract
	$(PYTEST) tests/integration

e2e-sglang: $(INSTALLED) ## The real SGLang on the CPU, and the simulator beside it (installs 3 GB first)
	$(BIN)/pytest tests/sglang --timeout 900

chaos: $(INSTALLED) ## Everything that a service depends on fails, under load: a table, and build/bench/chaos.json (CHAOS_SECONDS=120: two minutes a fault)
	@$(BIN)/python -m scripts.chaos

test-fast: lint types layers ## Only what needs no server: minutes
	$(PYTEST) tests/unit tests/property

lint: $(INSTALLED) ## ruff: lint and format check
	$(BIN)/ruff check && $(BIN)/ruff format --check

format: $(INSTALLED) ## ruff: format and fix
	$(BIN)/ruff format && $(BIN)/ruff check --fix

types: $(INSTALLED) ## mypy, strict
	$(BIN)/mypy

layers: $(INSTALLED) ## import-linter: imports point one way
	$(BIN)/lint-imports

binaries: $(INSTALLED) ## Build Kubernetes, etcd, helm and Prometheus from pinned sources (cached outside the repo)
	$(BIN)/python -m pd_e2e.cluster

crds: $(INSTALLED) ## Generate the CRD from the API models
	$(BIN)/python -m pd_operator.api.crd | tee crds/$(CRD) > charts/pd-operator/files/crds/$(CRD)

dashboards: $(INSTALLED) ## Generate the chart's Grafana dashboards
	$(BIN)/python -m scripts.generate_dashboards

dashboard-pictures: $(INSTALLED) ## Draw the dashboards into build/dashboards from the last demo's Prometheus, or another (PROMETHEUS=URL)
	@$(BIN)/python -m scripts.dashboard_pictures $(if $(PROMETHEUS),--prometheus $(PROMETHEUS) --scrape-seconds 15,--scrape-seconds 1)

chart-values: $(INSTALLED) ## Generate the table of values in the chart's README
	$(BIN)/python -m scripts.chart_values

api-reference: $(INSTALLED) ## Generate docs/api-reference.md from the CRD
	$(BIN)/python -m scripts.api_reference

docs: $(INSTALLED) ## Build the documentation as a site into build/site, with every link checked
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

images: ## Build the container images with whichever builder is at hand
	@scripts/build_images.sh

release: $(INSTALLED) ## All of a release into dist/, by the commit's tag: wheel, chart, plug-in, images, bills of materials (RELEASE_URL; PLATFORMS="linux/arm64 darwin/arm64" packs the plug-in for those, too)
	@$(BIN)/python -m scripts.release $(if $(RELEASE_URL),--url $(RELEASE_URL)) $(PLATFORMS:%=--platform %)

bench-%: $(INSTALLED) ## Run benchmark NAME (controller, engine, forecast, images, install, nvidia, policies, prefixes, simulator, sizing, testbed): table, and build/bench/NAME.json
	@$(BIN)/python -m scripts.bench_$*

clean: ## Remove what the targets wrote into this folder
	rm -rf build dist .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
