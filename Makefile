# Needs Python 3.11 or newer, pip and make; everything else is fetched into .venv, pinned and hash-checked.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(shell command -v python3.11 || command -v python3)
UV_VERSION := 0.13.9
ASYNCAPI_PARSER_VERSION := 3.6.3

BIN := .venv/bin
UV := $(BIN)/uv
DEMO ?=
FAULTS ?= --minutes 5
SEEDS ?= 1 2 3
SEQUENCES ?= 10000
SIDE_BY_SIDE ?= --numprocesses auto --maxprocesses 4 --dist loadfile

# A service account often has no home to keep a cache in.
ifneq ($(shell test -n "$$HOME" -a -w "$$HOME" && echo writable),writable)
export UV_NO_CACHE := 1
export PIP_NO_CACHE_DIR := 1
endif

.PHONY: help setup lock check format test long demo faults mistakes tools clean

help: ## Show what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

setup: .venv/.ready ## Install everything that the lock names, and the handrail command

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Handrail needs Python 3.11 or newer: make setup PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# pip takes over where uv cannot reach the index that pip is configured for.
.venv/.ready: requirements.lock pyproject.toml | $(UV)
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps -e . \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-header

lock: | $(UV) ## Resolve pyproject.toml anew into requirements.lock, and what an image needs of it
	$(COMPILE) --all-extras --upgrade pyproject.toml -o requirements.lock
	$(COMPILE) --upgrade --constraint requirements.lock pyproject.toml -o deploy/images/requirements.lock

check: setup ## Lint, formatting, types, import rules and the evolution gate of the contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy contracts services deploy tests
	$(BIN)/lint-imports
	$(BIN)/handrail contracts check

format: setup ## Format and mend what can be mended without thinking
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: setup ## Run every test but the long ones, a file at a time on each of a few processors
	$(BIN)/pytest -q --durations=15 $(SIDE_BY_SIDE)

long: setup ## Run the long tests: whole lives with servers killed, upgraded and flooded, and generated lives of referrals and episodes
	$(BIN)/pytest -q --durations=15 -m long
	HANDRAIL_SEQUENCES=$(SEQUENCES) $(BIN)/pytest -q tests/intake/test_lives.py
	HANDRAIL_SEQUENCES=$(SEQUENCES) $(BIN)/pytest -q tests/progress/test_lives.py

demo: setup ## A network of sites lives through twenty weeks; DEMO="--sites 5 --seed 3" changes the story
	$(BIN)/handrail demo $(DEMO)

faults: setup ## The long fault runs, on one node and on three; FAULTS="--minutes 20" SEEDS="4 5" changes them
	for seed in $(SEEDS); do \
	  $(BIN)/handrail faults --seed $$seed $(FAULTS); \
	  $(BIN)/handrail faults --seed $$seed --nodes 3 $(FAULTS); \
	  $(BIN)/handrail faults --seed $$seed --load flood $(FAULTS); \
	  $(BIN)/handrail faults --seed $$seed --load flood --nodes 3 $(FAULTS); \
	done
	HANDRAIL_LOAD_SECONDS=180 $(BIN)/pytest -q tests/faults/test_load.py
	$(BIN)/python -m tests.faults.histories --seeds 1000-2999
	$(BIN)/python -m tests.faults.model --deep

mistakes: setup ## Plant known mistakes one by one; each must be found
	$(BIN)/python -m tests.faults.mistakes

tools: ## Fetch the AsyncAPI parser, where there is npm
	@if ! command -v npm >/dev/null; then \
	  echo 'no npm here: the AsyncAPI document is checked without its parser'; \
	elif ! grep -qs '"version": "$(ASYNCAPI_PARSER_VERSION)"' .tools/node_modules/@asyncapi/parser/package.json; then \
	  npm install --prefix .tools --silent --no-audit --no-fund --no-save @asyncapi/parser@$(ASYNCAPI_PARSER_VERSION); \
	fi

clean: ## Remove what was made, except the data in .handrail
	rm -rf .venv .tools build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
