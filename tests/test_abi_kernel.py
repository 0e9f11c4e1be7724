# SPDX-License-Identifier: MIT OR Apache-2.0
"""The memory that guest and host share, through a real guest: blocks, input, output, variables, log, HTTP."""

import random

import pytest

MIB = 1024 * 1024
VARIABLES_MAX = MIB - 48 - len("k")  # of one value: keys, values and 48 bytes an entry count
LEVELS = ["trace", "debug", "info", "warn", "error"]


@pytest.fixture
def call(run, guest):
    """Call an export of the guest; gives what it answered."""

    def call_export(export, *arguments, **options):
        result = run("exec", guest("abi_kernel.c"), export, *arguments, **options)
        assert (result.status, result.error) == (0, b"")
        return result.output

    return call_export


@pytest.fixture
def failure(run, guest):
    def call_export(export, *arguments):
        result = run("exec", guest("abi_kernel.c"), export, *arguments)
        assert (result.status, result.output) == (1, b"")
        return result.stderr

    return call_export


@pytest.mark.parametrize(
    "export, arguments, seen",
    [
        pytest.param("block_of_nothing", [], "0 0 0", id="abi:64"),
        pytest.param("block_of_five", [], "1 5 0", id="abi:65"),
        pytest.param("bytes_of_a_word", [], "16 32 48 64 80 96 112 128 255", id="abi:66"),
        pytest.param("freed", [], "0", id="abi:67"),
        pytest.param("input_edges", ["abcdefghij"], "106 0 %d 0" % int.from_bytes(b"cdefghij", "little"), id="abi:68"),
        pytest.param("output_kept", [], "0123456789", id="abi:69 output_set(0,0) changes nothing"),
        pytest.param("output_emptied", [], "", id="abi:69 output_set(h,0) empties"),
        pytest.param("input_place", [], "0 0", id="abi:70"),
        pytest.param("late_handle", ["x", "--calls", "2"], "7 0", id="abi:71"),
        pytest.param("variable_kept", ["--calls", "2"], "2", id="abi:73 from call to call"),
        pytest.param("variable_removed", [], "5 0", id="abi:73 removed"),
        pytest.param("variable_of_size", [str(VARIABLES_MAX)], str(VARIABLES_MAX), id="abi:73 the largest"),
        pytest.param("http_response", [], "0 0", id="abi:74"),
    ],
)
def test_a_guest_sees(call, export, arguments, seen):
    assert call(export, *arguments).decode() == seen


def test_a_number_that_is_no_block_cannot_be_a_key(failure):  # abi:72
    assert "invalid memory offset" in failure("key_without_a_block")


def test_variables_of_more_than_a_mebibyte_are_refused(failure):  # abi:73
    assert "Variable store is full" in failure("variable_of_size", str(VARIABLES_MAX + 1))


def test_the_http_function_of_extism_reaches_nobody(failure):  # abi:74
    assert "HTTP request to http://example.org/ is not allowed" in failure("http")


@pytest.mark.parametrize("level, number", [*zip(LEVELS, range(5)), ("off", 2**31 - 1)])
def test_the_log_level_is_that_of_the_host(call, level, number):  # abi:75
    assert call("log_level", "--log", level) == str(number).encode()


@pytest.mark.parametrize("level", [*LEVELS, "off"])
def test_messages_below_the_level_are_freed_and_not_logged(run, guest, level):  # abi:75
    result = run("exec", guest("abi_kernel.c"), "log_each", "--log", level)
    shown = [LEVELS.index(level) <= number if level != "off" else False for number in range(5)]
    words = ["one", "two", "three", "four", "five"]
    assert (result.status, result.output) == (0, b"0 0 0 0 0")
    assert [word in result.stderr for word in words] == shown
    assert [": %s: %s" % (LEVELS[i], words[i]) in result.stderr for i in range(5)] == shown


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 65536, MIB, 4 * MIB + 3])
def test_payloads_survive_both_ways(call, size):  # abi:76
    data = random.Random(size).randbytes(size)
    assert call("echo", "-", input=data) == data


def test_the_memory_of_the_host_ends_at_its_ceiling(call, failure):  # abi:22
    assert call("blocks", "62") == b" ".join([b"1"] * 62)
    told = failure("fill")
    assert "oom" in told and "out of memory" in told and "64 MiB" in told


def test_a_guest_that_grows_beyond_its_ceiling_is_told_no(call):  # abi:22
    assert call("grow") == b"1 -1 1024"
