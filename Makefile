# What people do here. `make` alone lists it.
#
# Two stamps in .venv say what has been installed: the runtime's lock (enough for `make run`) and the
# lock with the tools of tests and checks on top. Change requirements/*.in, then `make lock`.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
JUDGES := tests/judges
RUNTIME := $(VENV)/.stamp-runtime
TOOLS := $(VENV)/.stamp-tools
SCANNER := .venv-scan/.stamp
ANSIBLE := .venv-ansible/.stamp
PIP := $(PY) -m pip --disable-pip-version-check --no-input
CATALOGUES := $(wildcard web/translations/*/LC_MESSAGES/*.po web/*/translations/*/LC_MESSAGES/*.po)
# Code that is checked: the rooms that exist.
ROOMS := $(wildcard appliance smtp web cli demo ansible tests)
TYPED := $(wildcard appliance smtp)

# Tests wait for as long as they compute: two processes for each core, eight at most.
JOBS ?= $(shell n=$$(nproc); echo $$((n < 4 ? 2 * n : 8)))

.PHONY: help setup run check format test scan bench fuzz judges lock translations clean bundle lab lab-up lab-deploy lab-test lab-down lab-shell

help: ## list what can be made
	@echo "Karamail. First time here: make run"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(TOOLS) translations ## .venv with everything that running, testing and checking need

run: $(RUNTIME) translations ## a whole ward on this machine: make run [TOWN=43000]; Ctrl-C stops it
	@exec $(PY) -m demo.town $(if $(TOWN),--town "$(TOWN)")

check: $(TOOLS) ## ruff and mypy
	@$(PY) -m ruff check $(ROOMS)
	@$(PY) -m ruff format --check --quiet $(ROOMS) \
		|| { $(PY) -m ruff format --check $(ROOMS) || true; echo "make format puts this right"; exit 1; }
	@$(if $(TYPED),$(PY) -m mypy $(TYPED),true)

format: $(TOOLS) ## rewrite layout and import order as `make check` wants them
	@$(PY) -m ruff format $(ROOMS)
	@$(PY) -m ruff check --fix $(ROOMS)

# Tests of one file stay in one process; long files come first (tests/conftest.py).
test: setup check $(ANSIBLE) $(if $(filter-out 0,$(LONG)),$(SCANNER)) ## everything that says whether it works: make test [LONG=1] [ARGS="-k codes tests/flows"]
	@.ci/packages.sh
	@$(MAKE) judges
	@LONG="$(filter-out 0,$(LONG))" $(PY) -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

scan: setup $(SCANNER) ## the three sites under wapiti, from outside and logged in; some minutes
	@.ci/packages.sh
	@LONG=1 $(PY) -m pytest -v tests/scan $(ARGS)

bench: setup ## the figures beside Postfix + OpenDKIM: make bench [QUICK=1] [ONLY=urgent]
	@.ci/packages.sh
	@exec $(PY) -m tests.bench $(if $(filter-out 0,$(QUICK)),--quick) $(if $(ONLY),--only "$(ONLY)") $(ARGS)

fuzz: setup ## nonsense at the door of a real daemon: make fuzz [MINUTES=10]
	@exec $(PY) -m tests.fuzz --minutes $(or $(MINUTES),10) $(ARGS)

bundle: $(TOOLS) ## var/bundle: all that a rack without internet needs, from this machine's mirrors
	@$(PY) ansible/bundle.py

# Three nodes and an internet in namespaces, as root; the real playbook (tests/lab/__init__.py).
lab: lab-ready ## builds three nodes, deploys, tests, tears down
	@exec $(PY) -m tests.lab all

lab-up: lab-ready ## three deployed nodes that stay
	@$(PY) -m tests.lab up && $(PY) -m tests.lab deploy

lab-deploy: lab-ready ## the playbook again: make lab-deploy [ARGS="--check --diff"]
	@exec $(PY) -m tests.lab deploy $(ARGS)

lab-test: $(TOOLS) ## what tests/lab says about them: make lab-test [ARGS=tests/lab/test_story.py]
	@LONG="$(filter-out 0,$(LONG))" exec $(PY) -m tests.lab test $(ARGS)

lab-down: $(TOOLS) ## ends them
	@exec $(PY) -m tests.lab down

lab-shell: $(TOOLS) ## a shell on one: make lab-shell NODE=n1, or make lab-shell n1
	@exec $(PY) -m tests.lab shell $(or $(NODE),$(filter n1 n2 n3,$(MAKECMDGOALS)),n1)

n1 n2 n3:
	@:

.PHONY: lab-ready n1 n2 n3
lab-ready: lab-packages $(TOOLS) $(ANSIBLE) bundle

.PHONY: lab-packages
lab-packages:
	@.ci/packages.sh --lab

# mailauth, by the lock beside it, into a folder that git ignores. Without node and npm, or without a way to the
# packages, the tests that ask it skip and say so.
judges:
	@if ! command -v node >/dev/null || ! command -v npm >/dev/null; then \
		echo "judges: no node and npm here (apt-get install nodejs npm); mailauth is not asked"; \
	elif [ ! -e $(JUDGES)/node_modules/.stamp -o $(JUDGES)/package-lock.json -nt $(JUDGES)/node_modules/.stamp ]; then \
		echo "judges: installing what $(JUDGES)/package-lock.json names"; \
		{ npm ci --prefix $(JUDGES) --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null \
			&& touch $(JUDGES)/node_modules/.stamp; } || echo "judges: npm failed; mailauth is not asked"; \
	fi

# The scanner has many packages that the appliance must not have: an environment of its own.
$(SCANNER): requirements/scan.txt | $(VENV)/bin/python
	@$(PYTHON) -m venv .venv-scan
	@.venv-scan/bin/python -m pip --disable-pip-version-check --no-input install --quiet --require-hashes \
		-r requirements/scan.txt
	@touch $@

translations: $(RUNTIME)
	@for po in $(CATALOGUES); do \
		mo="$${po%.po}.mo"; \
		[ "$$mo" -nt "$$po" ] || $(PY) -m babel.messages.frontend --quiet compile -i "$$po" -o "$$mo"; \
	done

# The locks: hashes for every Python and processor, no address of any registry. Needs uv (pip install uv).
lock: ## renew requirements/*.txt after a change of requirements/*.in: make lock [UPGRADE=1]
	@command -v uv >/dev/null || { echo "make lock needs uv: pip install uv"; exit 1; }
	@for name in runtime tools scan ansible; do \
		uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
			--no-emit-index-url --no-emit-find-links --no-annotate $(if $(UPGRADE),--upgrade) \
			"requirements/$$name.in" -o "requirements/$$name.txt"; \
	done
	@if grep -nE '://|find-links|index-url' requirements/*.txt; then echo "an address got into a lock"; exit 1; fi

clean: ## remove what setup, tests and benches made (var/town, the demo's data, stays)
	rm -rf $(VENV) .venv-scan .venv-ansible $(JUDGES)/node_modules build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis var/bench var/bundle var/cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
	find web -name '*.mo' -delete 2>/dev/null || true

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "Karamail needs Python 3.11 or newer. $(PYTHON) is $$($(PYTHON) --version 2>&1 || true)."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
		|| { echo "This Python cannot make virtual environments. On Debian: sudo apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# Wheels only, but for dkimpy and pyspf, which have none: setuptools comes first, because it builds them.
# The project is installed from where it lies (editable), so a pull needs no new setup.
$(RUNTIME): requirements/runtime.txt pyproject.toml | $(VENV)/bin/python
	@echo "setup: installing what requirements/runtime.txt names"
	@$(PIP) install --quiet --only-binary :all: --require-hashes \
		-r <(sed -n '/^setuptools==/,/[^\\]$$/p' requirements/runtime.txt)
	@$(PIP) install --quiet --only-binary :all: --no-binary dkimpy,pyspf --no-build-isolation --require-hashes \
		-r requirements/runtime.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation --config-settings editable_mode=compat -e .
	@touch $@

$(TOOLS): requirements/tools.txt $(RUNTIME)
	@echo "setup: installing what requirements/tools.txt names"
	@$(PIP) install --quiet --no-build-isolation --require-hashes -r requirements/tools.txt
	@touch $@

$(ANSIBLE): requirements/ansible.txt
	@echo "setup: installing what requirements/ansible.txt names"
	@$(PYTHON) -m venv .venv-ansible
	@.venv-ansible/bin/pip --disable-pip-version-check --no-input install --quiet --require-hashes -r requirements/ansible.txt
	@touch $@
