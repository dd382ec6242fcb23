# make demo     bring up the fleet, send mail through it, break it, report        (root, Linux)
# make test     lint, fast tests, the Pulumi engine, the fleet end to end         (root, Linux)
# make test-fast, make lint                                                       (any user)
# make clean    destroy this checkout's lab and everything its runs have written

SHELL := /bin/sh
.DEFAULT_GOAL := help
# bootstrap links uv into one of these where it was missing
export PATH := $(PATH):/usr/local/bin:$(HOME)/.local/bin
RUN := uv run --frozen --no-sync
# tests start hundreds of Pythons: each would compile all that it imports
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-fast lint clean bootstrap python
help:
	@sed -n 's/^# //p' Makefile

bootstrap:
	@tools/bootstrap

python:
	@tools/bootstrap --python

demo: bootstrap
	$(RUN) mtafleet demo

test: bootstrap lint
	$(RUN) pytest

test-fast: python
	$(RUN) pytest -m "not lab and not engine"

lint: python
	@tools/lint

clean:
	@tools/clean
