# SPDX-License-Identifier: MIT OR Apache-2.0
"""Log, clock, caller and key-value store through a real guest, the store in memory and on disk."""

import json
import re
import time

import pytest

from conftest import manifest

TOOLS = "log clock caller capability get get_length set forget list clear".split()
KEY_MAX, VALUE_MAX, MESSAGE_MAX, LEVEL_MAX, REQUEST_MAX = 4096, 10485760, 65536, 64, 1024
TOO_LONG = "exceeds maximum allowed limit"


def make(make_capsule, guest, name):
    text = manifest(name=name, tools=TOOLS, module="guest.wasm")
    return make_capsule(text, guest("abi_host.c"), name=name, module_name="guest.wasm")


@pytest.fixture
def folder(make_capsule, guest):
    return make(make_capsule, guest, "one")


@pytest.fixture
def call(run, folder):
    """Call a tool with the state of this test on disk; gives its answer."""

    def call_tool(tool, arguments=None, *options):
        result = run("call", folder, tool, json.dumps(arguments or {}), *options)
        assert (result.status, result.error) == (0, b"")
        return result.stdout.rstrip("\n")

    return call_tool


@pytest.fixture(params=["disk", "memory"])
def failure(run, folder, request):
    options = ["--memory-store"] if request.param == "memory" else []

    def call_tool(tool, arguments):
        result = run("call", folder, tool, json.dumps(arguments), *options)
        assert (result.status, result.output) == (1, b"")
        return result.stderr

    return call_tool


# Log, clock, caller


def test_the_longest_log_message_arrives_whole(run, folder):  # abi:77
    result = run("call", folder, "log", json.dumps({"level": "info", "message": MESSAGE_MAX}), "--log", "info", "--memory-store")
    assert result.status == 0
    assert re.search("x+", result.stderr.split(": ")[-1]).group() == "x" * MESSAGE_MAX


@pytest.mark.parametrize(
    "tool, arguments",
    [
        pytest.param("log", {"level": "info", "message": MESSAGE_MAX + 1}, id="abi:77"),
        pytest.param("log", {"level": LEVEL_MAX + 1, "message": "m"}, id="abi:78"),
        pytest.param("capability", {"request": REQUEST_MAX + 1}, id="abi:87"),
        pytest.param("set", {"key": "k", "value": VALUE_MAX + 1}, id="abi:92"),
        pytest.param("set", {"key": KEY_MAX + 1, "value": "v"}, id="key"),
    ],
)
def test_an_argument_that_is_too_long_fails_the_call(failure, tool, arguments):
    assert TOO_LONG in failure(tool, arguments)


@pytest.mark.parametrize(
    "word, level",
    [("WARNING", "warn"), ("bogus", "info"), ("Error", "error"), ("trace", "trace"), ("", "info"), (LEVEL_MAX, "info")],
)
def test_words_for_levels(run, folder, word, level):  # abi:78
    arguments = json.dumps({"level": word, "message": "the message"})
    result = run("call", folder, "log", arguments, "--log", "trace", "--memory-store")
    assert result.status == 0
    assert "one: %s: the message\n" % level in result.stderr


def test_the_clock_is_in_milliseconds(call):  # abi:79
    before = time.time()
    told = call("clock")
    assert re.fullmatch("[0-9]{13}", told)
    assert before - 1 <= int(told) / 1000 <= time.time() + 1


def test_the_caller_of_a_tool_is_the_host(call):  # rt-W-55
    told = json.loads(call("caller"))
    assert told.pop("call_id").isdigit()
    assert told == {"session_id": None, "source": "host", "user_id": "default"}


# Key-value store


def test_what_was_set_is_there_for_the_next_process(call):  # abi:88
    assert call("get", {"key": "k"}) == ""
    call("set", {"key": "k", "value": "hi"})
    assert call("get", {"key": "k"}) == "hi"
    assert call("get", {"key": "K"}) == ""
    call("set", {"key": "k", "value": "other"})
    assert call("get", {"key": "k"}) == "other"


def test_an_empty_value_is_empty(call):  # abi:89
    call("set", {"key": "k", "value": "hi"})
    call("set", {"key": "k", "value": ""})
    assert call("get", {"key": "k"}) == ""
    assert json.loads(call("list")) == ["k"]


@pytest.mark.parametrize(
    "tool, arguments, texts",
    [
        pytest.param("get", {}, ["key must not be empty"], id="abi:90 no key"),
        pytest.param("get", {"key": ""}, ["key must not be empty"], id="abi:90 empty key"),
        pytest.param("get", {"key": [255]}, ["key", "is not valid UTF-8"], id="abi:90 not UTF-8"),
        pytest.param("set", {"key": [255], "value": "v"}, ["key", "is not valid UTF-8"], id="set not UTF-8"),
        pytest.param("set", {"value": "v"}, ["key must not be empty"], id="set empty"),
        pytest.param("forget", {}, ["key must not be empty"], id="delete empty"),
        pytest.param("get", {"key": "a\0b"}, ["null bytes"], id="abi:91"),
        pytest.param("set", {"key": "a\0b", "value": "v"}, ["null bytes"], id="abi:91 set"),
        pytest.param("list", {"prefix": [97, 255]}, ["is not valid UTF-8"], id="abi:96 list"),
        pytest.param("clear", {"prefix": [97, 255]}, ["is not valid UTF-8"], id="abi:96 clear"),
    ],
)
def test_a_key_that_cannot_be_one_fails_the_call(failure, tool, arguments, texts):
    told = failure(tool, arguments)
    assert all(text in told for text in texts)


def test_the_largest_value_and_the_longest_key(call):  # abi:92
    call("set", {"key": KEY_MAX, "value": VALUE_MAX})
    assert call("get_length", {"key": KEY_MAX}) == str(VALUE_MAX)


def test_removing_what_is_not_there_is_fine(call):  # abi:93
    call("forget", {"key": "k"})
    call("set", {"key": "k", "value": "v"})
    call("forget", {"key": "k"})
    call("forget", {"key": "k"})
    assert call("get", {"key": "k"}) == ""


def test_keys_are_listed_and_removed_by_their_beginning(call):
    for key in ["b", "a.2", "a.1"]:
        call("set", {"key": key, "value": "v"})
    assert call("list", {"prefix": "a."}) == '["a.1","a.2"]'  # abi:94
    assert call("list", {"prefix": ""}) == '["a.1","a.2","b"]'  # abi:94
    assert call("list", {"prefix": "zz"}) == "[]"  # abi:94
    assert call("clear", {"prefix": "a."}) == "2"  # abi:95
    assert call("list", {"prefix": "a."}) == "[]"  # abi:95
    assert call("clear", {"prefix": "a."}) == "0"  # abi:95
    assert call("list") == '["b"]'


def test_capsules_do_not_see_each_others_keys(run, make_capsule, guest, call):  # abi:97
    other = make(make_capsule, guest, "two")
    call("set", {"key": "k", "value": "of one"})
    assert run("call", other, "get", '{"key":"k"}').stdout == "\n"
    assert run("call", other, "set", '{"key":"k","value":"of two"}').status == 0
    assert call("get", {"key": "k"}) == "of one"
    assert run("call", other, "clear").stdout == "1\n"
    assert call("get", {"key": "k"}) == "of one"
