.DEFAULT_GOAL := help
.PHONY: help setup dev demo test fuzz lint format proto baseline bench bench-combining chaos record kafka postgres objects clean
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Compiled Python is kept: without it every process of a test compiles all it imports again.
export PYTHONDONTWRITEBYTECODE :=

help:     ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## */\t/' | expand -t 17

setup:    ## virtual environment with pinned versions (the others call it)
	@.ci/setup

dev:      ## what the tests and the try-out servers need, too
	@.ci/setup dev

demo: setup  ## a simulated camera, the whole way to published calibrations
	@.venv/bin/calibrant demo

test: dev  ## all tests; the last lines say what was skipped and how to enable it
	@pytest -q -n 3 --dist worksteal

fuzz: dev  ## look for files that the reader of frames does not survive: make fuzz SECONDS=60
	@python tests/hostile/fuzz.py -max_total_time=$(or $(SECONDS),60)

lint: dev  ## style, types, layers, contract
	@.ci/lint

format: dev  ## put the code into its format
	@ruff check --fix -q . ; ruff format -q .

proto: dev  ## generate the contract's Python, schemas and tables from proto/
	@python libs/contracts/generator

baseline: dev  ## accept today's contract as the one later changes must be compatible with
	@buf build proto -o proto/baseline.binpb

bench: dev  ## measure the main steps
	@python tests/bench/main.py

bench-combining: dev  ## the pixel engine beside other combiners; installs those first
	@tests/bench/peers && python tests/bench/combining.py

chaos: dev  ## faults rain on all services while they work: SEED=1 KILLS=40 GAP=4.5
	@.ci/servers && python tests/chaos/main.py --seed $(or $(SEED),1) --kills $(or $(KILLS),40) --gap $(or $(GAP),4.5)

record: dev  ## a sequence over Kafka, PostgreSQL and S3, and how it went: SEQUENCE=FILE INSTRUMENT=latiss SPEED=0 [PAGE=FILE]
	@.ci/servers && python tests/record/main.py $(or $(SEQUENCE),docs/examples/latiss-daily.yaml) --instrument $(or $(INSTRUMENT),latiss) --speed $(or $(SPEED),0) $(if $(PAGE),--page $(PAGE))

kafka: dev  ## Apache Kafka on 127.0.0.1:9092 to try things on, until Ctrl-C
	@.ci/servers kafka && python -m calibrant.bus.testing.broker

postgres: dev  ## a PostgreSQL server on 127.0.0.1:5432 to try things on, until Ctrl-C
	@.ci/servers postgres && python -m calibrant.runtime.testing.postgres

objects: dev  ## an S3 service on 127.0.0.1:9000 that keeps all in memory, until Ctrl-C
	@python -m calibrant.runtime.testing.s3

clean:    ## remove the virtual environment, caches and calibrant-data with all data in it
	@rm -rf .venv .setup.lock* .pytest_cache .mypy_cache .ruff_cache .hypothesis calibrant-data ; find . -name __pycache__ -prune -exec rm -rf {} +
