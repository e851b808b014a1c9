# The commands of this repository. Nothing but Python >= 3.11 and make is assumed:
# each target makes and fills .venv by itself, and is quick when there is nothing to do.
#
#   make demo                     one streamed answer, then JupyterLab on the quick start
#   make demo ARGS=--no-browser   the same, printing the URL
#   PYTHON=python3.12 make test   with a Python of your choice

VENV    ?= .venv
ARGS    ?=
BIN     := $(VENV)/bin
# The venv's own Python if there is one, else the first that is new enough.
PYTHON  ?= $(shell for p in $(BIN)/python python3 python3.14 python3.13 python3.12 python3.11 python; do \
             "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VERSION := $(if $(PYTHON),$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null))
UV      := $(shell command -v uv 2>/dev/null || echo $(BIN)/uv)
# What tells an install that it is out of date.
INPUTS  := pyproject.toml uv.lock
CODE    := llmkit $(wildcard benchmarks scripts) tests
TYPED   := llmkit $(wildcard benchmarks) $(wildcard tests/core/typed_*.py)
TESTS   := not soak and not packaging
NOTEBOOKS := $(wildcard notebooks/*.ipynb)
BENCH   ?= $(filter-out __%,$(notdir $(basename $(wildcard benchmarks/*.py))))
# Opens on the quick start, without the news pop-up; a root user (a container, mostly) is let in.
LAB     := --ServerApp.root_dir=. --LabApp.news_url=None \
           --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate \
           --LabApp.default_url=/lab/tree/notebooks/00_quickstart.ipynb \
           $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help venv demo test again check fmt bench kernels notebooks benchpage packaging docs build sbom audit lock owner clean
.DEFAULT_GOAL := help

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(VENV)/.python-$(VERSION)  ## make .venv

demo: $(VENV)/.lab-$(VERSION)  ## stream one answer, then open JupyterLab on the quick start (ARGS=--no-browser)
	@$(BIN)/python -m llmkit.demo
	@$(BIN)/python -m jupyterlab $(LAB) $(ARGS)

test: check  ## everything: ruff, mypy, pytest (in parallel), the notebooks
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit; done; \
	  echo "No Chromium here: the browser tests will be skipped."
	$(BIN)/python -m pytest -n auto -m "$(TESTS)" $(ARGS) || { [ $$? -eq 1 ] && $(MAKE) --no-print-directory again; }
	@$(MAKE) --no-print-directory notebooks

# Sixteen thousand tests with browsers and kernels on a busy machine: what failed beside the others is asked once more,
# alone. What fails then is broken; what passes is named, and worth a look.
again: $(VENV)/.test-$(VERSION)  ## what failed last, one after another, up to the first that fails again
	@echo; echo "== These failed beside the others, and are run once more, alone:"
	$(BIN)/python -m pytest --last-failed --last-failed-no-failures none -x -v -m "$(TESTS)" $(ARGS)

check: $(VENV)/.test-$(VERSION)  ## ruff, ruff format, mypy
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy $(TYPED)

fmt: $(VENV)/.test-$(VERSION)  ## let ruff fix and format
	$(BIN)/ruff check --fix-only $(CODE)
	$(BIN)/ruff format $(CODE)

# Without keys, proxies or settings of yours: the simulator answers, and your ledger stays as it is.
notebooks: $(VENV)/.test-$(VERSION)  ## run every notebook and compare it with what it says
ifneq ($(NOTEBOOKS),)
	@home=$$(mktemp -d); trap 'rm -rf "$$home"' EXIT; \
	env -i PATH="$$PATH" HOME="$$home" LANG=C.UTF-8 LLMKIT_DISPLAY=final LLMKIT_SIM_PACE=8 PYTHONPATH=tests/notebook \
	  $(BIN)/python -m pytest -p own_home -n auto --dist loadfile -o filterwarnings=default \
	  --nbval --nbval-current-env --nbval-sanitize-with tests/notebook/data/nbval.cfg $(NOTEBOOKS)
endif

# The cell and the notebooks must behave alike on old kernels and new ones; the suite itself tries the installed one.
KERNELS := 6.31 7.0 7.4
NEWEST := 7.4
PYTHONS := 3.11 3.12 3.13 3.14
kernels: $(VENV)/.test-$(VERSION)  ## the cell and the notebooks on older ipykernels, and on the other Pythons that are here
	@try() { \
	  [ -x $(VENV)/kernels/$$1/.made ] && return; echo "Making the kernel $$1 ..."; \
	  $(UV) venv --quiet --clear --python "$$2" $(VENV)/kernels/$$1 && \
	  $(UV) pip install --quiet --python $(VENV)/kernels/$$1/bin/python -e '.[all]' matplotlib "ipykernel==$$3.*" && \
	  install -m 755 /dev/null $(VENV)/kernels/$$1/.made; }; \
	for version in $(KERNELS); do try ipykernel-$$version $(BIN)/python $$version || exit 1; done; \
	for version in $(PYTHONS); do found=; \
	  for python in python$$version $$HOME/.pyenv/versions/$$version.*/bin/python; do \
	    if $$python -c '' 2>/dev/null; then found=$$python; break; fi; done; \
	  if [ -n "$$found" ]; then try python$$version "$$found" $(NEWEST) || exit 1; \
	  else echo "No Python $$version here: it is not tried."; fi; done
	LLMKIT_KERNELS=$(CURDIR)/$(VENV)/kernels $(BIN)/python -m pytest -n auto --dist loadgroup -rs \
	  tests/notebook/test_kernel_matrix.py tests/notebook/test_run_all.py $(ARGS)

bench: $(VENV)/.test-$(VERSION)  ## the benchmarks (BENCH=token_path for one): ratios measured in one run
	@for name in $(BENCH); do echo "== $$name"; $(BIN)/python -m benchmarks.$$name $(ARGS) || exit 1; done

benchpage: $(VENV)/.test-$(VERSION)  ## docs/benchmarks.md anew, from what the benchmarks print here
	$(BIN)/python scripts/write_benchmarks.py $(ARGS)

packaging: $(VENV)/.test-$(VERSION)  ## wheel, sdist, extras and Binder's files in fresh environments, on the Pythons that are here
	$(BIN)/python -m pytest -n 2 --dist loadgroup tests/packaging $(ARGS)

# Strict: a broken link, a page outside the menu or a name that is gone from the code ends it.
docs: $(VENV)/.docs-$(VERSION)  ## the documentation as a site, in dist/site; no network needed
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict $(ARGS)

build: $(VENV)/.test-$(VERSION)  ## wheel and sdist, in dist/
	$(UV) build --quiet --out-dir dist

sbom: $(VENV)/.python-$(VERSION)  ## a bill of materials (CycloneDX) of what users may install, in dist/
	@mkdir -p dist
	$(UV) export --quiet --frozen --no-dev --all-extras --format cyclonedx1.5 -o dist/sbom.cdx.json

audit: $(VENV)/.python-$(VERSION)  ## compare the locked versions with the advisories of OSV (takes the network)
	$(UV) audit --frozen --no-dev $(ARGS)

lock: $(VENV)/.python-$(VERSION)  ## write uv.lock anew
	$(UV) lock

# No repository is known from here: a fork or a copy says once whose it is.
owner:  ## write the repository's owner into the addresses of Binder and of the hook (OWNER=name)
	@test -n "$(OWNER)" || { echo "Whose repository is it? make owner OWNER=name"; exit 1; }
	sed -i -E 's#(mybinder\.org/v2/gh/)[^/]+(/llmkit/)#\1$(OWNER)\2#' README.md
	sed -i -E 's#(github\.com/)[^/]+(/llmkit)#\1$(OWNER)\2#' docs/keys.md

clean:  ## remove .venv, caches and builds
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# -- how .venv is made --------------------------------------------------------------------------
# A stamp carries the Python version, so another PYTHON= makes another .venv.

$(VENV)/.python-$(VERSION):
	@test -n "$(VERSION)" || { echo "llmkit needs Python 3.11 or newer; none was found (PYTHON=$(PYTHON))."; \
	  echo "Install one, or name it: PYTHON=/path/to/python3.12 make demo"; exit 1; }
	@if [ "$(PYTHON)" != "$(BIN)/python" ]; then \
	  echo "Making $(VENV) with Python $(VERSION) ..."; rm -rf $(VENV); \
	  if command -v uv >/dev/null 2>&1; then uv venv --quiet --python "$(PYTHON)" $(VENV); \
	  else "$(PYTHON)" -m venv $(VENV) && $(BIN)/python -m pip install --quiet --disable-pip-version-check uv \
	    || [ -x $(BIN)/pip ]; fi; fi
	@touch $@

# The locked versions, by uv; where its registry can't be reached (a mirror known only to pip), by pip.
install = echo "Installing (the first time takes a minute) ..."; \
	UV_PROJECT_ENVIRONMENT=$(VENV) $(UV) sync --quiet --frozen --inexact --extra lab $(1) \
	|| { echo "uv could not install; trying pip."; \
	     $(BIN)/python -m ensurepip >/dev/null 2>&1; \
	     $(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1' && \
	     $(BIN)/python -m pip install --quiet --editable '.[lab]' $(1); }

$(VENV)/.lab-$(VERSION): $(INPUTS) | $(VENV)/.python-$(VERSION)
	@$(call install)
	@touch $@

$(VENV)/.test-$(VERSION): $(INPUTS) | $(VENV)/.python-$(VERSION)
	@$(call install,--group test --group lint)
	@touch $@ $(VENV)/.lab-$(VERSION)

$(VENV)/.docs-$(VERSION): $(INPUTS) | $(VENV)/.python-$(VERSION)
	@$(call install,--group docs)
	@touch $@ $(VENV)/.lab-$(VERSION)
