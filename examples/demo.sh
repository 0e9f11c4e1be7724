#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# What this release does, shown on the example capsules. Each command is printed before it runs, and what it says is
# checked: the exit status is not 0 if anything is not as it should be. State goes to a home that is removed at the end.
#
# Usage: demo.sh        with the programs of build/, or of $CAPSULE_BUILD_DIR
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$(cd "${CAPSULE_BUILD_DIR:-build}" 2>/dev/null && pwd)
if [ -z "$build" ] || [ ! -x "$build/capsule" ] || [ ! -x "$build/examples/side_by_side" ]; then
	echo "examples/demo.sh: ${CAPSULE_BUILD_DIR:-build} has no programs yet: \"make demo\" builds them first" >&2
	exit 1
fi
peers=$PWD/build/peers # where tools/setup installs servers of others, with a Node.js that is new enough
examples/build.sh || exit 1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
export ASTRID_HOME=$scratch/home PATH=$build:$build/examples:$PATH
bold='' faint='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$'\e[1m' faint=$'\e[2m' plain=$'\e[0m'
fi
wrong=0

say() {
	printf '\n%s%s%s\n' "$bold" "$1" "$plain"
}

# The words of a command as one would type them.
typed() {
	local word line=
	for word in "$@"; do
		case $word in
		*[!A-Za-z0-9_./=-]* | '') line+=" '$word'" ;;
		*) line+=" $word" ;;
		esac
	done
	printf '%s$%s%s\n' "$faint" "$line" "$plain"
}

# show STATUS TEXT COMMAND...: run it; it must end with STATUS and say TEXT.
show() {
	local expected=$1 text=$2 status
	shift 2
	typed "$@"
	"$@" </dev/null >"$scratch/said" 2>&1
	status=$?
	cat "$scratch/said"
	if [ -n "$(tail -c 1 "$scratch/said")" ]; then
		echo
	fi
	if [ "$status" -ne "$expected" ] || ! grep -qF -- "$text" "$scratch/said"; then
		printf '^ not as it should be: exit status %d instead of %d, or not a word of: %s\n' "$status" "$expected" "$text"
		wrong=1
	fi
}

# The same, with how long it took.
show_timed() {
	local begin=${EPOCHREALTIME/[.,]/}
	show "$@"
	printf '%s(%d ms, the start of the program included)%s\n' "$faint" $(((${EPOCHREALTIME/[.,]/} - begin) / 1000)) "$plain"
}

# The server of the capsule in the folder $1, outside of what wraps it.
server_pid() {
	local folder
	for folder in /proc/[0-9]*; do
		if [[ $(readlink "$folder/exe" 2>/dev/null) == */node ]] && grep -qsF "$1/node_modules" "$folder/cmdline"; then
			echo "${folder#/proc/}"
			return
		fi
	done
}

# show_restart DIR OPTION...: run the capsule in DIR, kill its server when it is ready, go on until it is connected again.
show_restart() {
	local line runner connected=0
	typed capsule run "$@"
	exec 3< <(exec capsule run "$@" 2>&1 </dev/null)
	runner=$!
	while read -r -t 60 line <&3; do
		printf '%s\n' "$line"
		case $line in
		ready*)
			line=$(server_pid "$1")
			typed kill -9 "$line"
			kill -9 "$line"
			;;
		*mcp_server_connected*)
			connected=$((connected + 1))
			if [ "$connected" -eq 2 ]; then
				kill -TERM "$runner"
			fi
			;;
		esac
	done
	exec 3<&-
	wait "$runner" 2>/dev/null
	if [ "$connected" -ne 2 ]; then
		printf '^ not as it should be: the server was connected %d times instead of 2\n' "$connected"
		wrong=1
	fi
}

# A capsule with a server from npm.
show_desk() {
	say 'One capsule with tools of two kinds: two of a guest in WebAssembly, the others of a server from npm, each with its origin.'
	local desk=$scratch/desk lib=node_modules/@modelcontextprotocol/server-filesystem/dist/lib.js
	cp -R examples/mcp/desk "$desk" && cp -R "$peers/node_modules" "$desk/" || exit 1
	show 0 'read_text_file  capsule:desk:files' capsule tools "$desk" --workspace "$scratch/work"
	show 0 'Buy tea.' capsule call "$desk" stamp '{"note":"Buy tea.","reader":"Ada"}' --workspace "$scratch/work"
	show 0 'today.txt' capsule call "$desk" list_directory "{\"path\":\"$scratch/work/notes\"}" --workspace "$scratch/work"

	say 'A program that the guest runs sees what is granted, and no other file; so does the server, as a shell in its sandbox shows.'
	echo 'Nobody may read this.' >"$scratch/work/secret.txt"
	show 0 '2 notes/today.txt' capsule call "$desk" size '{"note":"notes/today.txt"}' --workspace "$scratch/work"
	show 1 'secret.txt: No such file or directory' capsule call "$desk" size '{"note":"secret.txt"}' --workspace "$scratch/work"
	show 1 'secret.txt: No such file or directory' bash -c "echo 'cat $scratch/work/secret.txt' | capsule run '$desk' --sandbox-shell files --workspace '$scratch/work'"

	say 'The manifest may say what its programs are. What is something else is not started.'
	show 0 'tree:' capsule hash "$desk/node_modules"
	grep '^integrity' "$scratch/said" >>"$desk/Capsule.toml"
	show 0 'blake3:' capsule hash "$(command -v node)"
	grep '^hash' "$scratch/said" >>"$desk/Capsule.toml"
	show 0 'today.txt' capsule call "$desk" list_directory "{\"path\":\"$scratch/work/notes\"}" --workspace "$scratch/work"
	echo '// changed' >>"$desk/$lib"
	show 1 '`node_modules` is not what the manifest says' capsule tools "$desk" --workspace "$scratch/work"
	cp "$peers/$lib" "$desk/$lib"
	sed -i 's/^hash = "blake3:......../hash = "blake3:00000000/' "$desk/Capsule.toml"
	show 1 'Binary hash mismatch for node' capsule tools "$desk" --workspace "$scratch/work"
	sed -i '/^hash = /d' "$desk/Capsule.toml"

	say 'A server that is killed is started again two seconds later.'
	show_restart "$desk" --workspace "$scratch/work" --events
}

