# SPDX-License-Identifier: MIT OR Apache-2.0
#
# What a Makefile of a capsule in C includes, with GNU make. It finds the compiler and gives the rule of the module:
#
#   CAPSULE_SDK ?= $(shell capsule sdk c)
#   include $(CAPSULE_SDK)/capsule.mk
#   hello.wasm: hello.c more.c
#
# CAPSULE_CC       clang, or the newest clang-N; its linker wasm-ld is found in the same way
# CAPSULE_CFLAGS   what the compiler is called with; your own CFLAGS come behind it
# CAPSULE_WASI     set it to 1 to link wasi-libc (Debian: wasi-libc, libclang-rt-dev-wasm32)
# CAPSULE_PORTABLE set it to 1 for modules that run on other hosts of the Extism ABI too
CAPSULE_SDK_FOLDER := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))

# Debian and Ubuntu may have a program under names with a version only: the newest that is there.
capsule_find = $(shell PATH="$$PATH" bash -c 'for name in $1 $$(compgen -c "$1-" | grep -E "^$1-[0-9]+$$" | sort -t- -k2 -rV); \
	do command -v "$$name" && break; done')

define CAPSULE_NO_COMPILER
capsules in C are compiled with clang and linked with wasm-ld; one of them is missing.
  Debian, Ubuntu:  apt-get install clang lld
  Fedora:          dnf install clang lld
  Arch:            pacman -S clang lld
If they have other names, say which: make CAPSULE_CC=clang-15 CAPSULE_LD=/usr/bin/wasm-ld-15
endef

CAPSULE_CC ?= $(call capsule_find,clang)
CAPSULE_CC := $(CAPSULE_CC)
CAPSULE_LD ?= $(call capsule_find,wasm-ld)
CAPSULE_LD := $(CAPSULE_LD)

# The stack comes first, so that a guest that overflows it traps instead of writing over its data. Names are kept: they
# are what the host tells when a guest traps.
CAPSULE_CFLAGS := -O2 -std=gnu17 \
	-mbulk-memory -mmutable-globals -msign-ext -mnontrapping-fptoint \
	-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes \
	-I $(CAPSULE_SDK_FOLDER)/include \
	-Wl,--stack-first -Wl,-z,stack-size=65536 \
	$(if $(CAPSULE_WASI),--target=wasm32-wasi -mexec-model=reactor,--target=wasm32 -ffreestanding -nostdlib -Wl,--no-entry) \
	$(if $(CAPSULE_PORTABLE),-DCAPSULE_PORTABLE)
CAPSULE_HEADERS := $(wildcard $(CAPSULE_SDK_FOLDER)/include/*.h $(CAPSULE_SDK_FOLDER)/include/capsule_guest/*.h)

# Linked under another name first, so that nobody loads half of a module.
%.wasm: $(CAPSULE_HEADERS) $(CAPSULE_SDK_FOLDER)/capsule.mk
	$(if $(and $(CAPSULE_CC),$(CAPSULE_LD)),,$(error $(CAPSULE_NO_COMPILER)))
	$(CAPSULE_CC) $(CAPSULE_CFLAGS) $(CFLAGS) -fuse-ld=$(CAPSULE_LD) -o $@.part $(filter %.c,$^)
	mv $@.part $@
