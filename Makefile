# hale: `make run` and `make test` are all that is needed. Everything that is built lies outside the checkout.

SHELL := /bin/bash
export HALE_CACHE_DIR ?= $(HOME)/.cache/hale
export CARGO_TARGET_DIR ?= $(HALE_CACHE_DIR)/target
export DUCKDB_LIB_DIR ?= $(CURDIR)/.deps/duckdb
CARGO := cargo
HALE := $(CARGO_TARGET_DIR)/release/hale
# Seconds that `make fuzz` gives to each target.
FUZZ_SECS ?= 60
NEXTEST := $(shell cargo nextest --version >/dev/null 2>&1 && echo yes)

.DEFAULT_GOAL := help
.PHONY: help run build release test check lint fmt web reference bench fuzz drills deps clean-lab

help: ## this list
	@echo 'hale: an autonomous SRE agent for Linux'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo '  what is built lies in $(CARGO_TARGET_DIR)'

run: release ## build everything, start the agent on this machine: http://127.0.0.1:7979
	@$(HALE) up

build: deps web ## the debug binary
	@$(CARGO) build --locked --bin hale
	@echo 'built $(CARGO_TARGET_DIR)/debug/hale'

release: deps web ## the optimised binary
	@$(CARGO) build --locked --release --bin hale
	@echo 'built $(HALE)'

test: lint check ## every check and every test

check: deps web ## every test, without the linters
	@scripts/count-skipped begin
ifeq ($(NEXTEST),yes)
	@$(CARGO) build --locked --workspace --bins
	@$(CARGO) nextest run --locked --workspace --no-fail-fast || { ended=$$?; scripts/count-skipped; exit $$ended; }
else
	@$(CARGO) test --locked --workspace --no-fail-fast
	@echo 'cargo-nextest is not installed: what single tests skip is not counted'
endif
	@scripts/test-in-lab
	@scripts/test-web
	@scripts/count-skipped

lint: deps web ## formatting, clippy with warnings as errors, licences and bans; the dashboard's linter and types
	@$(CARGO) fmt --all --check
	@if [ -d web/node_modules ]; then cd web && npm run --silent lint; \
	 else echo 'lint: the packages of web/ are not installed; the dashboard is not linted'; fi
	@$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	@if cargo deny --version >/dev/null 2>&1; then cargo deny --locked check --hide-inclusion-graph bans licenses sources; \
	 else echo 'lint: cargo-deny is not installed; licences and bans are checked by the test `house` alone'; fi

fmt: ## format everything
	@$(CARGO) fmt --all
	@if [ -d web/node_modules ]; then cd web && npm run --silent format; fi

web: ## the dashboard, into web/dist: embedded into the binary by the next build
	@scripts/build-web

reference: deps ## write docs/reference anew from the code
	@HALE_BLESS=1 $(CARGO) test --locked -p hale reference

bench: release ## print every budget with its figure
	@$(CARGO) build --locked --release -p hale-testkit -p hale-observe -p hale-engine -p hale-brain -p hale-store --bins --examples
	@$(CARGO_TARGET_DIR)/release/bench --hale $(HALE)

fuzz: ## hostile bytes for every parser, FUZZ_SECS=60 each (needs nightly, cargo-fuzz)
	@fuzz/run $(FUZZ_SECS)

drills: deps ## real faults on real hosts: found, cured, proven? (needs root and docker.io, debootstrap)
	@$(CARGO) build --locked -p hale -p hale-testkit --bins
	@$(CARGO_TARGET_DIR)/debug/drills --hale $(CARGO_TARGET_DIR)/debug/hale

clean-lab: ## stop the lab's hosts and its Docker engine
	@lab/engine down

deps:
	@for tool in cargo cc npm; do command -v $$tool >/dev/null || \
	  { echo "hale needs $$tool, which is missing: cargo 1.95 (rustup), a C compiler, Node 20 with npm" >&2; exit 1; }; done
	@scripts/fetch-duckdb
