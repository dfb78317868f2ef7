# make install · make demo · make test: each works from a clean checkout; the environment lives in .venv.

PYTHON ?= $(shell for p in python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TESTBED := $(BIN)/testbed
PYTEST := $(BIN)/python -m pytest
# One process more than there are cores, as many tests wait for a clock; and no more than four.
EVERY_CORE := -n $(shell cores=$$(nproc); echo $$((cores < 4 ? cores + 1 : 4))) --dist worksteal
COMPILE := $(BIN)/python -m testbed.cli.compiling

.DEFAULT_GOAL := help
.PHONY: help install compiled demo test lint format types unit live chaos fidelity containers properties swarm fuzz chaos-campaign coverage docs bench wheelhouse test-containers test-hosts clean
.DELETE_ON_ERROR:

help:
	@echo 'make demo         train, run live while a server dies, replay the same tasks, compare: two minutes'
	@echo 'make test         everything that is checked: lint, types, tests'
	@echo 'make coverage     the tests again, counting the lines that they run; fails if a package is below 85 %'
	@echo 'make lint types unit live chaos fidelity containers    one part of it'
	@echo 'make properties   the property tests with seeds of chance and ten times as many examples'
	@echo 'make swarm        random scenarios and faults on the simulation, for ever; SEEDS=0..99999 plays these alone'
	@echo 'make fuzz         ten million mutated frames at every decoder of a socket; FRAMES=1000000 for fewer'
	@echo 'make chaos-campaign   500 live runs, hurt at random; RUNS=50 for fewer'
	@echo 'make format       let ruff rewrite the code'
	@echo 'make bench        the benchmarks, each printing a table'
	@echo 'make docs         the documentation as a site, in build/site'
	@echo 'make wheelhouse   what container images are built from, for builders without a package index'
	@echo 'make test-containers   the tests that need a container engine; brings one up where none runs'
	@echo 'make test-hosts   the tests of runs on several hosts: needs sshd, and root for network namespaces'
	@echo 'make install      build the environment ($(VENV)) and compile the model'
	@echo 'make clean        remove the environment and caches; runs are kept'

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@test -n '$(PYTHON)' || { echo 'Python 3.11 or newer is needed; found: '"$$(python3 --version 2>&1)"'.' \
		'Install it, or name it: make PYTHON=/path/to/python3.11'; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo '$(PYTHON) is older than Python 3.11,' \
		'which is needed; name a newer one: make PYTHON=/path/to/python3.11'; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@echo 'compiling the model: some two minutes, once'
	$(COMPILE)
	@touch $@

demo: install
	@rm -rf runs/demo-* checkpoints/demo
	$(TESTBED) demo

test: lint types compiled
	$(PYTEST) $(EVERY_CORE)

# One run; TESTS narrows it. A test that fails does not keep the figures back, but fails the run in the end.
coverage: compiled
	@rm -rf build/coverage
	@code=0; $(BIN)/coverage run -m pytest $(EVERY_CORE) $(TESTS) || code=$$?; \
	$(BIN)/python tools/coverage_files.py build/coverage && \
	$(BIN)/coverage combine --quiet && $(BIN)/coverage json --quiet && $(BIN)/python tools/coverage_floor.py && exit $$code

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: install
	$(BIN)/mypy

# What was compiled by `make install` is only looked at; after a change in the model it is compiled anew.
compiled: install
	@$(COMPILE)

unit: compiled
	$(PYTEST) $(EVERY_CORE) -m 'not live and not chaos and not fidelity and not containers and not hosts'

live chaos fidelity containers: compiled
	@$(PYTEST) -m $@ || { code=$$?; test $$code -eq 5 && echo 'there is no $@ test'; }

properties: compiled
	HYPOTHESIS_PROFILE=random $(PYTEST) -m hypothesis --timeout 0

# All three resume where they were ended.
swarm: compiled
	$(BIN)/python -m tests.swarm $(if $(SEEDS),$(SEEDS),--forever)

fuzz: compiled
	$(BIN)/python -m tests.protocol.fuzz $(or $(FRAMES),10000000)

chaos-campaign: compiled
	$(BIN)/python -m tests.chaos.campaign $(or $(RUNS),500)

bench: install
	@set -e; for script in $$(grep -l __main__ benchmarks/*.py); do echo "== $$script"; $(BIN)/python $$script; done

.PHONY: docs
docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

# ONLY='and not slow' leaves out what hurts containers on purpose.
test-containers: compiled
	@$(PYTEST) -m 'containers $(ONLY)' -rs || { code=$$?; test $$code -eq 5 && echo 'there is no test of containers'; }

# ONLY='and not slow' is the short form.
test-hosts: compiled
	@$(PYTEST) -m 'hosts $(ONLY)' -rs || { code=$$?; test $$code -eq 5 && echo 'there is no test of hosts'; }

# What the images are built from, for builders that reach no package index; TORCH=1: that of a run that learns too.
wheelhouse: install
	@mkdir -p build/wheelhouse
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --python-version 3.11 --only-binary :all: \
		--dest build/wheelhouse --constraint requirements.lock --requirement compose/controller.txt \
		$(if $(TORCH),--requirement compose/learning.txt) pip setuptools

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './runs/*' -prune -exec rm -rf {} +
