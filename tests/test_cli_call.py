# SPDX-License-Identifier: MIT OR Apache-2.0
"""capsule call: tools answer; whatever is wrong gives a clear error, exit status 1, and leaves nothing behind."""

import json
import os
import re
import signal
import time

import pytest

from conftest import manifest, snapshot

TOOLS = ["echo", "hello", "json", "bytes", "trap", "spin", "recurse", "memory", "net", "log", "keep", "occupy", "fail"]
EMPTY_MODULE = b"\0asm\1\0\0\0"
COMPONENT = b"\0asm\x0d\0\1\0"
MIB = 1024 * 1024


@pytest.fixture
def capsule(make_capsule, guest):
    return make_capsule(manifest(tools=TOOLS), guest("tools.wat"))


# Answers


def test_the_answer_is_printed_with_a_newline(run, capsule):
    result = run("call", capsule, "hello", "{}")
    assert (result.status, result.stdout, result.stderr) == (0, "Hello!\n", "")


def test_arguments_default_to_an_empty_object(run, capsule):
    assert run("call", capsule, "echo").stdout == '{"name":"echo","arguments":[123,125]}\n'


def test_arguments_come_from_standard_input(run, capsule):
    expected = run("call", capsule, "echo", '{"a":"\u00e9"}').stdout
    assert run("call", capsule, "echo", "-", input='{"a":"\u00e9"}').stdout == expected


def test_json_holds_the_value_of_a_json_answer_with_its_numbers_untouched(run, capsule):
    result = run("call", capsule, "json", "--json")
    assert '"result":{"sum":12345678901234567890,"parts":[1,2.50]},"result_type":"json"' in result.stdout
    answer = json.loads(result.stdout)
    assert answer["tool"] == "json"
    assert answer["wall_us"] > 0 and answer["cpu_us"] > 0


def test_json_holds_any_other_answer_as_a_string(run, capsule):
    answer = json.loads(run("call", capsule, "hello", "--json").stdout)
    assert (answer["result"], answer["result_type"]) == ("Hello!", "text")


def test_bytes_of_an_answer_that_are_not_utf8_are_replaced(run, capsule):
    result = run("call", capsule, "bytes")
    assert (result.status, result.stdout) == (0, "bytes \ufffd\ufffd end\n")


def test_repeated_calls_print_the_last_answer_and_their_times(run, capsule):
    result = run("call", capsule, "hello", "--repeat", "100", "--time")
    assert (result.status, result.stdout) == (0, "Hello!\n")
    assert re.search(r"median [\d.]+ µs, p99 [\d.]+ µs", result.stderr)
    assert "100 calls in" in result.stderr


def test_log_records_go_to_standard_error_from_the_level_asked_for(run, capsule):
    # A record of several lines can't pass for two records, nor steer the terminal.
    warning = "test: warn: first line\n    \ufffd[2Jsecond line\n"
    assert run("call", capsule, "log").stderr == warning
    assert run("call", capsule, "log", "--log", "info").stderr == "test: info: Hello!\n" + warning
    assert run("call", capsule, "log", "--log", "error").stderr == ""


def test_a_terminal_gets_the_answer_and_coloured_levels(terminal, capsule):
    status, seen = terminal("call", capsule, "log")
    assert status == 0
    assert b"test: \x1b[33mwarn\x1b[0m: first line\r\n" in seen


def test_state_is_kept_in_the_home(run, capsule, home, tmp_path):
    assert run("call", capsule, "keep").status == 0
    assert home.exists()
    other = tmp_path / "other"
    assert run("call", capsule, "keep", "--home", other).status == 0
    assert other.exists()
    assert run("call", capsule, "keep", "--home", "relative", cwd=tmp_path).status == 0
    assert (tmp_path / "relative").exists()


def test_a_memory_store_leaves_the_home_alone(run, capsule, home):
    assert run("call", capsule, "keep", "--memory-store").status == 0
    assert not home.exists()


# Bad input: exit status 1, a message, nothing left behind


def check_refused(run, home, folder, *tokens, tool="hello", arguments="{}", options=(), input=b"", absent=()):
    before, home_before = snapshot(folder), snapshot(home)
    result = run("call", folder, tool, arguments, *options, input=input)
    assert (result.status, result.stdout) == (1, "")
    assert result.stderr.startswith("capsule: ")
    for token in tokens:
        assert token in result.stderr
    for token in absent:
        assert token not in result.stderr
    assert snapshot(folder) == before
    assert snapshot(home) == home_before
    return result


