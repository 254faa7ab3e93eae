# The only commands to know. `make` alone lists them.

PROMPT ?= a red house under a yellow sun
ARGS ?=
WORKERS ?= 4
PYTHON ?= $(shell for python in python3.11 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && echo $$python && break; done)

BIN := .venv/bin
STAMP := .venv/.set-up
export PROMPT

.DEFAULT_GOAL := help
.PHONY: help setup demo run test check bench bench-sampler bench-tiny chaos

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv with everything in it, pinned by constraints.txt
	@:

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Atelier needs Python 3.11: install it, or name it with PYTHON=/path/to/python3.11." >&2; exit 1; }
	@echo "Setting up .venv (the first time takes a few minutes)..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[local,postgres,dev]'
	@touch $@

demo: setup ## draw PROMPT="..." through every room; the picture is out/demo.png
	@ATELIER_CONFIG=config/atelier.toml ATELIER_DATA_DIR=out/demo-data \
		$(BIN)/atelier imagine --save out/demo.png "$$PROMPT" --seed 7

run: setup ## start the service: the configured bots, the queue and a sampler
	@exec $(BIN)/atelier serve $(ARGS)

test: setup ## run the tests, WORKERS files at once; ARGS="-k name" picks some
	@OMP_WAIT_POLICY=PASSIVE $(BIN)/pytest --quiet -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup ## formatting, lint, types, import law, Dockerfile
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@report=$$($(BIN)/lint-imports --no-logo 2>&1) || { echo "$$report"; exit 1; }
	@$(BIN)/hadolint Dockerfile
	@echo "All checks passed."

bench: setup ## measure how fast pictures are made on this machine
	@$(BIN)/pytest --quiet --capture=no -o python_files='bench_*.py' -o python_functions='bench_*' tests/bench $(ARGS)

bench-sampler: setup ## measure the sampler beside a plain diffusers loop, alone and for many people; ARGS="--only tiny" picks
	@OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m tests.bench.sampler $(ARGS)

bench-tiny: setup ## measure how well the built-in model obeys 300 prompts that it never saw
	@$(BIN)/python -m tools.tiny.train check

chaos: setup ## kill everything in turn under load, and check that nothing is lost; ARGS="--seeds 7" picks
	@OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m tests.chaos $(ARGS)
