# make serve: a fresh machine → talk to it.  make test: everything CI runs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: serve test install models check format proto bench clean browser

serve: models  ## install, fetch the models, start the server and print its address
	$(BIN)/realtime serve

install: $(INSTALLED)  ## create the virtual environment and install everything

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/pip install --quiet --editable ".[local]" --group dev
	@touch $@

models: install  ## fetch the default models, once
	$(BIN)/realtime models pull

check: install  ## format, lint, strict types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: check models browser  ## everything CI runs, with coverage
	PYTHONASYNCIODEBUG=1 $(BIN)/pytest --cov --cov-report=term

browser:  ## a Chromium for the tests of the demo page
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
		{ apt-get update -qq && apt-get install -y -qq chromium; } || \
		{ echo "The tests of the demo page need Chromium: install it and run this again." >&2; exit 1; }

format: install  ## write the code as the formatter wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: models  ## measure, and write bench/results
	$(BIN)/realtime bench latency

clean:  ## remove everything that is not in the repository
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
