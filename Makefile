# The only entry points a newcomer needs. `make` alone says what there is.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup setup-build setup-test run test lint bench

CARGO ?= cargo
# Passed on to `portcullis serve`: make run ARGS="--config portcullis.toml"
ARGS ?=
# The parts of the benches to run; all where it is empty: make bench ONLY="auth claims"
ONLY ?=

SCRIPTS := .ci/run $(wildcard scripts/*.sh)

help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: setup-build setup-test ## Install the system packages that are missing, and say which and why
	@echo "Nothing is missing."

setup-build:
	@scripts/setup.sh build

setup-test: setup-build
	@scripts/setup.sh test

run: setup-build ## Build the gateway and serve (ARGS="--config FILE" and the like are passed on)
	$(CARGO) run --release --locked --bin portcullis -- serve $(ARGS)

test: setup-test ## Run every test, on SQLite and on a private Postgres
	$(CARGO) test --workspace --locked

lint: setup-build ## Check format, lints, documentation, dependencies and scripts
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked
	@if command -v cargo-deny >/dev/null; then \
	  echo "$(CARGO) deny check"; $(CARGO) deny check; \
	else \
	  echo "cargo-deny is not installed, so licences, advisories and sources go unchecked here" \
	       "(cargo install cargo-deny --locked)"; \
	fi
	@for script in $(SCRIPTS); do echo "bash -n $$script"; bash -n "$$script" || exit 1; done

bench: setup-test ## Measure, and write target/bench/report.json (ONLY="auth claims" runs parts alone)
	$(CARGO) bench -p portcullis-bench --locked -- $(ONLY)
