# SPDX-License-Identifier: MIT OR Apache-2.0
"""Help, usage mistakes, the standard streams: what holds for every command."""

import json
import os
import pathlib
import re
import signal

import pytest

from conftest import COMMANDS

HELP = pathlib.Path(__file__).parent / "cli" / "help"


def check_golden(name, text):
    """Compare with tests/cli/help/<name>.txt; GOLDEN_UPDATE=1 rewrites the file instead."""
    path = HELP / (name + ".txt")
    if os.environ.get("GOLDEN_UPDATE") == "1":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), "GOLDEN_UPDATE=1 pytest tests/test_cli_usage.py rewrites %s" % path


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_is_the_golden_text(run, command):
    result = run("help", command)
    assert (result.status, result.stderr) == (0, "")
    check_golden(command, result.stdout)


def test_help_is_the_golden_text_and_names_every_command(run):
    result = run("help")
    assert (result.status, result.stderr) == (0, "")
    check_golden("overview", result.stdout)
    assert re.findall(r"^  (\w+)  ", result.stdout, re.MULTILINE) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_option_prints_the_same_and_runs_nothing(run, command, option):
    result = run(command, "no-such-folder", option)
    assert (result.status, result.stderr) == (0, "")
    assert result.stdout == run("help", command).stdout


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_option_without_a_command_prints_the_overview(run, option):
    assert run(option).stdout == run("help").stdout


def test_lines_of_help_fit_into_eighty_columns(run):
    for arguments in [["help"], *(["help", command] for command in COMMANDS)]:
        for line in run(*arguments).stdout.splitlines():
            assert len(line) <= 80, line


def test_no_command_prints_the_overview_as_an_error(run):
    result = run()
    assert (result.status, result.stdout) == (2, "")
    assert result.stderr == run("help").stdout


def test_version_is_printed_by_command_and_option(run):
    text = run("version").stdout
    assert re.match(r"capsule \d+\.\d+\.\d+\n.+\n\Z", text)
    assert run("--version").stdout == text
    assert run("-V").stdout == text


def test_version_as_json(run):
    answer = json.loads(run("version", "--json").stdout)
    assert re.fullmatch(r"\d+\.\d+\.\d+", answer["version"])
    assert answer["build"]


MISTAKES = [
    (["cal"], ["no command 'cal'", "did you mean 'call'?", "capsule help"]),
    (["zzzzzzzz"], ["no command 'zzzzzzzz'", "capsule help"]),
    (["help", "tool"], ["no command 'tool'", "did you mean 'tools'?"]),
    (["--json", "tools"], ["'--json' before the command"]),
    (["call"], ["too few arguments", "capsule call DIR TOOL [ARGUMENTS|-]", "capsule help call"]),
    (["call", "dir", "tool", "{}", "more"], ["too many arguments"]),
    (["version", "more"], ["too many arguments"]),
    (["call", "dir", "tool", "--repaet", "3"], ["no option '--repaet'", "did you mean '--repeat'?", "capsule help call"]),
    (["tools", "dir", "--repeat", "3"], ["'tools' has no option '--repeat'"]),
    (["tools", "dir", "-x"], ["no option '-x'", "put --"]),
    (["call", "dir", "tool", "--repeat"], ["--repeat needs a value"]),
    (["call", "dir", "tool", "--repeat", "0"], ["'0' is not a whole number from 1 to 10,000,000"]),
    (["call", "dir", "tool", "--repeat=10000001"], ["'10000001' is not a whole number"]),
    (["call", "dir", "tool", "--repeat=1e3"], ["'1e3' is not a whole number"]),
    (["call", "dir", "tool", "--repeat= 1"], ["' 1' is not a whole number"]),
    (["call", "dir", "tool", "--repeat=-1"], ["'-1' is not a whole number"]),
    (["call", "dir", "tool", "--cpu-ms=99999999999999999999"], ["is not a whole number"]),
    (["call", "dir", "tool", "--json=yes"], ["--json takes no value"]),
    (["call", "dir", "tool", "--log", "wran"], ["'wran' is not one of", "did you mean 'warn'?"]),
    (["version", "--color", "purple"], ["'purple' is not one of auto|always|never"]),
    (["exec", "file", "export", "--config", "novalue"], ["'novalue' is not of the form KEY=VALUE"]),
    (["call", "dir", "tool", "--compile-mib", "63"], ["'63' is not a whole number from 64 to 1,048,576"]),
    (["cache", "clean"], ["'clean' is not one of list|clear|verify", "did you mean 'clear'?", "capsule help cache"]),
    (["cache", "clear", "--remove"], ["--remove goes with 'verify'"]),
    (["call", "dir", "tool", "--overlay", "./notes=off"], ["--overlay: './notes' is no id of a capsule", "a-z, 0-9 and '-'"]),
    (["run", "dir", "--overlay", "Notes=auto"], ["--overlay: 'Notes' is no id of a capsule"]),
    (["exec", "file", "export", "--config", "=value"], ["'=value' is not of the form KEY=VALUE"]),
]


@pytest.mark.parametrize("arguments, tokens", MISTAKES, ids=lambda value: " ".join(value) if isinstance(value, list) else None)
def test_wrong_usage_exits_with_2_and_says_how_it_is_right(run, arguments, tokens):
    result = run(*arguments)
    assert (result.status, result.stdout) == (2, "")
    assert result.stderr.startswith("capsule: ")
    for token in tokens:
        assert token in result.stderr


def test_a_very_long_argument_is_cut_in_its_middle(run):
    result = run("call", "dir", "tool", "--log", "x" * 5000)
    assert result.status == 2
    assert len(result.stderr) < 1000
    assert "[...]" in result.stderr and "is not one of" in result.stderr


def test_control_characters_of_arguments_do_not_reach_the_terminal(run):
    result = run("\x1b[31mcall\x07\u202e")
    assert result.status == 2
    assert result.stderr.count("\ufffd") == 3


def test_operands_may_follow_two_dashes(run):
    result = run("check", "--", "--no-such-folder")
    assert result.status == 1
    assert "--no-such-folder" in result.stderr


def test_a_full_disk_is_told(run):
    with open("/dev/full", "wb") as full:
        result = run("help", stdout=full)
    assert result.status == 1
    assert result.stderr == "capsule: cannot write to standard output: No space left on device\n"


def test_a_reader_that_went_away_ends_the_program_quietly(start):
    reader, writer = os.pipe()
    os.close(reader)
    process = start("help", stdout=writer)
    os.close(writer)
    _, error = process.communicate()
    assert (process.returncode, error) == (141, b"")


def test_a_closed_standard_output_is_told(run):
    result = run("help", stdout=None, preexec_fn=lambda: os.close(1))
    assert result.status == 1
    assert "cannot write to standard output" in result.stderr


def test_colours_are_for_terminals(run, terminal):
    assert b"\x1b[" not in run("help").output
    assert b"\x1b[1m" in run("help", "--color=always").output
    assert b"\x1b[1m" in terminal("help")[1]
    assert b"\x1b[" not in terminal("help", "--color", "never")[1]
    assert b"\x1b[" not in terminal("help", env={"NO_COLOR": "1"})[1]
    assert b"\x1b[1m" in terminal("help", env={"NO_COLOR": ""})[1]
    assert b"\x1b[" not in terminal("help", env={"TERM": "dumb"})[1]


def test_signals_that_were_ignored_stay_ignored(run):
    result = run("version", preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    assert result.status == 0
