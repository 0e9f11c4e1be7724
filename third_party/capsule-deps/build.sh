#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Builds the Rust library once for each set of inputs and keeps it in the user's cache, outside the build folder, so that a fresh
# clone or `make clean` does not cost the minutes again. Prints the folder that holds libcapsule_deps.a and include/ (Wasmtime's
# headers) on standard output; progress goes to standard error.
# With --without-wasmtime Wasmtime is left out, for builds that link an installed one.
#
# Needs cargo and rustc, 1.95 or newer: from PATH, or beside it as Debian names them (cargo-1.xx, /usr/lib/rust-*/bin).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly minimum=95
work= cargo= spent=
features=()
if [ "${1:-}" = --without-wasmtime ]; then
	features=(--no-default-features)
fi
# Settings of the user that would change where the result is or what it is, unseen by the hash.
unset CARGO_BUILD_TARGET RUSTFLAGS CARGO_ENCODED_RUSTFLAGS

say() { printf '%s\n' "$*" >&2; }

# The minor version of a rustc; 0 if it does not run or is not 1.x.
rust_minor() {
	"$1" --version 2>/dev/null | sed -n 's/^rustc 1\.\([0-9]*\)\..*/\1/p' | grep . || echo 0
}

# Puts a cargo that is new enough first into PATH, or sets CARGO and RUSTC to it.
find_rust() {
	local dir bin suffix
	export CARGO=cargo RUSTC=rustc
	if command -v cargo >/dev/null && [ "$(rust_minor rustc)" -ge "$minimum" ]; then
		return 0
	fi
	for dir in /usr/lib/rust-*/bin "$HOME/.cargo/bin"; do
		if [ -x "$dir/cargo" ] && [ "$(rust_minor "$dir/rustc")" -ge "$minimum" ]; then
			export PATH="$dir:$PATH"
			return 0
		fi
	done
	for bin in /usr/bin/cargo-1.*; do
		suffix=${bin##*/cargo-}
		if [ -x "$bin" ] && [ "$(rust_minor "/usr/bin/rustc-$suffix")" -ge "$minimum" ]; then
			export CARGO=$bin RUSTC=/usr/bin/rustc-$suffix
			return 0
		fi
	done
	say "Rust 1.$minimum or newer is needed to build the dependencies; found: $(rustc --version 2>/dev/null || echo none)."
	say 'Install it with "make setup" (Debian, Ubuntu), from your distribution or with rustup.'
	return 1
}

input_hash() {
	cd "$here"
	{
		cat Cargo.toml Cargo.lock src/*.rs
		"$RUSTC" -vV
		echo "${features[@]}"
	} | sha256sum | cut -c1-16
}

elapsed() {
	local seconds=$((SECONDS - $1))
	if [ "$seconds" -ge 60 ]; then
		printf '%dm%02ds' $((seconds / 60)) $((seconds % 60))
	else
		printf '%ds' "$seconds"
	fi
}

# Watches cargo (process $1, its messages in file $2) and says how far it is, in one line kept up to date on a terminal,
# every 30 seconds elsewhere.
show_progress() {
	local total done begin=$SECONDS told=$SECONDS line
	total=$("$CARGO" tree --manifest-path "$here/Cargo.toml" --locked "${features[@]}" --edges normal,build --prefix none --no-dedupe 2>/dev/null |
		sed 's/ (.*//' | sort -u | wc -l) || total=0
	while kill -0 "$1" 2>/dev/null; do
		done=$(grep -c '^ *Compiling ' "$2" || true)
		line="Compiling dependencies: $done/$total crates, $(elapsed "$begin")"
		if [ -t 2 ]; then
			printf '\r%s ' "$line" >&2
		elif [ $((SECONDS - told)) -ge 30 ]; then
			say "$line"
			told=$SECONDS
		fi
		sleep 1
	done
	if [ -t 2 ]; then
		printf '\r\033[K' >&2
	fi
	spent=$(elapsed "$begin")
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
	local log=$1/cargo.log out
	work=$1
	say 'Compiling dependencies (once; two to five minutes on two cores, kept in the cache)'
	CARGO_TARGET_DIR=$work/target "$CARGO" build --release --locked "${features[@]}" \
		--manifest-path "$here/Cargo.toml" >"$log" 2>&1 </dev/null &
	cargo=$!
	show_progress "$cargo" "$log"
	if ! wait "$cargo"; then
		cargo=
		say "Compiling the dependencies failed after $spent; the end of what cargo said:"
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
	say "Dependencies compiled in $spent."
}

main() {
	local cache kept
	find_rust
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
