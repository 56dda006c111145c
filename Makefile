# The whole house in a few words. `make` alone lists them. ARGS="..." goes to the tool behind.
.DEFAULT_GOAL := help
.PHONY: help setup demo dev test check bench lock

BIN := .venv/bin

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' Makefile

setup: ## build .venv from the lock files; instant when it is up to date
	@sh scripts/setup

demo: setup ## run the order workflow end to end, then leave nothing running
	@$(BIN)/python examples/order/demo.py $(ARGS)

dev: setup ## serve the order example on http://127.0.0.1:8484 until Ctrl-C
	@$(BIN)/perdure dev examples/order/lambda_function.py $(ARGS)

test: setup ## all tests; ARGS="tests/unit -k token" for some
	@sh scripts/setup-environments
	@sh scripts/setup-javascript || true # it says what is missing, and so does every test without it
	@$(BIN)/python -m pytest -n auto --dist loadgroup $(ARGS)

check: setup ## format, lint, types and import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: setup ## the benchmarks of docs/performance.md, as JSON
	@$(BIN)/python -m benchmarks $(ARGS)

lock: setup ## resolve pyproject.toml into requirements/*.lock; UPGRADE=1 for the newest
	@sh scripts/lock
