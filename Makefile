# make repro        the whole pipeline: data, models, music, metrics, report
# make baseline     commit this machine's own results, to compare with
# make test         the test suite but for its longest tests, in two processes
# make test-quick   what takes a second or less of each part: for work in between
# make test-all     everything
# make lint         style and types
# make deps         write the stages' code dependencies into the dvc.yaml files
# make pictures     draw the pictures of docs/architecture.md, from the dvc.yaml files and the imports
# make overview     draw the picture of the README, from the outputs of `make repro`
# make coverage     which lines of pace/ and stages/ the whole suite runs
# make bench        speed and memory of the stages and of the generator on this machine
# make bench-gpu    speed and memory of the generator's training on this GPU, in 6 minutes: needs PyTorch and NumPy alone,
#                   installs nothing; PYTHON=... names the interpreter that has them, ARGS=--small is for tests

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3.11)
VENV := .venv
PYTEST := python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# DVC asks for the user's name, and a container's bare user id has none.
ifeq ($(shell id -un 2>/dev/null | grep -v '^[0-9]'),)
export LOGNAME ?= uid-$(shell id -u)
export HOME ?= /
endif

.PHONY: repro baseline test test-quick test-all lint deps pictures overview coverage bench bench-gpu venv preflight

repro: venv
	python -m pace check
	dvc repro
	python -m pace baseline --check

baseline: venv
	python -m pace baseline

test: venv
	$(PYTEST) -m "not slow"

test-quick: venv
	$(PYTEST) -m "not slow and not long"

test-all: venv
	$(PYTEST)

lint: venv
	ruff check .
	ruff format --check .
	mypy

deps: venv
	python -m pace.setup.code_deps

coverage: venv
	coverage erase
	coverage run -m pytest
	coverage combine --quiet
	coverage report --skip-covered

bench: venv
	python -m benchmarks

bench-gpu:
	"$(PYTHON)" -m benchmarks.gpu $(ARGS)

pictures: venv
	python -m pace.pictures.architecture

overview: venv
	python -m pace.pictures.overview

venv: $(VENV)/.installed preflight

# Says in one line each what would fail later, and how to mend it.
preflight:
	@"$(PYTHON)" -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null || { \
		echo "make: no Python 3.11: $(PYTHON) is missing or older. Install it, or name it:" \
		"make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -m pace.setup.preflight

$(VENV)/.installed: $(wildcard requirements*.txt) | preflight
	"$(PYTHON)" -m venv $(VENV)
	pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-test.txt
	pip install --quiet --disable-pip-version-check --no-deps \
		-r requirements-mediapipe.txt -r requirements-music.txt -r requirements-rtmpose.txt
	touch $@