say 'A tool call. The guest is a WebAssembly module; what it gets and gives is JSON.'
show 0 '{"greeting":"Hello, Ada!"}' capsule call examples/capsules/hello greet '{"name":"Ada"}'

say 'State. Each line is a process of its own; the counter stands in the key-value store of the capsule.'
show 0 '{"count":1}' capsule call examples/capsules/counter count
show 0 '{"count":2}' capsule call examples/capsules/counter count

say 'A guest that never ends. It is stopped when its processor time is used up, and told where it was.'
show 1 'timeout' capsule call examples/capsules/spinner spin --cpu-ms 300

say 'Meanwhile, on the same thread, others get their answers (examples/embed/side_by_side.c):'
show 0 'hello answered' side_by_side examples/capsules 300

say 'A guest that asks for what its manifest does not declare. The refusal says which line would allow it.'
show 1 'net = [' capsule call examples/capsules/spinner fetch

say 'Four capsules that need each other load in the order in which they do; two of them are files without code.'
mkdir -p "$scratch/work/notes"
echo 'Buy tea.' >"$scratch/work/notes/today.txt"
show 0 'after archive: requires tool:read_note' capsule order examples/office
show 0 'How to take a note' capsule skills examples/office/desk

say 'What one of them may do, before it runs; then what it may do and what it may not, with the line of the manifest.'
show 0 'workspace://notes' capsule explain examples/office/archive --workspace "$scratch/work"
show 0 'Buy tea.' capsule call examples/office/archive read_note '{"path":"notes/today.txt"}' --workspace "$scratch/work"
show 1 'Capsule.toml:16' capsule call examples/office/archive read_note '{"path":"secrets/key"}' --workspace "$scratch/work"
show 3 'denied' capsule explain examples/office/archive read workspace://secrets/key --workspace "$scratch/work"

say 'What it writes is kept apart until somebody commits it.'
show 0 'notes/b.txt' capsule call examples/office/clerk write_note '{"name":"b.txt","text":"Hi"}' --workspace "$scratch/work"
show 0 'A  notes/b.txt' capsule fs diff examples/office/clerk --workspace "$scratch/work"
show 0 'committed notes/b.txt' capsule fs commit examples/office/clerk --workspace "$scratch/work"

say 'A folder of them, loaded in order, running until a signal comes, unloaded in reverse.'
show 124 'ready  desk' timeout --signal=INT 2 capsule run examples/office --workspace "$scratch/work"

say 'Events. One capsule rewrites what people write, one guards it, one writes it down, a loop answers.'
show 0 'redact/redact rewrote it' capsule run examples/events --events --publish 'user.v1.prompt={"text":"My card is 4111111111111111"}'
show 0 'You wrote: My card is ****************' capsule run examples/events --publish 'user.v1.prompt={"text":"My card is 4111111111111111"}'
show 1 'policy/judge denied it' capsule run examples/events --publish 'user.v1.prompt={"text":"rm -rf /"}'

say 'The same from a program, with a tool call that the guard stops, and more events than there is room for (examples/embed/events.c):'
show 0 '16 of them had no room' events examples

say 'A server of the Model Context Protocol, in C. It runs in a sandbox: of the disk it sees the system and what is granted.'
show 0 'capsule:words:words' capsule tools examples/mcp/words
show 0 '3 words, 13 bytes' capsule call examples/mcp/words count '{"text":"one two three"}'
show 1 'No such file or directory' capsule call examples/mcp/words look "{\"path\":\"$scratch/work\"}"

if [ -d "$peers/node_modules" ]; then
	show_desk
else
	say 'Not shown: a server from npm. It takes Node.js 18 or newer with npm; "make setup" installs it then.'
fi

say 'A large module, about 800 KB: compiled by a child the first time, its code taken from the cache the second time.'
examples/build.sh bench/guests/large.c "$build/large.wasm" || exit 1
show_timed 0 'hello' capsule exec "$build/large.wasm" astrid_tool_call hello
show_timed 0 'hello' capsule exec "$build/large.wasm" astrid_tool_call hello
show 0 'large.wasm' capsule cache

say 'A capsule of your own, from nothing to its first answer.'
show 0 'made' capsule new "$scratch/mine" --lang c
show 0 'mine.wasm' make -C "$scratch/mine"
show 0 '{"greeting":"Hello, Ada!"}' capsule call "$scratch/mine" hello '{"name":"Ada"}'

if [ "$wrong" -ne 0 ]; then
	say 'Something above is not as it should be.'
	exit 1
fi
say 'All as it should be. Go on with README.md: a tour of two minutes.'
