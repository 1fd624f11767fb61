# The two commands that matter are `make run` and `make test`; `make help` lists all.
# Everything that needs thought is in include/stack; variables reach it quoted, by the shell.

PYTHON ?= python3
STACK = $(PYTHON) include/stack/launch.py
BIN = .venv/bin
export DATA POLICY K OUT VERSION

.DEFAULT_GOAL := help
.PHONY: run up down status psql export promote test lint types check-imports pytest install-dev lock format clean bench-data bench-train bench-topk bench-publish bench-trees bench-images bench-nightly quality help

run: ## The main job: install, start, refresh, show. [DATA=folder] [POLICY=none|all] [K=12]
	@$(STACK) run $${DATA:+--data "$$DATA"} $${POLICY:+--policy "$$POLICY"} $${K:+--k "$$K"}

up: ## Start Postgres and Airflow
	@$(STACK) up

down: ## Stop them; data are kept
	@$(STACK) down

status: ## Say what runs, and where
	@$(STACK) status

psql: ## Open psql on the recommendations
	@$(STACK) psql

export: ## Write the active run to a CSV file: OUT=recs.csv [POLICY=none|all] [K=12]
	@$(STACK) export --out "$${OUT:-recs.csv}" $${POLICY:+--policy "$$POLICY"} $${K:+--k "$$K"}

promote: ## Make a model version the champion, such as an earlier one: VERSION=name
	@$(STACK) promote --version "$$VERSION"

test: lint types check-imports pytest ## Linters, types, import contracts and every test

install-dev: ## Install the tools into .venv
	@$(STACK) install --dev

lint: install-dev ## Format and lint, without changing anything
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: install-dev ## mypy, strict
	@$(BIN)/mypy

check-imports: install-dev ## Who may import whom
	@PYTHONPATH=include:plugins:. $(BIN)/lint-imports

pytest: install-dev ## The tests alone: [ARGS="-k stack"]
	@$(BIN)/pytest -q $(ARGS)

format: install-dev ## Format and mend what can be mended
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: install-dev ## Pin the packages of requirements*.in
	@for name in requirements requirements-dev requirements-gpu; do \
	  $(BIN)/uv pip compile -q --python-version 3.11 --universal --no-header --no-annotate \
	    $$name.in -o $$name.txt || exit 1; done

bench-data: install-dev ## Cleaning, features, examples at 1, 10, 100 % beside DuckDB: [ARGS="--scales 1"]
	@$(BIN)/python -m benchmarks.bench_data $(ARGS)

bench-train: install-dev ## Training speed beside tensorflow-recommenders, and at H&M's size: [ARGS="--share 0.1"]
	@PYTHONPATH=include $(BIN)/python -m benchmarks.bench_train $(ARGS)

bench-topk: install-dev ## The exact best articles, beside faiss and TensorFlow: [ARGS="--rounds 3"]
	@PYTHONPATH=include $(BIN)/python -m benchmarks.bench_topk $(ARGS)

bench-publish: install-dev ## Publishing at H&M's size, beside a bare COPY, and its readers: [ARGS="--share 0.1"]
	@PYTHONPATH=include $(BIN)/python -m benchmarks.bench_publish $(ARGS)

bench-trees: install-dev ## Scoring by trees beside LightGBM's own: [ARGS="--rounds 3"]
	@PYTHONPATH=include $(BIN)/python -m benchmarks.bench_trees $(ARGS)

bench-images: install-dev ## Images to vectors, each engine beside plain Keras: [ARGS="--images 1000 20000"]
	@PYTHONPATH=include $(BIN)/python -m benchmarks.bench_images $(ARGS)

bench-nightly: install-dev ## Candidates, ranking, publishing at 1, 10, 100 %: [ARGS="--scales 1"]
	@PYTHONPATH=include $(BIN)/python -m benchmarks.bench_nightly $(ARGS)

quality: install-dev ## Recommendation quality on real purchases beside others: [ARGS="--cuts 2017-12-04"]
	@PYTHONPATH=include $(BIN)/python -m benchmarks.bench_quality $(ARGS)

clean: ## Stop, and delete the stack's state (.recsys); the packages in .venv stay
	@$(STACK) clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' Makefile
