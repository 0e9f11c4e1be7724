#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Compiles guests from C to WebAssembly, as sdk/c/capsule.mk does for projects of their own. What is up to date is left alone, and a module is replaced in one step, so that
# nobody loads half of one.
#
# Usage: build.sh                      all capsules of examples/capsules, events and office, each into its folder
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

case $# in
0)
	for folder in "$here"/capsules/*/ "$here"/events/*/ "$here"/office/*/; do
		folder=${folder%/}
		compgen -G "$folder/*.c" >/dev/null || continue # a capsule without code
		compile "$folder/${folder##*/}.wasm" "$folder"/*.c
	done
	;;
2) compile "$2" "$1" ;;
*)
	echo 'usage: examples/build.sh [SOURCE.c OUT.wasm]' >&2
	exit 2
	;;
esac
