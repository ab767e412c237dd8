# Python 3.11+, pip and make are enough: the targets set up what they need in .venv.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
UV := $(VENV)/bin/uv
BIN := $(VENV)/bin
export UV_PYTHON_DOWNLOADS := never
export UV_SYSTEM_CERTS ?= true
export MLFLOW_DISABLE_TELEMETRY := true
export OMP_NUM_THREADS ?= 1
export MPLBACKEND := Agg
unexport PYTHONDONTWRITEBYTECODE # every program that a test starts would compile the package anew

.PHONY: help setup demo test test-services lint types layers unit notebooks bench build clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-15s %s\n", $$1, $$2}'

$(VENV)/.synced: pyproject.toml uv.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.9"
	$(UV) sync --quiet --locked --inexact --all-extras --compile-bytecode # uv itself stays beside what is locked
	@touch $@

setup: $(VENV)/.synced ## make .venv with the locked environment

demo: setup ## a simulated company end to end: train, prove, explain, report (about two minutes)
	$(BIN)/holdfast demo --out demo

test: setup lint types layers unit notebooks ## everything that needs Python alone

lint: setup ## ruff: format and rules
	$(BIN)/ruff format --check holdfast tests benchmarks notebooks
	$(BIN)/ruff check holdfast tests benchmarks notebooks

types: setup ## mypy, strict
	$(BIN)/mypy

layers: setup ## imports point downward
	$(BIN)/lint-imports --no-cache # its cache keeps an import of a module that was not there yet

unit: setup ## the tests and the doctests
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -q -m "not bench and not browser and not notebook and not services" # in the order of the tree: its long files stand first

notebooks: setup ## execute the notebooks
	$(BIN)/pytest -q -m notebook

test-services: setup ## checks that need system packages (installs Debian's chromium and postgresql)
	@command -v chromium >/dev/null || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; }
	@ls /usr/lib/postgresql/*/bin/pg_ctl >/dev/null 2>&1 || command -v pg_ctl >/dev/null || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql; }
	$(BIN)/pytest -q -m "browser or services"

bench: setup ## the backtests on real data, with their figures (needs HOLDFAST_DATA)
	$(BIN)/python -m benchmarks.real

build: setup ## the wheel and the sdist
	$(UV) build --quiet

clean: ## remove what was made
	rm -rf $(VENV) dist demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
