.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format proto baseline bench clean
export PATH := $(CURDIR)/.venv/bin:$(PATH)

help:     ## this list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:[^#]*## */\t/' | expand -t 12

setup:    ## virtual environment with pinned versions (the others call it)
	@.ci/setup

demo: setup  ## a simulated camera, the whole way to published calibrations
	@calibrant demo

test: setup  ## all tests; the last lines say what was skipped and how to enable it
	@pytest -q -n 2 --dist worksteal

lint: setup  ## style, types, layers, contract
	@.ci/lint

format: setup  ## put the code into its format
	@ruff check --fix -q . ; ruff format -q .

proto: setup  ## generate the contract's Python, schemas and tables from proto/
	@python libs/contracts/generator

baseline: setup  ## accept today's contract as the one later changes must be compatible with
	@buf build proto -o proto/baseline.binpb

bench: setup  ## measure the main steps
	@python tests/bench/main.py

clean:    ## remove the virtual environment, caches and the demo's data
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis calibrant-data
