# One word for each thing one does here. Needs Python 3.11 to 3.13 and make; `make` alone lists the words.
#
#   make test ARGS="-k floors"      options for pytest
#   make test ALL=1                 slow tests too, and every case, as CI runs them
#   make test WORKERS=0             all tests in one process; by default one for each core
#   make test PYTHON=python3.12     another Python for a new environment
#   make test VENV=/path/to/venv    an environment somewhere else
#   make test PIP_ARGS="--extra-index-url ..."   an index with CPU builds of torch, much smaller

VENV ?= .venv
PYTHON ?= python3.11
PIP_ARGS ?=
ALL ?=
RASA_PYTHON ?=
ARGS ?=
ALL ?=
WORKERS ?= auto

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
GOSSAMER := $(abspath $(BIN))/gossamer
DEMO := demo
STUDY := study
SARA := ../shared/data/sara/split
STARTER := src/gossamer/starter
RESULTS := benchmarks/results

# The whole answer lists tokens and all other intents too; it stays in demo/parsed.jsonl.
define SHOW_PARSED
import json, sys
for line in sys.stdin:
    parse = json.loads(line)
    print(json.dumps({key: parse[key] for key in ("text", "intent", "entities")}, indent=2))
endef
export SHOW_PARSED

PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
	-c constraints.txt $(PIP_ARGS)

.DEFAULT_GOAL := help
.PHONY: help env services demo study studies test check docs bench scores accuracy fuzz matrix clean

help:  ## list these words
	@echo "make WORD, where WORD is one of:"
	@grep -E '^[a-z]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z]+):[^#]*## /  \1\t/'

