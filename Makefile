# On a new machine, two commands are enough: make play, make test.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: play setup test lowest check fix bless pictures completions bench scale release fuzz torture

play: .venv/played
	@$(BIN)/forward-pass || test $$? -eq 130 # 130: quitting with Ctrl-C is not an error

setup: .venv/ready

.venv/played: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Setting up .venv (once) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/ready: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Setting up .venv with the development tools (once) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check 'pip>=25.1' # earlier ones know no dependency groups
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch .venv/played $@

# Every check, the fastest first; skipped tests are listed at the end, with the reason.
test: check
	$(BIN)/coverage erase
	$(BIN)/python -m pytest -rs --numprocesses=auto --cov=forward_pass --cov-report=
	$(BIN)/coverage report
	$(BIN)/coverage report --fail-under=100 --include='game/forward_pass/story/*,game/forward_pass/loading/*,game/forward_pass/storage/*' # the core is covered whole
	@$(BIN)/python -c 'import torch' 2>&- || echo 'The training tests were skipped: they need torch (.venv/bin/pip install torch==2.13.0).'

# The tests with the lowest versions that pyproject.toml allows, in an environment of their own.
lowest:
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/pip install --quiet --disable-pip-version-check uv
	.venv-lowest/bin/uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct --editable . --group dev
	.venv-lowest/bin/python -m pytest --numprocesses=auto -W default

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

# Regenerate the golden transcripts and help texts, then review the changes: make bless && git diff tests/golden
bless: .venv/ready
	$(BIN)/python tests/bless.py

# Generate the pictures of the README from golden runs: stills by export, the moving one from a recording of the terminal.
PICTURE_RUN := tests/golden/forward-pass/clerk.txt
EXPORT := $(BIN)/forward-pass export 1 --saves .venv/pictures --force
pictures: .venv/ready
	rm -rf .venv/pictures
	sed -n '1s/^play: //p' $(PICTURE_RUN) | tr -d ' ' | tr '/' '\n' | $(BIN)/forward-pass play --plain --new --saves .venv/pictures > .venv/pictures.txt
	$(EXPORT) --turn 0 -o docs/pictures/waking.svg
	$(EXPORT) --turn 18 -o docs/pictures/decoder.svg
	$(EXPORT) --turn 14 --show lens --colour light -o docs/pictures/lens.svg
	$(BIN)/pip install --quiet --disable-pip-version-check --group pictures
	cd tests && ../$(BIN)/python record.py ../.venv/play.cast
	$(BIN)/termtosvg render .venv/play.cast docs/pictures/play.svg -m 60 -D 2500

# Generate the shell completions from the parser.
completions: .venv/ready
	for shell in bash zsh; do $(BIN)/python -c "import shtab; from forward_pass.cli import build_parser; \
	  print(shtab.complete(build_parser(), shell='$$shell'))" > game/forward_pass/completions/forward-pass.$$shell; done

# Measure speed against other interpreters, which it installs itself (needs node); not a test.
bench: .venv/ready
	$(BIN)/python bench/run.py

# Measure how time and memory grow with the size of worlds and runs; not a test.
scale: .venv/ready
	$(BIN)/python bench/scale.py

# Build wheel and sdist into dist/ and try each in an empty environment, under every Python found; publishes nothing.
release: .venv/ready
	$(BIN)/python bench/release.py

# Fuzz every input that may come from somebody else, guided by coverage if atheris can be installed; SECONDS=300 runs longer.
SECONDS ?= 60
fuzz: .venv/ready
	@$(BIN)/python -c 'import atheris' 2>&- || $(BIN)/pip install --quiet --disable-pip-version-check atheris || true
	$(BIN)/python tests/fuzz.py --seconds $(SECONDS)

# Inject faults into play: a kill at each write, full disks, flipped bits. About five minutes; not a test.
torture: .venv/ready
	PYTHONPATH=tests $(BIN)/python -m torture
