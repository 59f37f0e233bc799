# make test | make demo | make bench | make clean        Another interpreter: make test PYTHON=python3.12
PYTHON ?= python3
PYTEST_ARGS ?= --numprocesses 2 --dist loadgroup
BIN := .venv/bin
# constraints.txt pins every version; torch in particular is never to be installed without its pin.
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable

.PHONY: demo test lint bench clean

demo: .venv/installed-examples
	$(BIN)/python examples/train_resnet_head.py

test: lint
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: .venv/installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/basedpyright --pythonpath $(BIN)/python

bench: .venv/installed-test
	$(BIN)/python -m tests.benchmarks

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find balanceidx adapters tests examples docs -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# Stamps: an installation is repeated only when what it is made from has changed.
.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed-examples: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) '.[examples]'
	@touch $@

# The test extra includes the examples extra.
.venv/installed-test: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) '.[test]'
	@touch $@ .venv/installed-examples