# The environment is made once, and again when what it is made from changes. Bytecode is made of what
# is imported, when it is. Older pips take twice as long, so a newer one is installed first.
$(INSTALLED): pyproject.toml constraints.txt
	@test -x $(BIN)/python || { echo "Making the environment $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "Installing gossamer and its tools into $(VENV) (a few minutes the first time)"
	@$(PIP_INSTALL) pip
	@$(PIP_INSTALL) -e ".[dev]"
	@touch $@

env: $(INSTALLED)  ## make the environment only

# Tests of the server start a PostgreSQL and a browser of their own. Where these are not installed,
# and cannot be, such tests are skipped and say so.
services:  ## install PostgreSQL and Chromium, which tests use, where apt-get can
	@if ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 \
		&& { command -v chromium-headless-shell || command -v chromium; } > /dev/null; then \
		exit 0; \
	fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		apt-get update --quiet=2 && DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes \
			--no-install-recommends postgresql chromium-headless-shell > /dev/null \
			|| echo "PostgreSQL and Chromium could not be installed: tests that need them are skipped"; \
	else \
		echo "PostgreSQL or Chromium is not installed: tests that need them are skipped"; \
	fi

demo: $(INSTALLED)  ## train, test and ask the bundled assistant, in the folder demo/
	@rm -rf $(DEMO)
	@echo "1. A new assistant about train travel, in $(DEMO)/"
	@$(GOSSAMER) init $(DEMO) --no-prompt
	@echo
	@echo "2. Training intents, entities and dialogue on data/, with domain.yml and config.yml"
	@cd $(DEMO) && $(GOSSAMER) train --out models
	@echo
	@echo "3. Testing on sentences and on conversations it has not seen, in tests/"
	@cd $(DEMO) && $(GOSSAMER) test --model models --nlu tests/nlu_test.yml --stories tests \
		--out results
	@echo
	@echo "4. Two sentences: look for the roles of the cities, and for what the capital is called"
	@cd $(DEMO) && $(GOSSAMER) parse \
		"two tickets from Westhaven to the capital on Friday please" \
		"I left my umbrella on the 17:30 train from Silverfen" \
		--model models > parsed.jsonl
	@$(BIN)/python -c "$$SHOW_PARSED" < $(DEMO)/parsed.jsonl
	@echo
	@echo "5. A conversation: a form, a question in the middle of it, a response for first class"
	@cd $(DEMO) && $(GOSSAMER) shell --model models --echo --random-seed 1 < tests/conversation.txt
	@echo
	@echo "Second half, if you like: make study (under two minutes) draws F1 against density."
	@echo "Done. The model is in $(DEMO)/models, reports and pictures are in $(DEMO)/results,"
	@echo "the full answers (all intents, ranked) in $(DEMO)/parsed.jsonl."
	@echo "Next: cd $(DEMO), talk with it (gossamer shell --why), change data/ and train again;"
	@echo "$(DEMO)/README.md says how."

# Some shells forbid Python to keep bytecode. Then each process would compile all tests and modules again.
test: $(INSTALLED)  ## run the quick tests; ALL=1 for all of them; options for pytest in ARGS
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(if $(ALL),--all) $(ARGS)

# The second half of the demo: the article's figure, small, in under two minutes.
study: $(INSTALLED)  ## draw F1 against density on the bundled assistant, into study/
	@$(GOSSAMER) study density --config $(STARTER)/config.yml --train $(STARTER)/data \
		--test $(STARTER)/tests/nlu_test.yml --sizes 16,64 --seeds 0,1 --epochs 20 \
		--title "Intents of the starter assistant: a demonstration" --out $(STUDY)
	@echo "Look at $(STUDY)/report.html in a browser. The same command again trains nothing;"
	@echo "more seeds or sizes add to what is there. The real ones are in docs/studies."

studies: $(INSTALLED)  ## make the pages of docs/studies again from their rows
	@$(GOSSAMER) study report $(sort $(wildcard docs/studies/*/)) --index docs/studies/README.md

check: $(INSTALLED)  ## lint, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Pages and docstrings are read, nothing is imported. A warning, such as a dead link, is an error.
docs: $(INSTALLED)  ## build the documentation as a site, into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Look at site/index.html in a browser; searching needs a server:"
	@echo "$(BIN)/python -m http.server --directory site --bind 127.0.0.1"

# All three print what they find too; RASA_PYTHON=path/to/python measures Rasa's training beside ours.
bench: $(INSTALLED)  ## measure speed and memory in short (5 minutes), into benchmarks/results/
	@if [ -d $(SARA) ]; then \
		config=$(SARA)/config.yml train=$(SARA)/train.yml test=$(SARA)/test.yml; \
	else \
		echo "$(SARA) is not there: training the starter assistant instead"; \
		config=$(STARTER)/config.yml train=$(STARTER)/data/nlu.yml; \
		test=$(STARTER)/tests/nlu_test.yml; \
	fi; \
	$(BIN)/python benchmarks/layer.py --quick --out $(RESULTS) && \
	$(BIN)/python benchmarks/train.py --config $$config --train $$train --quick \
		$(if $(RASA_PYTHON),--rasa-python $(RASA_PYTHON)) --out $(RESULTS) && \
	$(BIN)/python benchmarks/latency.py --config $$config --train $$train --test $$test --quick \
		--out $(RESULTS)

scores: $(INSTALLED)  ## measure intents and entities on Sara's split, else on the starter; options in ARGS
	@if [ -d $(SARA) ]; then \
		set -- --config $(SARA)/config.yml --train $(SARA)/train.yml --test $(SARA)/test.yml \
			--reference-name "Rasa 3.6.21" --reference intent_accuracy=0.8138 \
			intent_weighted_f1=0.8080 entity_token_micro_f1=0.865 \
			entity_token_weighted_f1=0.853; \
	else \
		echo "$(SARA) is not there: measuring the starter assistant instead"; \
		set -- --config $(STARTER)/config.yml --train $(STARTER)/data/nlu.yml \
			--test $(STARTER)/tests/nlu_test.yml; \
	fi; \
	$(BIN)/python benchmarks/nlu_f1.py "$$@" --baseline $(ARGS)

# The short form: Sara and ATIS, one seed. Rows that are there are kept, and the tables show all of
# them. More: make accuracy ARGS="--seeds 1,2,3 --workers 2".
accuracy: $(INSTALLED)  ## compare answers with plain models on public data; options in ARGS
	$(BIN)/python benchmarks/accuracy.py $(if $(ARGS),$(ARGS),--quick)
	$(BIN)/python benchmarks/accuracy.py report --out $(RESULTS)/accuracy

# Twenty thousand each take about half an hour on one core, training 300 of them as long again.
fuzz: $(INSTALLED)  ## damage whole projects, call layers in every way; ARGS="--count 20000"
	$(BIN)/python benchmarks/fuzz_project.py $(ARGS)
	$(BIN)/python benchmarks/fuzz_layer.py $(ARGS)

# Wheel and sdist, in new environments outside of the sources; ARGS="--python 3.12 --part base" for some.
matrix: $(INSTALLED)  ## install on each Python, with each extra, and compare the answers
	$(BIN)/python benchmarks/matrix.py $(ARGS)

clean:  ## remove what was made here, the environment too
	rm -rf .venv $(DEMO) $(STUDY) $(RESULTS) build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
