# One command for each thing a person does here. `make help` lists them.
#   .venv      what serves (no torch)          .venv-lab  everything: training, tests, checks
# A finished set-up leaves a stamp, so that the second run is instant.

PYTHON ?= python3
PORT ?= 8000
NICE ?=
SERVE := .venv/bin
LAB := .venv-lab/bin
COMPILE = uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	--custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help setup lab demo test slow check bench docs lock wheel clean

help: ## Lists what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

setup: .venv/.ready ## Sets up .venv: what serves, without torch

lab: .venv-lab/.ready ## Sets up .venv-lab: training, tests and checks

.venv/.ready: requirements/serve.txt requirements/uv.txt requirements/install.sh pyproject.toml
	PYTHON=$(PYTHON) bash requirements/install.sh .venv requirements/serve.txt
	@touch $@

.venv-lab/.ready: requirements/lab.txt requirements/uv.txt requirements/install.sh pyproject.toml
	PYTHON=$(PYTHON) bash requirements/install.sh .venv-lab requirements/lab.txt
	@touch $@

demo-data/.ready: | .venv/.ready
	rm -rf demo-data/samples
	$(SERVE)/spondyl phantom samples --seed 2 --out demo-data/samples
	@touch $@

demo: .venv/.ready demo-data/.ready ## Starts the server with sample studies analysed (PORT=8000)
	@echo "Analysing the samples (one of them is made to be refused)"
	@$(SERVE)/spondyl analyze demo-data/samples --data demo-data/data >/dev/null || test $$? -eq 2
	$(SERVE)/spondyl serve --data demo-data/data --port $(PORT) --open

test: .venv-lab/.ready ## Runs the tests
	$(NICE) $(LAB)/python -m pytest -q -n 2 --dist loadfile

slow: .venv-lab/.ready ## Runs the slow tests: the wheel in a clean environment, long training
	$(NICE) $(LAB)/python -m pytest -q -m slow

check: .venv-lab/.ready ## Lint, types and import contracts
	$(NICE) $(LAB)/ruff check .
	$(NICE) $(LAB)/mypy
	$(NICE) $(LAB)/lint-imports

bench: .venv-lab/.ready ## Prints the speed table, and keeps it for the README
	$(LAB)/python -m bench | tee docs/figures/bench.txt

docs: .venv-lab/.ready ## Writes the generated pages of docs/reference
	$(LAB)/python docs/generate.py

wheel: .venv-lab/.ready ## Builds the wheel into dist/
	$(LAB)/uv build -q --wheel --out-dir dist

lock: ## Pins what pyproject.toml asks for into requirements/ (needs uv)
	$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml -o requirements/serve.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml --extra lab --group dev -c requirements/serve.txt -o requirements/lab.txt
	echo uv | $(COMPILE) $(if $(UPGRADE),--upgrade) - -o requirements/uv.txt

clean: ## Removes what was made, except what you trained or analysed
	rm -rf .venv .venv-lab build dist demo-data .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
