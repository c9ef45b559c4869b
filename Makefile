# make serve: a fresh machine → talk to it.  make test: everything CI runs.  make help: the rest.
PYTHON ?= python3
VENV := .venv
FUZZ_SECONDS ?= 180
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help serve install models test check format proto fuzz bench chromium node clean

help:  ## show this
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

serve: models  ## install, fetch the models, start the server and print its address
	@$(BIN)/realtime serve

install: $(VENV)/.installed  ## create the virtual environment and install what the server needs

models: install  ## fetch the default models (about 240 MB, once; 110 more are made of them)
	@$(BIN)/realtime models pull

test: check models chromium node  ## everything CI runs, with coverage
	@$(BIN)/realtime models pull whisper-base
	PYTHONASYNCIODEBUG=1 $(BIN)/pytest --cov --cov-report=term

check: $(VENV)/.dev  ## format, lint, strict types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy bench/*.py

format: $(VENV)/.dev  ## write the code as the formatter wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

proto: $(VENV)/.dev  ## generate the gRPC code from proto/
	$(BIN)/python -m tools.generate_proto

fuzz: $(VENV)/.dev  ## talk to the server like a mad client, for FUZZ_SECONDS (180)
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/pytest -q -o timeout=0 --show-capture=no tests/fuzz

results = --out bench/results/$(1).json --plot bench/results/$(1).svg

bench: models  ## measure whole turns, their ends, interruptions, many callers, the cost of listening (half an hour)
	$(BIN)/realtime bench latency --turn-detection semantic_vad $(call results,latency)
	$(BIN)/realtime bench turns --sweep --at-once 4 $(call results,turns)
	$(BIN)/realtime bench interruptions $(call results,interruptions)
	$(BIN)/realtime bench load $(call results,load)
	$(BIN)/realtime bench listening --out bench/results/listening.json
	$(BIN)/realtime bench grpc $(call results,grpc)

chromium:  # the browser that the tests of the demo page drive
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq chromium; } \
		|| { echo "The tests of the demo page need Chromium: install it, then run this again." >&2; exit 1; }

node:  # what OpenAI's JavaScript clients run in when the tests drive them
	@{ command -v node && command -v npm; } >/dev/null \
		|| { apt-get update -qq && apt-get install -y -qq --no-install-recommends nodejs npm; } \
		|| { echo "The tests of JavaScript clients need Node.js and npm: install them, then run this again." >&2; exit 1; }

clean:  ## remove what is not in the repository; models stay
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/pip install --quiet --editable ".[local]"
	@touch $@

$(VENV)/.dev: $(VENV)/.installed
	$(BIN)/pip install --quiet --group dev
	@touch $@
