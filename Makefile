# Bare `make` lists the verbs. A fresh machine needs no more than make, Python 3.11 and apt.
UV := $(shell deploy/get-uv --where)
RUN := $(UV) run --no-sync
# Test files run side by side: most of their time is waiting for servers.
PYTEST := $(RUN) pytest --numprocesses $${PORTAL_TEST_WORKERS:-4} --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help setup servers tools demo test unit it e2e icat-suite kills check fuzz fmt contracts bench up down logs image

help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup:  ## get uv if missing, install what uv.lock says
	@deploy/get-uv
	@$(UV) sync --frozen --quiet

servers:
	@deploy/get-rabbitmq

tools:
	@deploy/get-tools

demo: setup servers  ## the whole portal on this machine, with the Human Organ Atlas in it
	@$(RUN) portal demo

test: setup servers tools  ## install what the tests need and run all of them
	PORTAL_REQUIRE_SERVICES=1 $(PYTEST)

unit: setup  ## the quick ones
	$(PYTEST) tests/unit tests/contract

it: setup servers tools  ## against real servers and simulators
	$(PYTEST) tests/integration

icat-suite: setup  ## python-icat's own tests against the ICAT simulator
	PORTAL_REQUIRE_SERVICES=1 $(RUN) pytest tests/integration/icat_sim/suite -q -rP

kills: setup servers  ## doi, DataCite, MongoDB killed at 50 random instants, twice: the same DOIs
	PORTAL_REQUIRE_SERVICES=1 PORTAL_KILLS=50 $(RUN) pytest -s \
		tests/integration/doi/test_killed_at_random.py tests/e2e/test_killed_during_import.py

e2e: setup servers tools  ## journeys through the running portal
	$(PYTEST) tests/e2e

check: setup  ## format, lint, types, import contracts, contract drift
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) basedpyright
	$(RUN) lint-imports
	$(RUN) pytest -q tests/contract

fuzz: setup servers  ## hostile requests and random filters, for long
	PORTAL_TEST_FUZZ=20000 PORTAL_TEST_FILTERS=200000 $(RUN) pytest -o timeout=7200 \
		tests/integration/gateway/test_hostile_requests.py \
		tests/unit/gateway/test_compiler_brute_force.py

fmt: setup  ## format and mend what can be mended
	$(RUN) ruff format .
	$(RUN) ruff check --fix .

contracts: setup  ## write the generated contracts again
	$(RUN) portal-contracts
	$(RUN) python -m portal_gateway.generate

bench: setup servers tools  ## how fast, as ratios against named baselines
	$(RUN) python -m pytest tests/bench -s -q -o python_files='bench_*.py' -o timeout=3600

up:  ## docker compose up
	docker compose up --detach --build --wait

down:  ## docker compose down
	docker compose down

logs:  ## docker compose logs
	docker compose logs --follow

image:  ## one image: make image PACKAGE=portal-doi
	docker build --build-arg PACKAGE=$(PACKAGE) --tag $(PACKAGE) --file deploy/Dockerfile .