def test_no_folder(run, home, tmp_path):
    check_refused(run, home, tmp_path / "nowhere", "nowhere")


def test_no_manifest(run, home, make_capsule):
    check_refused(run, home, make_capsule(None), "Capsule.toml")


def test_a_manifest_that_is_not_utf8(run, home, make_capsule):
    check_refused(run, home, make_capsule(b'[package]\nname = "\xff"\n'), "Capsule.toml", "UTF-8")


def test_a_toml_error_has_its_place(run, home, make_capsule):
    check_refused(run, home, make_capsule('[package]\nname = "test\nversion = "1.0.0"\n'), "Capsule.toml:2:")


def test_a_wrong_type_has_its_place(run, home, make_capsule):
    check_refused(run, home, make_capsule('[package]\nname = "test"\nversion = 3\n'), "Capsule.toml:3:11", "version", "string")


def test_a_missing_key_is_named(run, home, make_capsule):
    check_refused(run, home, make_capsule('[package]\nname = "test"\n'), "Capsule.toml:", "version")


def test_a_module_that_is_missing(run, home, make_capsule):
    check_refused(run, home, make_capsule(manifest(tools=["hello"])), "guest.wat")


def test_an_empty_module(run, home, make_capsule):
    folder = make_capsule(manifest(module="guest.wasm", tools=["hello"]), b"", module_name="guest.wasm")
    check_refused(run, home, folder, "guest.wasm", "empty")


def test_a_truncated_module(run, home, make_capsule):
    whole = EMPTY_MODULE + b"\1\4\1\x60\0\0"
    folder = make_capsule(manifest(module="guest.wasm", tools=["hello"]), whole[:-2], module_name="guest.wasm")
    check_refused(run, home, folder, "guest.wasm")


def test_a_component_is_told_apart_from_a_module(run, home, make_capsule):
    folder = make_capsule(manifest(module="guest.wasm", tools=["hello"]), COMPONENT, module_name="guest.wasm")
    check_refused(run, home, folder, "guest.wasm", "component")


def test_a_module_over_the_size_limit(run, home, make_capsule):
    folder = make_capsule(manifest(module="guest.wasm", tools=["hello"]), EMPTY_MODULE, module_name="guest.wasm")
    os.truncate(folder / "guest.wasm", 64 * MIB + 1)  # a hole: takes no room on the disk
    result = run("call", folder, "hello")
    assert (result.status, result.stdout) == (1, "")
    assert "guest.wasm" in result.stderr and str(64 * MIB) in result.stderr


BAD_IMPORTS = """(module
  (import "extism:host/env" "aloc" (func (param i64) (result i64)))
  (import "nowhere" "at_all" (func))
  (import "extism:host/user" "astrid_kv_get" (func (param i32) (result i64)))
  (memory 1)
  (func (export "astrid_tool_call") (result i32) (i32.const 0)))
"""


def test_unknown_and_mistyped_imports_are_each_named(run, home, make_capsule):
    folder = make_capsule(manifest(tools=["hello"]), BAD_IMPORTS)
    check_refused(run, home, folder, "extism:host/env", "aloc", "nowhere", "at_all", "astrid_kv_get", "i32")


def test_memory_beyond_the_ceiling(run, home, make_capsule):
    text = '(module (memory 1025) (func (export "astrid_tool_call") (result i32) (i32.const 0)))'
    check_refused(run, home, make_capsule(manifest(tools=["hello"]), text), "1025", "1024")


def test_an_unknown_tool_offers_the_nearest(run, home, capsule):
    check_refused(run, home, capsule, "helo", "hello", tool="helo")


@pytest.mark.parametrize("arguments", ["", "{", "hello", '{"a":1,"a":2}', "[" * 200 + "]" * 200, "{}{}"])
def test_arguments_that_are_not_json(run, home, capsule, arguments):
    check_refused(run, home, capsule, "arguments", arguments=arguments)


def test_arguments_that_are_not_utf8(run, home, capsule):
    check_refused(run, home, capsule, "arguments", arguments="-", input=b'{"a":"\xff"}')


