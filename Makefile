# `make demo` and `make test` do everything on a fresh machine, set-up included; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DIST := build/dist
# Tests wait a lot: twice as many at once as there are cores. Which go together, and which first: tests/workers.py
AT_ONCE ?= $(shell cores=$$(nproc 2>/dev/null || echo 2); [ $$cores -gt 4 ] && echo 8 || echo $$((2 * cores)))
PYTEST = $(BIN)/python -m pytest --numprocesses=$(AT_ONCE) --dist=loadgroup --no-loadscope-reorder --durations=20
SEED := $(or $(SEED),$(shell date +%s))

.DEFAULT_GOAL := help
.PHONY: help setup demo test nightly nightly-tests nightly-random nightly-chaos nightly-fuzz nightly-soak verify lint generate dist check-diff bench bench-sessions bench-apiserver bench-leasing chaos fuzz abuse soak costs constraints clean

help:  ## What each target does
	@sed -n 's/^\([a-z-]*\):.*##/\1:/p' $(MAKEFILE_LIST) | awk -F: '{printf "  make %-16s%s\n", $$1, $$2}'

setup: $(READY)  ## Make .venv with everything the other targets need

$(READY): pyproject.toml client/pyproject.toml exporter/pyproject.toml operator/pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Jumplab needs Python 3.11 or later; name one: make PYTHON=python3.11")'
	@$(PYTHON) -m tools.set_up $(VENV)
	@touch $(READY)

demo: $(READY)  ## A lab on this machine, from kubectl apply to the board's prompt
	@$(BIN)/python -m tools.demo

test: $(READY)  ## The tests; what they use beyond Python they find, or say that they did not
	@$(PYTEST)

nightly: $(READY)  ## Every test twice, then chaos, fuzz and soak, without a bound of time; SEED=1 repeats a night
	@echo "the random part has SEED=$(SEED)"
	@$(MAKE) --keep-going --no-print-directory SEED=$(SEED) nightly-tests nightly-random nightly-chaos nightly-fuzz nightly-soak

nightly-tests: $(READY)
	@$(PYTEST) --nightly

nightly-random: $(READY)
	@JUMPLAB_FAULT_STEPS=50000 JUMPLAB_FAULT_EXAMPLES=20 JUMPLAB_EXAMPLES=100 JUMPLAB_KILLS=300 \
		$(PYTEST) --nightly --shuffle=$(SEED) --hypothesis-profile=random --hypothesis-seed=$(SEED)

nightly-chaos: $(READY)
	@$(BIN)/python -m tools.chaos --seed=$(SEED) --seconds=1200

nightly-fuzz:
	@$(MAKE) --no-print-directory fuzz FUZZ="--seconds 600"

nightly-soak:
	@$(MAKE) --no-print-directory soak

lint: $(READY)  ## ruff, mypy strict, import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy client/src exporter/src operator/src tools
	$(BIN)/lint-imports

generate: $(READY)  ## Regenerate protobuf code, plain clients, CRDs and schemas from their sources
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tools.generate

dist: $(READY)  ## Wheels and source distributions of the three packages, in build/dist
	@rm -rf $(DIST)
	@$(BIN)/uv build --quiet --all-packages --no-build-isolation --no-create-gitignore --python $(BIN)/python --out-dir $(DIST)
	@ls $(DIST)/*

verify: generate lint test check-diff  ## Everything a change must pass

check-diff:
	@git diff --exit-code --stat || { echo "generated files differ from what is committed: commit the result of 'make generate'"; exit 1; }

bench: $(READY)  ## Figures of the whole path, beside Jumpstarter's where the peer is at hand
	@$(BIN)/python -m tools.bench

bench-sessions: $(READY)  ## Sessions beside Jumpstarter's and beside what the machine can do
	@$(BIN)/python -m tools.bench_sessions

bench-apiserver: $(READY)  ## The standalone API beside a real kube-apiserver with etcd
	@$(BIN)/python -m tools.bench_apiserver

bench-leasing: $(READY)  ## How fast leases are given, beside labgrid where the peer is at hand
	@$(BIN)/python -m tools.bench_leasing

chaos: $(READY)  ## Kills, cuts and fills up a lab that works, for minutes; CHAOS="--seed 1 --seconds 600" and more: --help
	@$(BIN)/python -m tools.chaos $(CHAOS)

fuzz: $(READY)  ## Random frames, bodies, selectors, files and peers, for minutes; a short run is part of the tests; FUZZ="--seconds 600"
	@JUMPLAB_FUZZ_EXAMPLES=3000 $(BIN)/python -m pytest --hypothesis-profile=random tests/fuzz
	@$(BIN)/python -m tools.uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --only-binary :all: --group fuzz 2>/dev/null || true
	@$(BIN)/python -m tools.fuzz $(FUZZ)

abuse: $(READY)  ## Attacks a control plane, and says whether its other users notice; ABUSE="--seconds 60" and more: --help
	@$(BIN)/python -m tools.abuse $(ABUSE)

soak: $(READY)  ## 100,000 leases in a row, and whether anything has grown; SOAK="--leases 3000" and more: --help
	@$(BIN)/python -m tools.soak $(SOAK)

costs: $(READY)  ## What each input from outside costs at its limit, and how that grows with its size
	@$(BIN)/python -m tools.costs

constraints:  ## Move the pinned versions to the newest that fit
	$(BIN)/python -m tools.uv pip compile --quiet --upgrade --no-header --no-annotate --no-emit-package jumplab --no-emit-package jumplab-exporter \
		--no-emit-package jumplab-operator --universal --python-version 3.11 --all-extras \
		client/pyproject.toml exporter/pyproject.toml operator/pyproject.toml --group dev --group fuzz -o constraints.txt

clean:  ## Remove what the targets made
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
