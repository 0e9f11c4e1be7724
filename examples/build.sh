#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Compiles guests from C to WebAssembly, as sdk/c/capsule.mk does for projects of their own. What is up to date is left alone, and a module is replaced in one step, so that
# nobody loads half of one.
#
# Usage: build.sh                      all capsules of examples/capsules, events, mcp and office, each into its folder,
#                                      and the programs that belong to some of them
#        build.sh SOURCE.c OUT.wasm    one guest, wherever it is
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
sdk=$(cd "$here/../sdk/c" && pwd)
readonly here sdk

# The stack comes first, so that a guest that overflows it traps instead of writing over its data. Names are kept: they
# are what the host tells when a guest traps.
readonly flags=(
	--target=wasm32 -O2 -std=gnu17 -ffreestanding -nostdlib
	-mbulk-memory -mmutable-globals -msign-ext -mnontrapping-fptoint
	-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Werror
	-I "$sdk/include"
	-Wl,--no-entry -Wl,--stack-first -Wl,-z,stack-size=65536
)

# Debian and Ubuntu may have these under names with a version only.
find_program() {
	local name
	for name in "$1" $(compgen -c "$1-" | grep -E "^$1-[0-9]+$" | sort -t- -k2 -rV); do
		if command -v "$name"; then
			return 0
		fi
	done
	return 1
}

require_compiler() {
	if ! clang=${CLANG:-$(find_program clang)} || ! linker=$(find_program wasm-ld); then
		cat >&2 <<-'END'
			examples/build.sh: guests are compiled with clang and linked with wasm-ld; one of them is missing.
			  Debian, Ubuntu:  apt-get install clang lld        ("make setup" does it)
			  Fedora:          dnf install clang lld
			  Arch:            pacman -S clang lld
			If clang has another name, say which: CLANG=clang-15 examples/build.sh
		END
		exit 1
	fi
	if ! "$clang" --print-targets 2>/dev/null | grep -q wasm32; then
		echo "examples/build.sh: $clang was built without the target wasm32; take the distribution's clang" >&2
		exit 1
	fi
}

# Whether OUT is there and newer than everything it is made from.
fresh() {
	local out=$1 input
	shift
	[ -f "$out" ] || return 1
	for input in "$@" "$sdk"/include/*.h "$sdk"/include/*/*.h "$here/build.sh"; do
		if [ "$input" -nt "$out" ]; then
			return 1
		fi
	done
}

# compile OUT SOURCE...
compile() {
	local out=$1 half
	shift
	if fresh "$out" "$@"; then
		return 0
	fi
	require_compiler
	half=$(mktemp "${out%.wasm}.XXXXXX.wasm")
	if ! "$clang" "${flags[@]}" -fuse-ld="$linker" -o "$half" "$@"; then
		rm -f "$half"
		echo "examples/build.sh: $* could not be compiled" >&2
		exit 1
	fi
	chmod 644 "$half"
	mv "$half" "$out"
}

# A program for this machine: the server that a capsule brings along.
compile_program() {
	local out=$1 half
	shift
	if fresh "$out" "$@"; then
		return 0
	fi
	half=$(mktemp "$out.XXXXXX")
	if ! "${CC:-cc}" -O2 -std=gnu17 -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Werror \
		-I "$sdk/include" -o "$half" "$@"; then
		rm -f "$half"
		echo "examples/build.sh: $* could not be compiled" >&2
		exit 1
	fi
	chmod 755 "$half"
	mv "$half" "$out"
}

case $# in
0)
	for source in "$here"/mcp/*/server.c; do
		compile_program "${source%.c}" "$source"
	done
	for folder in "$here"/capsules/*/ "$here"/events/*/ "$here"/mcp/*/ "$here"/office/*/; do
		folder=${folder%/}
		[ -f "$folder/${folder##*/}.c" ] || continue # a capsule without a guest
		compile "$folder/${folder##*/}.wasm" "$folder/${folder##*/}.c"
	done
	;;
2) compile "$2" "$1" ;;
*)
	echo 'usage: examples/build.sh [SOURCE.c OUT.wasm]' >&2
	exit 2
	;;
esac
