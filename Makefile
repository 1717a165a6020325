# The two commands of the README are `make demo` and `make test`; `make help` lists the rest.
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --no-sync
.DEFAULT_GOAL := help

.PHONY: help setup demo check test lint format types docs gallery wheels versions clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: ## install uv, the OpenGL libraries and the locked packages, as far as they are missing
	@sh scripts/setup.sh

demo: setup ## one demonstration of a task, then GRPO: its success before and after, no GPU, some 5 minutes
	@LIBERO_GYM_ASSETS=builtin $(RUN) python benchmarks/learning.py spatial --task 3 --alone --sft trainer.iterations=2 --iterations 18 --states 25 --report --out logs/demo/$$(date +%Y-%m-%d_%H-%M-%S)

# What an edit breaks most often, and what takes no simulation, no network of layers and no other process.
FAST := $(addprefix tests/,test_architecture.py test_contributing.py test_import_graph.py test_vocabulary.py \
	$(addprefix libero_gym/,tasks test_spaces.py) \
	$(addprefix vla_policy/,test_action_tokenizer.py test_action_stats.py) \
	$(addprefix vla_trainer/,advantage algorithms config loss placement planner test_metrics.py test_schedule.py))

check: setup ## style, types and the fast tests, for the loop of a person who edits
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(MAKE) --no-print-directory -j2 types fast

.PHONY: fast
fast: setup
	@$(RUN) pytest -q -m "not slow" $(FAST)

test: ## style, types and all tests, the slow ones too
	@sh scripts/setup.sh test
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy packages/libero_gym/src packages/vla_policy/src packages/vla_trainer/src
	@$(RUN) pytest -n 4 --dist loadfile --no-loadscope-reorder

lint: setup ## find and fix style errors
	@$(RUN) ruff check --fix .
	@$(RUN) ruff format .

types: setup ## check types
	@$(RUN) mypy packages/libero_gym/src packages/vla_policy/src packages/vla_trainer/src

docs: setup ## build the documentation as a site into site/, strictly: site/index.html opens from the disk
	@NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --strict --quiet

gallery: ## draw docs/tasks.md anew, on LIBERO's own assets and the built-in ones
	@sh scripts/setup.sh test
	@$(RUN) python scripts/gallery.py

wheels: setup ## build the three wheels into dist/
	@$(UV) build --all-packages --wheel --out-dir dist

versions: lowest ## test the packages on Python 3.12 and 3.13, and on the lowest versions that they allow
	@$(RUN) python scripts/test_versions.py --python 3.12 3.13 --resolution highest

.PHONY: lowest
lowest: setup
	@$(RUN) python scripts/test_versions.py --python 3.11 3.13 --resolution lowest-direct

clean: ## remove what the other targets made here
	@rm -rf .venv .uv .clients dist site logs .pytest_cache .ruff_cache .mypy_cache

.PHONY: release
release: setup ## check and build what a release would publish; changes nothing
	@$(RUN) python scripts/release.py
