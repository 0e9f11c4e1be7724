#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Builds the Rust library once for each set of inputs and keeps it in the user's cache, outside the build folder, so that a fresh
# clone or `make clean` does not cost the minutes again. Prints the folder that holds libcapsule_deps.a and include/ (Wasmtime's
# headers) on standard output; progress goes to standard error.
# With --without-wasmtime Wasmtime is left out, for builds that link an installed one.
#
# Needs cargo and rustc, 1.95 or newer: tools/rust.sh finds them.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../../tools/rust.sh"
work= cargo=
features=()
if [ "${1:-}" = --without-wasmtime ]; then
	features=(--no-default-features)
fi

input_hash() {
	cd "$here"
	{
		cat Cargo.toml Cargo.lock src/*.rs
		"$RUSTC" -vV
		echo "${features[@]}"
	} | sha256sum | cut -c1-16
}

clean_up() {
	if [ -n "$cargo" ]; then
		kill "$cargo" 2>/dev/null || true
	fi
	rm -rf "$work"
}

# Builds into folder $1, next to where it will be kept.
build_into() {
	trap clean_up EXIT
	local log=$1/cargo.log out begin=$SECONDS
	work=$1
	say 'Compiling dependencies (once; two to five minutes on two cores, kept in the cache)'
	CARGO_TARGET_DIR=$work/target "$CARGO" build --release --locked "${features[@]}" \
		--manifest-path "$here/Cargo.toml" >"$log" 2>&1 </dev/null &
	cargo=$!
	watch_cargo "$cargo" "$log" 'Compiling dependencies' --manifest-path "$here/Cargo.toml" "${features[@]}"
	if ! wait "$cargo"; then
		cargo=
		say "Compiling the dependencies failed after $(elapsed "$begin"); the end of what cargo said:"
		tail -n 40 "$log" >&2
		return 1
	fi
	cargo=
	mkdir "$work/result"
	mv "$work/target/release/libcapsule_deps.a" "$work/result/"
	mkdir "$work/result/include"
	for out in "$work"/target/release/build/wasmtime-c-api-impl-*/out/include; do
		if [ -d "$out" ]; then
			(cd "$out" && find . -name '*.h' -exec cp --parents -t "$work/result/include" {} +)
		fi
	done
	say "Dependencies compiled in $(elapsed "$begin")."
}

main() {
	local cache kept
	find_rust 'the dependencies'
	cache=${XDG_CACHE_HOME:-$HOME/.cache}/capsule-build
	kept=$cache/$(input_hash)
	mkdir -p "$cache"
	if [ ! -e "$kept/libcapsule_deps.a" ]; then
		exec 9>"$kept.lock"
		if ! flock --nonblock 9; then
			say 'Another build compiles the dependencies; waiting for it.'
			flock 9
		fi
		if [ ! -e "$kept/libcapsule_deps.a" ]; then
			rm -rf "$kept.work" "$kept"
			mkdir "$kept.work"
			build_into "$kept.work"
			mv "$work/result" "$kept"
		fi
	fi
	printf '%s\n' "$kept"
}

main
