#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Builds the peer of the benches, in the user's cache like the product's Rust library, one folder for each set of dependencies:
# a change of the program alone takes seconds. Prints the path of the program on standard output; progress goes to standard error.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here options=(--manifest-path "$here/Cargo.toml")
. "$here/../../tools/rust.sh"
cargo=

dependencies_hash() {
	{
		cat "$here/Cargo.toml" "$here/Cargo.lock"
		"$RUSTC" -vV
	} | sha256sum | cut -c1-16
}

clean_up() {
	if [ -n "$cargo" ]; then
		kill "$cargo" 2>/dev/null || true
	fi
}

main() {
	local folder begin=$SECONDS
	find_rust 'the peer of the benches'
	folder=${XDG_CACHE_HOME:-$HOME/.cache}/capsule-build/peer-$(dependencies_hash)
	mkdir -p "$folder"
	if [ ! -e "$folder/release/capsule-bench-peer" ]; then
		say 'Compiling the peer of the benches (once; 400 crates, a quarter of an hour on two cores, kept in the cache)'
	fi
	trap clean_up EXIT
	CARGO_TARGET_DIR=$folder "$CARGO" build --release --locked "${options[@]}" >"$folder/cargo.log" 2>&1 </dev/null &
	cargo=$!
	watch_cargo "$cargo" "$folder/cargo.log" 'Compiling the peer' "${options[@]}"
	if ! wait "$cargo"; then
		cargo=
		say "Compiling the peer failed after $(elapsed "$begin"); the end of what cargo said:"
		tail -n 40 "$folder/cargo.log" >&2
		return 1
	fi
	cargo=
	printf '%s\n' "$folder/release/capsule-bench-peer"
}

main
