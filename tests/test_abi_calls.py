# SPDX-License-Identifier: MIT OR Apache-2.0
"""How calls begin and end: what a guest gets, what is made of its answer, its errors, its traps and its time."""

import json

import pytest

from conftest import manifest
from embedding import session

TOOLS = "input quoted not_utf8 nothing seven boom crash spin count count_and_fail burn rest leave".split()

INITIALISED = """(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (memory (export "memory") 1)
  (global $count (mut i32) (i32.const 48))
  %s
  (func (export "count") (result i32) (local $block i64)
    (local.set $block (call $alloc (i64.const 1)))
    (call $store (local.get $block) (global.get $count))
    (call $output (local.get $block) (i64.const 1))
    (i32.const 0)))
"""
ADD = "(func (export %s) (global.set $count (i32.add (global.get $count) (i32.const %d))))"


@pytest.fixture
def folder(make_capsule, guest):
    return make_capsule(manifest(tools=TOOLS, module="guest.wasm"), guest("abi_calls.c"), module_name="guest.wasm")


@pytest.fixture
def answer(run, folder):
    """Call a tool; gives the JSON object about its answer."""

    def call(tool, *arguments):
        result = run("call", folder, tool, *arguments, "--json", "--memory-store")
        assert (result.status, result.error) == (0, b"")
        return json.loads(result.stdout)

    return call


@pytest.fixture
def failure(run, folder):
    def call(tool, *arguments):
        result = run("call", folder, tool, *arguments, "--memory-store")
        assert (result.status, result.output) == (1, b"")
        return result.stderr

    return call


def test_a_guest_gets_the_name_and_the_bytes_of_the_arguments(answer):  # abi:49
    result = answer("input", '{"a":1}')["result"]
    assert result == {"name": "input", "arguments": [123, 34, 97, 34, 58, 49, 125]}


def test_an_answer_is_taken_as_it_is(run, folder):  # abi:50
    assert run("call", folder, "quoted", "--memory-store").stdout == '"x"\n'


def test_bytes_that_are_not_utf8_are_replaced(answer):  # abi:51
    assert answer("not_utf8")["result"] == "a\ufffdb\ufffd"


def test_no_output_is_an_empty_answer(answer):  # abi:52
    result = answer("nothing")
    assert (result["result"], result["result_type"]) == ("", "text")


def test_a_return_code_is_a_failure(failure):  # abi:53
    assert "Returned non-zero exit code: 7" in failure("seven")


def test_an_error_is_a_failure_whatever_is_returned(failure):  # abi:54
    assert "boom" in failure("boom")


def test_a_trap_is_told_with_the_functions_of_the_guest(failure):  # abi:55
    told = failure("crash")
    assert "unreachable" in told
    assert "fall_over" in told


def test_an_instance_survives_its_own_errors_and_not_a_trap(folder):  # abi:55
    lines = session(folder, "count", "count", "count_and_fail", "count", "crash", "count", "count")
    kinds = [line.split(" ", 1)[0] for line in lines]
    assert kinds == ["ok", "ok", "failed", "ok", "failed", "ok", "ok"]
    assert [line for line in lines if line.startswith("ok")] == ["ok 1", "ok 2", "ok 4", "ok 1", "ok 2"]
    assert "counted and failed" in lines[2] and "unreachable" in lines[4]


def test_a_tool_that_never_ends_is_stopped(failure):  # abi:56
    told = failure("spin", "--cpu-ms", "200")
    assert "timeout" in told and "200 ms" in told


def test_after_a_time_out_the_next_call_works(folder):  # abi:56
    lines = session(folder, "count", "spin", "count", cpu_ms=200)
    assert [lines[0], lines[2]] == ["ok 1", "ok 1"]
    assert lines[1].startswith("failed") and "timeout" in lines[1]


def test_waiting_does_not_use_up_processor_time(answer):  # abi:57
    result = answer("rest", '{"ms":500}', "--cpu-ms", "100")
    assert result["result"] == "rested"
    assert result["wall_us"] >= 500000 > 100000 > result["cpu_us"]


def test_processor_time_is_limited_as_the_operator_says(answer, failure):  # abi:57
    assert "timeout" in failure("burn", '{"ms":1000}', "--cpu-ms", "100")
    assert answer("burn", '{"ms":200}', "--cpu-ms", "5000")["result"] == "burnt"


def test_the_wall_limit_counts_waiting(failure):
    told = failure("rest", '{"ms":60000}', "--wall-ms", "200")
    assert "timeout" in told and "wall" in told


def test_a_guest_may_exit_with_success(answer):  # abi:58
    assert answer("leave", '{"status":0}')["result"] == "left behind"


def test_a_guest_that_exits_with_another_status_has_failed(failure):  # abi:58
    assert "3" in failure("leave", '{"status":3}').split("leave")[-1]


def test_a_guest_that_exited_answers_again(folder):
    lines = session(folder, "count", 'leave {"status":0}', "count", 'leave {"status":3}', "count")
    assert [line.split(" ")[0] for line in lines] == ["ok", "ok", "ok", "failed", "ok"]


@pytest.mark.parametrize(
    "functions, count",
    [
        pytest.param(ADD % ('"_initialize"', 1), "1", id="abi:60"),
        pytest.param(ADD % ('"_initialize"', 1) + ADD % ('"__wasm_call_ctors"', 2), "2", id="abi:61"),
        pytest.param('(func (export "hs_init") (param i32 i32))' + ADD % ('"_initialize"', 1), "1", id="hs_init"),
        pytest.param('(func (export "_initialize") (param i32))' + ADD % ('"unrelated"', 1), "0", id="wrong type"),
    ],
)
def test_an_instance_is_initialised_once(run, tmp_path, functions, count):
    (tmp_path / "guest.wat").write_text(INITIALISED % functions)
    result = run("exec", tmp_path / "guest.wat", "count", "--calls", "3")
    assert (result.status, result.stdout) == (0, count)


def test_the_memory_of_a_guest_persists_over_its_calls(run, folder):  # abi:62
    assert run("call", folder, "count", "--repeat", "5", "--memory-store").stdout == "5\n"
