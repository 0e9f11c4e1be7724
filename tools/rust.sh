# SPDX-License-Identifier: MIT OR Apache-2.0
#
# For scripts that build something with cargo: sourced by them, does nothing by itself.
# shellcheck shell=bash
readonly rust_minimum=95 # 1.95

# Settings of the user that would change where the result is or what it is.
unset CARGO_BUILD_TARGET RUSTFLAGS CARGO_ENCODED_RUSTFLAGS

say() { printf '%s\n' "$*" >&2; }

# The minor version of a rustc; 0 if it does not run or is not 1.x.
rust_minor() {
	"$1" --version 2>/dev/null | sed -n 's/^rustc 1\.\([0-9]*\)\..*/\1/p' | grep . || echo 0
}

# Puts a cargo that is new enough first into PATH, or sets CARGO and RUSTC to it: from PATH, or beside it as Debian names them
# (cargo-1.xx, /usr/lib/rust-*/bin).
find_rust() {
	local dir bin suffix
	export CARGO=cargo RUSTC=rustc
	if command -v cargo >/dev/null && [ "$(rust_minor rustc)" -ge "$rust_minimum" ]; then
		return 0
	fi
	for dir in /usr/lib/rust-*/bin "$HOME/.cargo/bin"; do
		if [ -x "$dir/cargo" ] && [ "$(rust_minor "$dir/rustc")" -ge "$rust_minimum" ]; then
			export PATH="$dir:$PATH"
			return 0
		fi
	done
	for bin in /usr/bin/cargo-1.*; do
		suffix=${bin##*/cargo-}
		if [ -x "$bin" ] && [ "$(rust_minor "/usr/bin/rustc-$suffix")" -ge "$rust_minimum" ]; then
			export CARGO=$bin RUSTC=/usr/bin/rustc-$suffix
			return 0
		fi
	done
	say "Rust 1.$rust_minimum or newer is needed for $1; found: $(rustc --version 2>/dev/null || echo none)."
	say 'Install it with "make setup" (Debian, Ubuntu), from your distribution or with rustup.'
	return 1
}

elapsed() {
	local seconds=$((SECONDS - $1))
	if [ "$seconds" -ge 60 ]; then
		printf '%dm%02ds' $((seconds / 60)) $((seconds % 60))
	else
		printf '%ds' "$seconds"
	fi
}

# watch_cargo PROCESS MESSAGES TITLE CARGO_OPTION...: says how far that cargo is, which writes its messages to that file and has
# these options, in one line kept up to date on a terminal, every 30 seconds elsewhere. Ends when cargo does.
watch_cargo() {
	local process=$1 messages=$2 title=$3 total done begin=$SECONDS told=$SECONDS line
	shift 3
	total=$("$CARGO" tree --locked "$@" --edges normal,build --prefix none --no-dedupe 2>/dev/null |
		sed 's/ (.*//' | sort -u | wc -l) || total=0
	while kill -0 "$process" 2>/dev/null; do
		done=$(grep -c '^ *Compiling ' "$messages" || true)
		line="$title: $done/$total crates, $(elapsed "$begin")"
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
}
