# Two commands are all that a fresh machine needs: make play, make test.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: play setup test check fix bless pictures completions bench scale release fuzz torture

play: .venv/played
	@$(BIN)/forward-pass || test $$? -eq 130 # Ctrl-C is a way to leave, no error of make's

setup: .venv/ready

.venv/played: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Setting up .venv (once) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/ready: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Setting up .venv with what the checks need (once) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch .venv/played $@

# Every check, in the order of how fast it fails; what was skipped is named at the end, with the reason.
test: check
	$(BIN)/coverage erase
	$(BIN)/python -m pytest -rs --numprocesses=auto --cov=forward_pass --cov-report=
	$(BIN)/coverage report --fail-under=95
	$(BIN)/coverage report --fail-under=100 --include='game/forward_pass/story/expressions.py,game/forward_pass/story/compile.py,game/forward_pass/story/engine.py,game/forward_pass/story/history.py,game/forward_pass/storage/journal.py,game/forward_pass/storage/files.py,game/forward_pass/storage/listing.py,game/forward_pass/storage/store.py'
	@$(BIN)/python -c 'import torch' 2>&- || echo 'The tests of training were skipped: they need torch (.venv/bin/pip install torch==2.13.0).'

check: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/codespell game worlds tests README.md CONTRIBUTING.md CHANGELOG.md docs
	$(BIN)/forward-pass check

fix: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Write the golden transcripts again, after looking at what changed: make bless && git diff tests/golden
bless: .venv/ready
	$(BIN)/python tests/bless.py

# The pictures of the README, taken by the program itself from a golden run.
PICTURED := tests/golden/forward-pass/clerk.txt
PICTURE := $(BIN)/forward-pass export 1 --saves .venv/pictured --format svg
pictures: .venv/ready
	rm -rf .venv/pictured
	sed -n '1s/^play: //p' $(PICTURED) | tr -d ' ' | tr '/' '\n' | $(BIN)/forward-pass play --plain --new --saves .venv/pictured > .venv/pictured.txt
	$(PICTURE) --turn 0 -o docs/pictures/waking.svg
	$(PICTURE) --turn 27 -o docs/pictures/decoder.svg
	$(PICTURE) --turn 24 --show lens --colour light -o docs/pictures/lens.svg

# What shells read to complete commands, made again from the parser.
completions: .venv/ready
	for shell in bash zsh; do $(BIN)/python -c "import shtab; from forward_pass.cli import parser; \
	  print(shtab.complete(parser(), shell='$$shell'))" > game/forward_pass/completions/forward-pass.$$shell; done

# Measure against peers that it installs itself (node is needed); no test.
bench: .venv/ready
	$(BIN)/python bench/run.py

# How time and memory grow with worlds and runs; no test.
scale: .venv/ready
	$(BIN)/python bench/scale.py

# Wheel and sdist into dist/, each tried in an empty environment under every Python that is here; publishes nothing.
release: .venv/ready
	$(BIN)/python bench/release.py

# Fuzz whatever takes a stranger's bytes, guided by coverage where atheris can be had; make fuzz SECONDS=300 for longer.
SECONDS ?= 60
fuzz: .venv/ready
	@$(BIN)/python -c 'import atheris' 2>&- || $(BIN)/pip install --quiet --disable-pip-version-check atheris || true
	$(BIN)/python tests/fuzz.py --seconds $(SECONDS)

# Everything that can go wrong under a play, tried out: killed at each write, full disks, flipped bits. About five minutes; no test.
torture: .venv/ready
	PYTHONPATH=tests $(BIN)/python -m torture
