.DEFAULT_GOAL := help
.PHONY: help setup book students instructors test mutants serve reduced full lint format lock clean

PYTHON ?= python3
PORT ?= 8000
SEED ?= 0
BIN := .venv/bin
READY := .venv/ready

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' Makefile

setup: $(READY) ## install everything into .venv (the others do it too)

$(READY): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -r requirements.lock
	$(BIN)/pip install --quiet --no-build-isolation --no-deps -e .
	touch $@

book: $(READY) ## execute what changed and build the book in _build/html
	$(BIN)/jupyter-book build -W -n --keep-going .

students: $(READY) ## worksheets without solutions in _build/students (SEED=0)
	$(BIN)/arcbook course students --seed $(SEED)

instructors: book ## solutions, guide and slides in _build/instructors
	$(BIN)/arcbook course instructors --seed $(SEED)

test: $(READY) ## run all tests, the notebooks and the book among them
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2

mutants: $(READY) ## change the code at random places: do the tests notice? (two hours)
	$(BIN)/pip install --quiet mutmut==3.8.1
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/mutants.py

serve: book ## build the book and serve it on http://localhost:$(PORT)
	$(BIN)/python -m http.server --directory _build/html $(PORT)

reduced: $(READY) ## measure all images at reduced scale: six hours of two cores
	$(BIN)/arcbook run all --profile reduced --jobs 2

full: $(READY) ## measure all in full: UCI in minutes, images in GPU hours
	$(BIN)/arcbook run all --profile full

lint: $(READY) ## check style, and that no notebook holds outputs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/nbstripout --verify --keep-id notebooks/*.ipynb

format: $(READY) ## bring code and notebooks into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/nbstripout --keep-id notebooks/*.ipynb

lock: $(READY) ## pin the newest versions that fit pyproject.toml
	$(BIN)/pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --upgrade --strip-extras \
	  --extra book --extra dask --extra test \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --no-header --no-annotate --allow-unsafe --output-file requirements.lock \
	  requirements.in pyproject.toml
	sed -i 's/+cpu//' requirements.lock

clean: ## remove what was built; .venv and the records stay
	rm -rf _build .pytest_cache .ruff_cache lib/*.egg-info
	find lib tests -name __pycache__ -type d -prune -exec rm -rf {} +
