# `make` without arguments lists the targets. A new machine needs make, Python 3.11 and apt.
UV := $(shell deploy/get-uv --where)
RUN := $(UV) run --no-sync
# Test files run side by side, in their order: the long journeys of tests/e2e begin first.
# Every process of the tests imports the same modules: they are compiled once, not by each.
unexport PYTHONDONTWRITEBYTECODE
SIDE_BY_SIDE := --dist loadfile --no-loadscope-reorder
PYTEST := $(RUN) pytest $(SIDE_BY_SIDE) --numprocesses $${PORTAL_TEST_WORKERS:-5}

.DEFAULT_GOAL := help
.PHONY: help setup servers core core-site tools site frontend frontend-check picture trace dashboard lighthouse demo test unit it e2e icat-suite kills check monitoring fuzz fmt contracts bench up down logs image digests sbom

help:  ## show this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup:  ## install uv if it is missing, and the packages of uv.lock
	@deploy/get-uv
	@[ -d .venv/lib ] || echo "Installing the Python packages of the portal ..." >&2
	@$(UV) sync --frozen --quiet

servers:
	@deploy/get-rabbitmq

# Of the packages those that run the portal: what tests and checks need stays if it is there.
core:
	@deploy/get-uv
	@[ -d .venv/lib ] || echo "Installing the Python packages of the portal ..." >&2
	@$(UV) sync --frozen --quiet --inexact --no-default-groups --group portal

core-site: core
	@deploy/build-site

tools:
	@deploy/get-tools

site: setup  ## build the web site, if its sources have changed
	@deploy/build-site --packages
	@deploy/build-site

frontend: setup  ## serve the site with hot reload, beside a running portal (PORTAL_GATEWAY_URL)
	@deploy/build-site --packages
	deploy/node npm run dev

frontend-check: setup
	@deploy/build-site --packages
	deploy/node npm run --silent types:check
	deploy/node npm run --silent check
	deploy/node npm run --silent lint
	deploy/node npm run --silent test

picture: setup tools  ## take the picture of the README from a running portal (PORTAL_URL)
	$(RUN) python -m tests.drivers.site.picture $${PORTAL_URL:-http://localhost:8000}

trace: setup servers  ## draw the picture of docs/traces.md: a job through the services
	$(RUN) python -m tests.drivers.site.trace_picture

dashboard: setup servers site  ## draw the picture of docs/metrics.md from figures of the demo (Prometheus)
	$(RUN) python -m tests.drivers.deployment.dashboard_picture

lighthouse: setup tools  ## judge the pages of a running portal by Lighthouse (PORTAL_URL)
	$(RUN) python -m tests.bench.site.lighthouse $${PORTAL_URL:-http://localhost:8000}

demo:  ## run the portal with the Human Organ Atlas on this machine
	@$(MAKE) --no-print-directory --jobs=2 servers core-site
	@$(RUN) portal demo

test: setup servers tools site  ## install what the tests need, and run all tests
	PORTAL_REQUIRE_SERVICES=1 $(PYTEST)

unit: setup  ## run the quick tests (unit and contract)
	$(RUN) pytest $(SIDE_BY_SIDE) --numprocesses $${PORTAL_TEST_WORKERS:-auto} tests/unit tests/contract

it: setup servers tools site  ## run the tests with real servers and simulators
	$(PYTEST) tests/integration

icat-suite: setup  ## run the tests of python-icat with the ICAT simulator
	PORTAL_REQUIRE_SERVICES=1 $(RUN) pytest tests/integration/icat_sim/suite -q -rP

kills: setup servers  ## kill services, replicas, DataCite, MongoDB 50 times: every record is there once (minutes)
	PORTAL_REQUIRE_SERVICES=1 PORTAL_KILLS=50 $(RUN) pytest -s \
		tests/integration/doi/test_killed_at_random.py tests/e2e/test_killed_during_import.py \
		tests/e2e/test_replicas_killed.py tests/e2e/test_rolling_upgrade.py

e2e: setup servers tools site  ## run the end-to-end tests of the running portal
	$(PYTEST) tests/e2e

check: setup  ## check format, lint, types, import rules and generated contracts
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) basedpyright
	$(RUN) lint-imports
	$(RUN) pytest -q tests/contract
	@$(MAKE) --no-print-directory frontend-check

monitoring: setup  ## test alerts and dashboards, with Prometheus's own tests if promtool is installed
	$(RUN) pytest -q tests/unit/deploy/test_monitoring.py

fuzz: setup servers  ## test hostile requests, random filters and changes, all citation styles
	PORTAL_TEST_FUZZ=20000 PORTAL_TEST_FILTERS=200000 PORTAL_TEST_CHANGES=2000 PORTAL_TEST_STYLES=1 \
		$(RUN) pytest -o timeout=7200 tests/properties \
		tests/integration/gateway/http/test_hostile_requests.py

fmt: setup  ## format the code and fix what ruff can fix
	$(RUN) ruff format .
	$(RUN) ruff check --fix .

contracts: setup  ## regenerate the contracts
	$(RUN) portal-contracts
	$(RUN) python -m portal_gateway.generate
	$(RUN) python shared/tools/settings_reference.py
	@deploy/build-site --packages
	deploy/node npm run --silent types

bench: setup servers tools  ## measure the speed, relative to baselines
	$(RUN) python -m pytest tests/bench -s -q -o python_files='bench_*.py' -o timeout=3600

up:  ## start the portal with Docker Compose
	docker compose up --detach --build --wait

down:  ## stop the portal of Docker Compose
	docker compose down

logs:  ## follow the logs of Docker Compose
	docker compose logs --follow

image:  ## build one image: make image PACKAGE=portal-doi
	docker build --build-arg PACKAGE=$(PACKAGE) --tag $(PACKAGE) --file deploy/Dockerfile \
		--build-arg VERSION=$$(sed -n 's/^version: //p' CITATION.cff) \
		--build-arg REVISION=$$(git rev-parse HEAD) .

digests:  ## print the pulled images with their digests, for .env (needs Docker and the registries)
	@deploy/pin-images

sbom: setup  ## list the packages in each image as CycloneDX, in the folder dist/sbom
	@deploy/list-packages dist/sbom
