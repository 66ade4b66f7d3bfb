# The commands of the project; `make` alone lists them.
#
#   PYTHON=python3.13   the Python that .venv is made with, 3.11 or newer
#   VENV=DIR            use this environment in place of .venv
#   SETUP=              install nothing: the environment is as it should be
#   ARGS='...'          more arguments for pytest (make test), lawful verify (make verify), or
#                       the names of what to hold against the specs (make conformance), rows to
#                       measure (make bench), modules to verify there (make gpu)

.DEFAULT_GOAL := help
.SUFFIXES:

VENV = .venv
SETUP = $(VENV)/.ready
PYTHON ?= python3 python3.13 python3.12 python3.11 python3.14
ARGS =

bin = $(VENV)/bin
pytest = $(bin)/python -m pytest -n auto --maxprocesses 8

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

.PHONY: setup
setup: $(SETUP) ## make .venv and install lawful with all it needs

.PHONY: verify
verify: $(SETUP) ## build the generated code and verify all of it
	$(bin)/lawful build
	$(bin)/lawful verify --level full $(ARGS)

.PHONY: mutate
mutate: $(SETUP) ## plant faults in all generated code and see them caught; takes long
	$(bin)/lawful mutate $(ARGS)

.PHONY: test
test: $(SETUP) ## run the tests
	$(pytest) $(ARGS)

.PHONY: check
check: $(SETUP) ## everything a change must pass
	$(bin)/ruff format --check .
	$(bin)/ruff check .
	$(bin)/mypy
	$(bin)/lint-imports
	$(bin)/lawful build --check
	$(bin)/lawful verify --level quick
	$(bin)/lawful mutate norms losses.dpo filters attention_masks.CausalAttention --sample 4
	$(pytest)

.PHONY: format
format: $(SETUP) ## format the Python code
	$(bin)/ruff format .
	$(bin)/ruff check --fix .

.PHONY: docs
docs: $(SETUP) ## rewrite the pages of docs/ that come from the code
	$(bin)/python docs/make_errors.py
	$(bin)/python docs/make_equations.py
	$(bin)/python docs/make_museum.py
	$(bin)/python benchmarks/page.py

.PHONY: conformance
conformance: $(SETUP) ## hold code of transformers, TRL and torch against the specs
	$(if $(SETUP),$(bin)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[conformance]')
	$(bin)/python examples/conformance/run.py $(ARGS)

.PHONY: bench
bench: $(SETUP) ## measure the code against its peers, and write docs/performance.md; takes long
	$(if $(SETUP),$(bin)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[bench]')
	$(bin)/python benchmarks/run.py --json docs/performance.json $(ARGS); status=$$?; \
		$(bin)/python benchmarks/page.py && exit $$status

.PHONY: gpu
gpu: $(SETUP) ## verify the library on a GPU, and measure it there
	$(bin)/python benchmarks/gpu.py --json docs/performance.json $(ARGS); status=$$?; \
		$(bin)/python benchmarks/page.py && exit $$status

.PHONY: clean
clean: ## remove .venv, caches and build products
	rm -rf .venv .lawful .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	rm -rf build dist
	find . -name .git -prune -o -path ./.venv -prune -o -name __pycache__ -type d -prune \
		-exec rm -rf {} +

# The last act of a setup writes the stamp, with the folder it was made in. Without it, or in a
# folder that was copied or moved, the environment is made again; one that make did not make
# (it has no .made) is only installed into.
ifneq ($(shell cat $(VENV)/.ready 2>/dev/null),$(CURDIR))
.PHONY: $(VENV)/.ready
endif

$(VENV)/.ready: pyproject.toml constraints.txt
	@set -eu; \
	stamp=$$(cat $(VENV)/.ready 2>/dev/null || true); \
	if [ -e $(VENV)/.made ] && [ "$$stamp" != "$(CURDIR)" ]; then rm -rf $(VENV); fi; \
	if [ ! -x $(bin)/python ]; then \
		python=; \
		for candidate in $(PYTHON); do \
			if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
			then python=$$candidate; break; fi; \
		done; \
		if [ -z "$$python" ]; then \
			echo "lawful needs Python 3.11 or newer, and found none as: $(PYTHON)" >&2; \
			echo "Name one: make PYTHON=/path/to/python3" >&2; \
			exit 1; \
		fi; \
		if [ ! -d $(VENV) ]; then mkdir -p $(VENV); touch $(VENV)/.made; fi; \
		"$$python" -m venv $(VENV); \
	fi; \
	rm -f $(VENV)/.ready; \
	echo "Installing into $(VENV). The first time this takes minutes: PyTorch is large."; \
	$(bin)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev]'; \
	printf '%s\n' "$(CURDIR)" > $(VENV)/.ready
