# SPDX-License-Identifier: MIT OR Apache-2.0
"""capsule completion: each script is loaded by its own shell, which is then asked what it would offer."""

import os
import pathlib
import pty
import re
import subprocess

import pytest

from conftest import COMMANDS, TIMEOUT_S, need

SHELLS = ["bash", "zsh", "fish"]
LEVELS = {"trace", "debug", "info", "warn", "error", "off"}
FOLDERS = {"one", "two"}
FILES = FOLDERS | {"module.wasm"}

# What stands on the line up to the cursor, and what is offered there.
CASES = [
    (["c"], {command for command in COMMANDS if command.startswith("c")}),
    (["cache", ""], {"list", "clear", "verify"}),
    (["cache", "--json", "v"], {"verify"}),
    (["completion", ""], set(SHELLS)),
    (["help", "in"], {"inspect"}),
    (["call", ""], FOLDERS),
    (["call", "--json", "o"], {"one"}),
    (["call", "--repeat", "3", "o"], {"one"}),
    (["call", "one", ""], set()),
    (["call", "one", "tool", ""], set()),
    (["inspect", ""], FILES),
    (["check", "one", "module.wasm", "t"], {"two"}),
    (["exec", "m"], {"module.wasm"}),
    (["exec", "--", "m"], {"module.wasm"}),
    (["call", "one", "tool", "--log", ""], LEVELS),
    (["tools", "--log=w"], {"warn"}),
    (["tools", "--color", "a"], {"auto", "always"}),
    (["tools", "--home", ""], FOLDERS),
    (["tools", "--memory"], {"--memory-store"}),
    (["cache", "--re"], {"--remove"}),
    (["cache", "verify", "--re"], {"--remove"}),
    (["call", "--re"], {"--repeat"}),
    (["exec", "--re"], set()),
    (["help", "call", "--re"], set()),
    (["sdk", ""], {"c", "zig"}),
    (["new", "hello", "--lang", ""], {"c", "zig"}),
    (["new", "hello", "--dir", "t"], {"two"}),
    (["nonsense", "--"], set()),
]

ZSHRC = """
PROMPT=
fpath=($ZDOTDIR $fpath)
autoload -U compinit
compinit -u -D
compadd() { # also write down what is offered; calls that only fill arrays offer nothing
	local -a offered
	if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\\ * ]]; then
		builtin compadd -A offered "$@"
		print -rl -- $offered >>$ZDOTDIR/offered
	fi
	builtin compadd "$@"
}
complete-and-end() {
	BUFFER=$LINE_TO_COMPLETE
	CURSOR=$#BUFFER
	zle list-choices
	exit
}
zle -N zle-line-init complete-and-end
"""

BASH = """
source "$SCRIPT"
complete -p capsule >/dev/null || exit 1
COMP_WORDS=(capsule "$@")
COMP_CWORD=$#
_capsule capsule "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def split_as_bash_does(words):
    """Words as COMP_WORDS has them: an equals sign is one of its own."""
    return [part for word in words for part in (re.split("(=)", word) if "=" in word else [word])]


def run_shell(command, environment, folder):
    made = subprocess.run(
        command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT_S, check=False
    )
    assert made.stderr == ""
    return made.stdout.splitlines()


def ask_bash(script, words, environment, folder):
    environment = dict(environment, SCRIPT=str(script))
    return run_shell([need("bash"), "--norc", "-c", BASH, "bash", *split_as_bash_does(words)], environment, folder)


def ask_fish(script, words, environment, folder):
    line = "capsule " + " ".join(words)
    offered = run_shell([need("fish"), "--no-config", "-c", 'source $argv[1]; complete -C "$argv[2]"', str(script), line], environment, folder)
    return [text.split("\t")[0] for text in offered]


def ask_zsh(script, words, environment, folder):
    zsh, dots = need("zsh"), script.parent
    script.rename(dots / "_capsule")
    (dots / ".zshrc").write_text(ZSHRC)
    (dots / "offered").write_text("")
    environment = dict(environment, ZDOTDIR=str(dots), LINE_TO_COMPLETE="capsule " + " ".join(words))
    ours, theirs = pty.openpty()
    process = subprocess.Popen([zsh, "-i"], env=environment, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    try:
        while os.read(ours, 65536):
            pass
    except OSError:  # it has ended
        pass
    finally:
        os.close(ours)
    process.wait(timeout=TIMEOUT_S)
    return (dots / "offered").read_text().split("\n")


ASK = {"bash": ask_bash, "zsh": ask_zsh, "fish": ask_fish}


@pytest.fixture
def offered(run, tmp_path, capsule_bin, environment):
    """What a shell offers at the end of "capsule WORDS", in a folder with two folders and a file; two SDKs are installed."""

    def ask(shell, words):
        for name in ("scripts", "here/one", "here/two", "share/sdk/c", "share/sdk/zig"):
            (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "here" / "module.wasm").touch()
        script = tmp_path / "scripts" / shell
        script.write_text(run("completion", shell).stdout)
        path = "%s:%s" % (pathlib.Path(capsule_bin).parent, environment["PATH"])
        private = dict(environment, PATH=path, CAPSULE_SHARE_DIR=str(tmp_path / "share"), XDG_CONFIG_HOME=str(tmp_path / "none"))
        found = ASK[shell](script, words, private, tmp_path / "here")
        # Shells write a folder with or without its slash, fish an option's value with the option before it.
        return {text.rstrip("/").split("=")[-1] for text in found if text != ""}

    return ask


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("words, expected", CASES, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_what_is_offered(offered, shell, words, expected):
    assert offered(shell, words) == expected


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_is_offered(offered, shell):
    assert offered(shell, [""]) - {"--help", "--version", "-h", "-V"} == set(COMMANDS)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_option_of_a_command_is_offered(offered, run, shell):
    for command in sorted(COMMANDS):
        expected = set(re.findall(r"^  (--[a-z0-9-]+)", run("help", command).stdout, re.MULTILINE))
        assert offered(shell, [command, "--"]) - {"-h"} == expected


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_finds_no_mistake_in_its_script(run, shell, tmp_path):
    script = tmp_path / "script"
    script.write_text(run("completion", shell).stdout)
    assert run_shell([need(shell), "-n", str(script)], dict(os.environ, HOME=str(tmp_path)), tmp_path) == []


def test_an_unknown_shell_is_refused(run):
    result = run("completion", "fissh")
    assert (result.status, result.stdout) == (2, "")
    assert "'fissh' is not one of bash|zsh|fish; did you mean 'fish'?" in result.stderr
