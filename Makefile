# The only entry points a newcomer needs. `make` alone says what there is.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup setup-build setup-test setup-interop run demo test test-interop test-compose lint docs reference chaos fuzz bench bench-aws-lc

CARGO ?= cargo
# Passed on to `portcullis serve`: make run ARGS="--config portcullis.toml"
ARGS ?=
# How long `make fuzz` gives each target.
FUZZ_SECONDS ?= 600
# The parts of the benches to run; all where it is empty: make bench ONLY="auth claims"
ONLY ?=

# The fuzz targets are a workspace of their own: its lock file must fit its manifests and ours.
FUZZ_LOCK = $(CARGO) metadata --locked --format-version 1 --manifest-path fuzz/Cargo.toml >/dev/null

# The program that can be ordered to die; nobody needs the shipped one to be able to.
FAULTY = $(CARGO) build --locked -p portcullis-gateway --features fault-injection --bin portcullis-faulty

# The libraries that `make test-interop` holds our tokens against, and where they are installed.
INTEROP = crates/gateway/tests/interop
LIBRARIES = target/interop

SCRIPTS := .ci/run $(wildcard scripts/*.sh packaging/test/*.sh)

help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: setup-build setup-test setup-interop ## Install the system packages that are missing, and say which and why
	@echo "Nothing is missing."

setup-build:
	@scripts/setup.sh build

setup-test: setup-build
	@scripts/setup.sh test

setup-interop: setup-build
	@scripts/setup.sh interop

run: setup-build ## Build the gateway and serve (ARGS="--config FILE" and the like are passed on)
	$(CARGO) run --release --locked --bin portcullis -- serve $(ARGS)

demo: setup-build ## Watch the whole loop, a line per step, against a pretended GitLab and vendors
	$(CARGO) run --release --locked --bin portcullis -- demo --once

test: setup-test ## Run every test, on SQLite and on a private Postgres
	$(FAULTY)
	$(CARGO) test --workspace --locked

test-interop: setup-interop $(LIBRARIES)/python/installed $(LIBRARIES)/node/installed ## Have PyJWT, jwcrypto and jose verify our tokens, and schemathesis our API
	$(CARGO) test --workspace --locked --test interop

test-compose: ## Build the image and bring docker-compose.yml up for real (Debian, as root; ARGS=--keep)
	@scripts/test-compose.sh $(ARGS)

$(LIBRARIES)/python/installed: $(INTEROP)/requirements.txt | setup-interop
	rm -rf $(@D) && python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet --require-hashes --only-binary :all: --no-deps -r $<
	@touch $@

$(LIBRARIES)/node/installed: $(INTEROP)/node/package.json $(INTEROP)/node/package-lock.json | setup-interop
	rm -rf $(@D) && mkdir -p $(@D) && cp $^ $(@D)
	cd $(@D) && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

lint: setup-build ## Check format, lints, documentation, dependencies and scripts
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy -p portcullis-base -p portcullis-gateway --features fault-injection --all-targets --locked -- -D warnings
	$(CARGO) clippy --workspace --test interop --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked
	$(FUZZ_LOCK)
	@if command -v cargo-deny >/dev/null; then \
	  echo "$(CARGO) deny check"; $(CARGO) deny check; \
	else \
	  echo "cargo-deny is not installed, so licences, advisories and sources go unchecked here" \
	       "(cargo install cargo-deny --locked)"; \
	fi
	@for script in $(SCRIPTS); do echo "bash -n $$script"; bash -n "$$script" || exit 1; done
	@if command -v shellcheck >/dev/null; then \
	  echo "shellcheck of the same"; shellcheck --severity=warning --external-sources $(SCRIPTS); \
	else \
	  echo "shellcheck is not installed, so scripts are checked for their syntax alone"; \
	fi

docs: setup-build ## Make the site of the documentation, at target/book/html (builds mdBook the first time)
	@scripts/book.sh

reference: setup-build ## Make docs/reference and docs/openapi.json anew, from the code
	PORTCULLIS_RENEW=1 $(CARGO) test --locked -p portcullis-gateway --test example
	PORTCULLIS_RENEW=1 $(CARGO) test --locked -p portcullis-gateway --test http -- openapi::the_committed

chaos: setup-test ## Kill real gateways under load and look for losses (ARGS="--long", "--seed N")
	$(FAULTY)
	$(CARGO) run --locked -p portcullis-chaos -- $(ARGS)

fuzz: ## Give strangers' parsers arbitrary bytes (FUZZ_SECONDS=600 each; needs cargo-fuzz and nightly Rust)
	@command -v cargo-fuzz >/dev/null || { echo "cargo install cargo-fuzz --locked" >&2; exit 1; }
	$(FUZZ_LOCK)
	@for target in report_body pat jwt; do \
	  mkdir -p fuzz/corpus/$$target && (cd fuzz && cargo +nightly fuzz run $$target corpus/$$target seeds/$$target \
	    -- -max_total_time=$(FUZZ_SECONDS) -max_len=16384 -print_final_stats=1) || exit 1; \
	done

bench: setup-test ## Measure, and write target/bench/report.json (ONLY="auth claims" runs parts alone)
	$(CARGO) bench -p portcullis-bench --locked -- $(ONLY)

bench-aws-lc: setup-test ## Measure tokens again, on AWS-LC instead of the system's OpenSSL
	@scripts/setup.sh aws-lc
	$(CARGO) bench -p portcullis-bench --locked --features aws-lc --target-dir target/aws-lc -- jwt
