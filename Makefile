# Every target makes what it needs: .venv, the package with its native kernel, tools, the embedded model.
# `make help` lists the targets. pip's settings (indexes, proxies, certificates) are your own.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet -c constraints.txt
NATIVE_SOURCES := $(wildcard guidedgen/kernel/native/CMakeLists.txt guidedgen/kernel/native/*.cpp guidedgen/kernel/native/*.h)
# What CMake leaves in the source folder of an editable build. pip builds in a new environment each time: nothing to reuse.
NATIVE_SCRATCH := $(addprefix guidedgen/kernel/native/,CMakeFiles .cmake .ninja_deps .ninja_log .skbuild-info.json build.ninja \
	Makefile CMakeCache.txt CMakeInit.txt cmake_install.cmake libnanobind-static.a)
# BLAS and OpenMP pools fight over small machines; override on the command line to use more.
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test slow conformance benchmark fuzz counters check lint types layers docs engines stub stubs native install model clean

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: model  ## typed output from a small local model, start to finish
	@$(BIN)/guidedgen demo

test: $(VENV)/.dev model  ## the test suite
	$(BIN)/python -m pytest $(ARGS)

slow: $(VENV)/.dev model  ## the tests that `make test` leaves out for their length
	$(BIN)/python -m pytest -m slow $(ARGS)

conformance: $(VENV)/.dev  ## the official suite, MaskBench and random walks, complete: about half an hour
	$(BIN)/python -m pytest tests/conformance tests/grammars/json_schema/test_small_worlds.py -m "slow or not slow" $(ARGS)

benchmark: $(VENV)/.dev model  ## the tests that measure time
	$(BIN)/python -m pytest -m benchmark $(ARGS)

fuzz: $(VENV)/.dev  ## fuzz the native kernel with sanitizers, SECONDS=60 for each target: needs clang
	$(BIN)/python scripts/fuzz.py --seconds $(or $(SECONDS),60)

counters: $(VENV)/.dev  ## what the native kernel counts, against the ratchet; ARGS=--update lowers it
	$(BIN)/python -m tests.kernel.counters $(ARGS)

check: lint types layers stub docs  ## everything but the tests

lint: $(VENV)/.dev  ## ruff, rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev  ## mypy, strict
	$(BIN)/mypy

layers: $(VENV)/.dev  ## imports only point down
	$(BIN)/lint-imports

stub: $(VENV)/.dev  ## the native module's stub is what its binding generates
	$(BIN)/python scripts/native_stub.py --check

stubs: $(VENV)/.dev  ## write the native module's stub anew, after a change of its binding
	$(BIN)/python scripts/native_stub.py

docs: $(VENV)/.docs  ## the documentation, into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

ENGINES := guidedgen llguidance xgrammar xgrammar-compliant outlines-core lm-format-enforcer
# LIST: a folder or list of MaskBench files; DATA: the folder of a list's files; TOKENIZER: a tokenizer.json or its folder.
engines: $(VENV)/.dev  ## the engines side by side on LIST (DATA, TOKENIZER), into their page; goes on where it stopped; hours
	$(BIN)/python scripts/requirements.py peers evaluate > $(VENV)/.peers.txt
	$(PIP_INSTALL) -r $(VENV)/.peers.txt
	@mkdir -p build/engines
	for engine in $(ENGINES); do $(BIN)/guidedgen evaluate masks $(LIST) $(if $(DATA),--data $(DATA)) --tokenizer $(TOKENIZER) \
	    --time-limit 10 --engine $$engine --out build/engines/$$engine.jsonl || exit 1; done
	$(BIN)/guidedgen evaluate masks $(LIST) $(if $(DATA),--data $(DATA)) --tokenizer $(TOKENIZER) --time-limit 10 \
	    -o property_order=schema --out build/engines/guidedgen-schema.jsonl
	cd build/engines && ../../$(BIN)/python ../../scripts/engines_table.py guidedgen.jsonl guidedgen-schema.jsonl llguidance.jsonl \
	    xgrammar.jsonl xgrammar-compliant.jsonl -- outlines-core.jsonl lm-format-enforcer.jsonl

native: $(VENV)/.package  ## the package with its native kernel
	@$(BIN)/python scripts/kernel_status.py

install: $(VENV)/.dev $(VENV)/.docs  ## everything that a contributor needs

model: $(VENV)/.package
	@$(BIN)/guidedgen models fetch smollm2 >/dev/null

clean:  ## remove what was built, not .venv
	rm -rf build dist site guidedgen/kernel/_native.*.so $(NATIVE_SCRATCH)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "guidedgen needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...")'
	$(PYTHON) -m venv $(VENV)

# A stamp is older than what it was made from -> it is made again. Without a compiler the package installs all the same.
$(VENV)/.package: pyproject.toml constraints.txt $(NATIVE_SOURCES) | $(BIN)/python
	@echo "Installing guidedgen and building its native kernel (minutes on the first run)..."
	@rm -f guidedgen/kernel/_native.*.so
	$(PIP_INSTALL) -e .
	@rm -rf $(NATIVE_SCRATCH)
	@$(BIN)/python scripts/kernel_status.py
	@touch $@

$(VENV)/.dev: $(VENV)/.package scripts/requirements.py
	$(BIN)/python scripts/requirements.py dev > $@.txt
	$(PIP_INSTALL) -r $@.txt
	$(BIN)/python scripts/requirements.py testdata > $@.txt
	$(PIP_INSTALL) --no-deps -r $@.txt
	@touch $@

$(VENV)/.docs: $(VENV)/.package scripts/requirements.py
	$(BIN)/python scripts/requirements.py docs > $@.txt
	$(PIP_INSTALL) -r $@.txt
	@touch $@
