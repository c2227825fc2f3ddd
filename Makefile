# make repro   the whole pipeline: data, models, music, metrics, report
# make test    the test suite
# make lint    style
# make bench   speed and memory of the stages and of the generator on this machine
# make pictures   the pictures of docs/architecture.md, from dvc.yaml and the imports
# make overview   the README's picture, from the outputs of `make repro`

PYTHON ?= python3.11
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: repro test lint bench pictures overview venv

repro: venv
	python -m pace check
	dvc repro

test: venv
	python -m pytest

lint: venv
	ruff check . && ruff format --check .

bench: venv
	python -m benchmarks

pictures: venv
	python -m pace.pictures.architecture

overview: venv
	python -m pace.pictures.overview

venv: $(VENV)/.installed

$(VENV)/.installed: $(wildcard requirements*.txt)
	$(PYTHON) -m venv $(VENV)
	pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-test.txt
	pip install --quiet --disable-pip-version-check --no-deps -r requirements-mediapipe.txt -r requirements-rtmpose.txt
	touch $@
