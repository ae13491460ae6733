# On a fresh machine with Python 3.11 or newer: `make demo` or `make test`.
# PIP_ARGS passes options on to pip, such as where to find a CPU build of PyTorch.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test slow lint types examples bench facts paper paper-quick clean

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tsgen needs Python 3.11 or newer; set it with `make PYTHON=/path/to/python`")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --constraint constraints.txt --editable ".[dev]"
	@touch $@

demo: $(INSTALLED)
	$(BIN)/python examples/plot_01_quickstart.py

# One thread a process: small networks are fastest so, and processes share the cores.
test: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto

slow: $(INSTALLED)
	$(BIN)/python -m pytest -m slow

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

examples: $(INSTALLED)
	set -e; for example in examples/plot_*.py; do $(BIN)/python $$example; done

bench: $(INSTALLED)
	$(BIN)/python benchmarks/main_job.py
	$(BIN)/python benchmarks/dependency.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/scores.py

# Long; most do not repeat fits whose rows are in benchmarks/results.
facts: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/dependency_facts.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/dependency_forms.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/power.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/memorization.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/likelihoods.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/peers.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/unseen_days.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/samplers.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/given.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/memory_map.py

# The tables of the paper, resumable: hours, or minutes if quick. PAPER_ARGS says where
# data lie that are not shipped and what to do, such as `table1 --mimic FOLDER`.
paper: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/paper/run.py $(PAPER_ARGS)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/paper/ablations.py
	$(BIN)/python benchmarks/paper/report.py

paper-quick: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/paper/run.py --quick $(PAPER_ARGS)
	$(BIN)/python benchmarks/paper/report.py --mode quick

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