def test_arguments_over_ten_mebibytes(run, home, capsule):
    text = b'"%s"' % (b"x" * (10 * MIB - 1))
    check_refused(run, home, capsule, "standard input is over 10,485,760 bytes", arguments="-", input=text)


def test_arguments_of_ten_mebibytes_are_taken(run, capsule):
    result = run("call", capsule, "hello", "-", input=b'"%s"' % (b"x" * (10 * MIB - 2)))
    assert (result.status, result.stdout) == (0, "Hello!\n")


def test_standard_input_that_can_not_be_read(run, capsule):
    result = run("call", capsule, "hello", "-", stdin=None, preexec_fn=lambda: os.close(0))
    assert (result.status, result.stdout) == (1, "")
    assert "cannot read standard input" in result.stderr


def test_an_error_of_the_guest_is_its_own_message_without_control_characters(run, home, capsule):
    result = check_refused(run, home, capsule, "no such person", tool="fail")
    assert b"\x1b" not in result.error


def test_a_trap_names_the_functions_of_the_guest(run, home, capsule):
    check_refused(run, home, capsule, "unreachable", "fall_over", "carry_on", tool="trap")


def test_functions_of_a_guest_in_c_are_named(run, home, make_capsule, guest):
    source = """
    __attribute__((noinline)) static void divide_by_nothing(void) { __builtin_trap(); }
    __attribute__((export_name("astrid_tool_call"))) int call(void) { divide_by_nothing(); return 0; }
    """
    text = manifest(module="guest.wasm", tools=["hello"])
    folder = make_capsule(text, guest(source), module_name="guest.wasm")
    check_refused(run, home, folder, "unreachable", "divide_by_nothing")


def test_endless_recursion_is_a_trap(run, home, capsule):
    check_refused(run, home, capsule, "stack", "recurse", tool="recurse")


def test_the_processor_time_limit_names_clock_and_duration(run, home, capsule):
    check_refused(run, home, capsule, "CPU", "100 ms", tool="spin", options=["--cpu-ms=100"])


def test_the_wall_limit_names_clock_and_duration(run, home, capsule):
    result = check_refused(run, home, capsule, "wall", tool="spin", options=["--wall-ms", "100"])
    assert int(re.search(r"after (\d+) ms", result.stderr)[1]) >= 100


def test_the_memory_ceiling_is_an_error(run, home, capsule):
    check_refused(run, home, capsule, "memory", tool="memory")


def test_a_refused_host_function_names_the_key_to_add(run, home, capsule):
    check_refused(run, home, capsule, "astrid_http_request", "net", tool="net")


def test_a_failure_ends_the_repetition(run, home, capsule):
    result = check_refused(run, home, capsule, "no such person", tool="fail", options=["--repeat", "1000", "--time"])
    assert result.stderr.count("no such person") == 1
    assert "each call" not in result.stderr


def test_a_store_that_another_process_uses(run, start, capsule, home):
    process = start("call", capsule, "occupy")
    assert process.stderr.readline() == b"test: warn: busy\n"  # it has written to the store
    before = set(snapshot(home))
    result = run("call", capsule, "keep")
    assert (result.status, result.stdout) == (1, "")
    assert str(home) in result.stderr and "process" in result.stderr
    assert set(snapshot(home)) == before


# Ctrl-C


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_cancels_the_call(start, run, capsule, number, status):
    process = start("call", capsule, "occupy")
    assert process.stderr.readline() == b"test: warn: busy\n"
    process.send_signal(number)
    output, error = process.communicate(timeout=60)
    assert (process.returncode, output, error) == (status, b"", b"capsule: interrupted\n")
    assert run("call", capsule, "keep").status == 0  # the store is free again, and whole


def test_a_signal_ends_repeated_calls(start, capsule):
    process = start("call", capsule, "log", "--repeat", "10000000")
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    output, error = process.communicate(timeout=60)
    assert (process.returncode, output) == (130, b"")
    assert error.endswith(b"capsule: interrupted\n")


def test_a_terminal_shows_what_takes_long_and_erases_it(terminal, capsule):
    interrupted = []

    def talk(process, seen):
        if b"calling spin" in seen and not interrupted:
            interrupted.append(time.monotonic())
            process.send_signal(signal.SIGINT)

    status, seen = terminal("call", capsule, "spin", talk=talk)
    assert status == 130
    assert seen.endswith(b"\r\x1b[Kcapsule: interrupted\r\n")
