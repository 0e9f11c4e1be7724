# SPDX-License-Identifier: MIT OR Apache-2.0
#
# The commands of this project. Meson does the building; this file only says what is run with which options.
#
#   make          build into build/            make asan      address and undefined-behaviour sanitizer, all tests
#   make setup    install what is missing      make tsan      thread sanitizer, all tests
#   make demo     set up, build, show it       make clang     all tests, built with clang
#   make test     set up, build, all tests     make fuzz      each fuzz target for FUZZ_SECONDS
#   make lint     everything that reads code   make bench     the measurements, into build/bench.json
#   make format   rewrite the code's layout    make install   into PREFIX, below DESTDIR; make uninstall takes it away
#   make clean    remove everything that was built
#   make bench-peer   the measurements beside the published reference crate
SHELL := /bin/bash
.DEFAULT_GOAL := build
FUZZ_SECONDS ?= 30
PREFIX ?= /usr/local
# Warnings stop the build where nobody would read them.
WERROR := $(if $(filter true,$(CI)),true,false)
ASAN := -Db_sanitize=address,undefined -Db_lundef=false
TSAN := -Db_sanitize=thread -Db_lundef=false

.PHONY: build setup demo test lint format asan tsan clang fuzz bench bench-peer install uninstall clean

build:
	@tools/configure build -Dwerror=$(WERROR)
	@ninja -C build
	@examples/build.sh

setup:
	@tools/setup

demo: setup
	@$(MAKE) --no-print-directory build
	@examples/demo.sh

test: setup
	@$(MAKE) --no-print-directory build
	@tools/run-tests build

lint: build
	@tools/lint

format:
	@tools/lint --format

asan: setup
	@tools/configure build-asan -Dwerror=$(WERROR) $(ASAN)
	@ninja -C build-asan
	@tools/run-tests build-asan

tsan: setup
	@tools/configure build-tsan -Dwerror=$(WERROR) $(TSAN)
	@ninja -C build-tsan
	@tools/run-tests build-tsan

clang: setup
	@CC=clang CXX=clang++ tools/configure build-clang -Dwerror=$(WERROR)
	@ninja -C build-clang
	@tools/run-tests build-clang

fuzz: setup
	@CC=clang CXX=clang++ tools/configure build-fuzz -Dfuzz=true $(ASAN)
	@ninja -C build-fuzz
	@tools/run-fuzz build-fuzz $(FUZZ_SECONDS)

bench: setup
	@$(MAKE) --no-print-directory build
	@ninja -C build benches
	@bench/run build

bench-peer: setup
	@$(MAKE) --no-print-directory build
	@ninja -C build benches
	@bench/run --peer build

install:
	@tools/configure build -Dwerror=$(WERROR) -Dprefix=$(abspath $(PREFIX))
	@ninja -C build
	@DESTDIR=$(if $(DESTDIR),$(abspath $(DESTDIR))) meson install -C build --no-rebuild --quiet

uninstall:
	@ninja -C build uninstall

clean:
	rm -rf build build-*
