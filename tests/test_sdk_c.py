# SPDX-License-Identifier: MIT OR Apache-2.0
"""The SDK for guests in C: a capsule of two source files on it, compiled by capsule.mk in every way that it knows."""

import json
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import ROOT, SDK, TIMEOUT_S, manifest, need
from embedding import session

GUESTS = ROOT / "tests" / "guests"
TOOLS = re.findall(r'^CAPSULE_TOOL\((?:\w+, )?"?([\w-]+)', (GUESTS / "sdk_all.c").read_text(), re.MULTILINE) + ["elsewhere"]
BUILDS = {
    "default": [],
    "portable": ["CAPSULE_PORTABLE=1"],
    "unoptimised": ["CFLAGS=-O0 -Werror"],
    "wasi": ["CAPSULE_WASI=1"],
}
LIMIT = 10485760
DEEPEST = 128
OUT_OF_MEMORY = "out of memory: the guest is at its ceiling"
TYPES = {
    "text": 'Zo\u00eb \U0001f600 " \\ \n \u0001',
    "integer": -9223372036854775808,
    "number": 0.1,
    "bool": True,
    "bytes": "/+8=",
    "object": {"a": [1, {"b": None}]},
    "array": ["x", ""],
}


def build(folder, sources, *options):
    """Compile a module with capsule.mk in `folder`; gives what make said."""
    for tool in ["make", "clang", "wasm-ld"]:
        need(tool)
    if "CAPSULE_WASI=1" in options and not pathlib.Path("/usr/include/wasm32-wasi").exists():
        need("wasi-libc")
    names = [shutil.copy(GUESTS / source, folder) if "\n" not in source else write(folder, source) for source in sources]
    rule = "include %s/capsule.mk\nguest.wasm: %s\n" % (SDK, " ".join(str(name) for name in names))
    (folder / "Makefile").write_text(rule)
    command = ["make", "guest.wasm", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)


def write(folder, text):
    path = folder / ("source%d.c" % len(list(folder.glob("source*.c"))))
    path.write_text(text)
    return path


@pytest.fixture(scope="module", params=BUILDS)
def module(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    made = build(folder, ["sdk_all.c", "sdk_more.c"], *BUILDS[request.param])
    assert (made.returncode, made.stderr) == (0, "")
    return folder / "guest.wasm"


@pytest.fixture
def folder(make_capsule, module):
    return make_capsule(manifest(tools=TOOLS, module="guest.wasm"), module, module_name="guest.wasm")


@pytest.fixture
def answer(run, folder):
    """Call a tool; gives the text of its answer."""

    def call(tool, arguments="{}", *options):
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        result = run("call", folder, tool, "-", "--memory-store", *options, input=text)
        assert (result.status, result.error) == (0, b"")
        return result.stdout.removesuffix("\n")

    return call


@pytest.fixture
def failure(run, folder):
    """Call a tool; gives the text with which it failed."""

    def call(tool, arguments):
        result = run("call", folder, tool, "-", "--memory-store", input=arguments)
        assert (result.status, result.output) == (1, b"")
        return result.stderr.removeprefix("capsule: tool `%s`: " % tool).removesuffix("\n")

    return call


@pytest.fixture
def trigger(run, module):
    """Call an export with a request that no host would make of arguments that are no JSON; gives a result."""

    def call(export, name, payload, *options):
        request = json.dumps({"name": name, "arguments": list(payload)})
        return run("exec", module, export, "-", *options, input=request)

    return call


def failed(result):
    assert (result.status, result.output) == (1, b"")
    return re.sub(r"^capsule: `\w+`: ", "", result.stderr).removesuffix("\n")


# What the module is


def test_it_exports_what_it_uses_and_imports_what_it_calls(run, module, request):
    seen = json.loads(run("inspect", module, "--json").stdout)
    exports = {entry["name"] for entry in seen["exports"]} - {"memory", "_initialize"}
    hooks = {"astrid_tool_call", "astrid_hook_trigger", "astrid_cron_trigger", "astrid_install", "astrid_upgrade"}
    assert exports == hooks | {"reversed"}
    assert all(entry["known"] for entry in seen["imports"])
    modules = {entry["module"] for entry in seen["imports"]}
    assert ("capsule:bulk" in modules) == ("portable" not in request.node.name)
    names = {entry["name"] for entry in seen["imports"] if entry["module"] == "extism:host/user"}
    assert names == {"astrid_kv_get", "astrid_kv_set", "astrid_kv_delete", "astrid_kv_list_keys", "astrid_log"}


def test_a_capsule_with_a_loop_exports_that_and_nothing_else(run, tmp_path):
    made = build(tmp_path, ['#include <capsule_guest.h>\nCAPSULE_RUN\n{\n\tguest_signal_ready();\n\tguest_fail("over");\n}\n'])
    assert (made.returncode, made.stderr) == (0, "")
    seen = json.loads(run("inspect", tmp_path / "guest.wasm", "--json").stdout)
    assert {entry["name"] for entry in seen["exports"]} - {"memory"} == {"run"}
    assert failed(run("exec", tmp_path / "guest.wasm", "run")) == "over"


def test_two_tools_of_one_name_do_not_link(tmp_path):
    source = "#include <capsule_guest.h>\nCAPSULE_TOOL(same)\n{\n}\n"
    made = build(tmp_path, [source, source])
    assert made.returncode != 0
    assert "duplicate symbol" in made.stderr and "same" in made.stderr
    assert not (tmp_path / "guest.wasm").exists()


def test_what_is_fresh_is_not_compiled_again(tmp_path):
    source = "#include <capsule_guest.h>\nCAPSULE_TOOL(one)\n{\n}\n"
    assert "clang" in build(tmp_path, [source]).stdout
    again = subprocess.run(["make", "guest.wasm"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (again.returncode, "is up to date" in again.stdout) == (0, True)


def test_without_a_compiler_make_says_what_to_install(tmp_path):
    made = build(tmp_path, ["#include <capsule_guest.h>\nCAPSULE_TOOL(one)\n{\n}\n"], "CAPSULE_CC=")
    assert made.returncode != 0
    assert "apt-get install clang lld" in made.stderr and "CAPSULE_CC=clang-15" in made.stderr


# Arguments and answers


def test_every_type_is_taken_and_given(answer):
    assert json.loads(answer("types", TYPES)) == {**TYPES, "keys": list(TYPES)}


@pytest.mark.parametrize(
    "change, text",
    [
        ({"text": None}, "argument `text`: a string is expected, got null"),
        ({"integer": 0.5}, "argument `integer`: a whole number is expected, got one with a fraction"),
        ({"integer": 2**63}, "argument `integer`: a whole number is expected, got one that does not fit into 64 bits"),
        ({"number": "1"}, "argument `number`: a number is expected, got a string"),
        ({"bool": 1}, "argument `bool`: true or false is expected, got a number"),
        ({"bytes": "a"}, "argument `bytes`: base64 or an array of bytes is expected, got a string that is no base64"),
        ({"bytes": [256]}, "argument `bytes[0]` is no byte: 0 to 255 are"),
        ({"object": []}, "argument `object`: an object is expected, got an array"),
        ({"array": ["x", 5]}, "argument `array[1]`: a string is expected, got a number"),
        ({"array": {}}, "argument `array`: an array is expected, got an object"),
    ],
)
def test_what_is_of_another_type_is_told(failure, change, text):
    assert failure("types", json.dumps({**TYPES, **change})) == "types: " + text


@pytest.mark.parametrize("name", TYPES)
def test_what_is_missing_is_told(failure, name):
    kept = {key: value for key, value in TYPES.items() if key != name}
    assert failure("types", json.dumps(kept)).startswith("types: argument `%s` is missing; " % name)


def test_the_place_of_a_nested_value_is_told(answer, failure):
    assert answer("nested", {"items": [{"name": "a"}, {"name": "b"}]}) == '["a","b"]'
    items = {"items": [{"name": "a"}, {"name": "b"}, {"name": ["c"]}]}
    assert failure("nested", json.dumps(items)) == "nested: argument `items[2].name`: a string is expected, got an array"


def test_ten_mebibytes_arrive(answer):
    length = LIMIT - len('{"text":""}')
    assert answer("size", '{"text":"%s"}' % ("y" * length)) == str(length)
    assert answer("size", '{"text":"\\u0041%s"}' % ("y" * (length - 6))) == str(length - 5)


def test_bytes_come_as_they_are_and_go_as_they_are(answer):
    assert answer("as-it-came", "[ 1 , 2 ]") == "[1,2]"
    assert answer("nothing") == ""
    assert answer("elsewhere") == '"another file"'


def test_a_mistake_in_writing_is_told(failure):
    assert failure("mistake", "{}") == "the answer can't be written as JSON: a value in an object without a key"


@pytest.mark.parametrize(
    "payload, text",
    [
        (b'{"text":"\xff"}', "text that is not UTF-8, at byte 9"),
        (b'{"text":"x', "a string is not closed, at byte 10"),
        (b"[" * 200 + b"]" * 200, "it is nested deeper than 128 levels, at byte 128"),
        (b'{"text":"x"}}', "something stands behind the value, at byte 12"),
        (b'{"text":"\x00"}', "a control character in a string; it must be escaped, at byte 9"),
    ],
)
def test_what_is_no_json_is_told(trigger, payload, text):
    assert failed(trigger("astrid_tool_call", "size", payload)) == "size: the arguments are not JSON: " + text


def test_escapes_and_repeated_keys(trigger):
    def size(payload):
        return trigger("astrid_tool_call", "size", payload)

    assert size(rb'{"text":"\ud800\u0000\ud83d\ude00"}').stdout == "8"
    assert size(b'{"text":"x","other":1,"other":2}').stdout == "1"
    assert failed(size(rb'{"text":"x","\u0074ext":"y"}')) == "size: argument `text` is given twice"
    deep = b"[" * DEEPEST + b"]" * DEEPEST
    assert failed(size(deep)) == "size: the arguments: an object is expected, got an array"


@pytest.mark.parametrize(
    "request_text, text",
    [
        ("", "the request has no `name`"),
        ("{}", "the request has no `name`"),
        ('{"name":5}', "the request has no `name`"),
        ('{"name":"size","arguments":[256]}', "the `arguments` of the request are not an array of bytes"),
        ('{"name":"size","arguments":[1,', "the `arguments` of the request are not an array of bytes"),
        ('{"name":"size","arguments":"x"}', "the `arguments` of the request are not an array of bytes"),
        ('{"name":"x\\u0079","arguments":[]}', "Unknown tool: xy"),
        ('{"more":[{"a":"]"}],"name":"size"}', "size: argument `text` is missing; a string is expected"),
    ],
)
def test_a_broken_request_is_an_error_of_the_guest(run, module, request_text, text):
    assert failed(run("exec", module, "astrid_tool_call", "-", input=request_text)) == text


# Handlers that are no tools


def test_an_interceptor_answers_or_not(trigger):
    assert trigger("astrid_hook_trigger", "on-message", b'{"text":"hi"}').stdout == '{"seen":"hi"}'
    result = trigger("astrid_hook_trigger", "on-message", b"")
    assert (result.status, result.output) == (0, b"")
    assert failed(trigger("astrid_hook_trigger", "on_message", b"{}")) == "Unknown hook: on_message"
    assert failed(trigger("astrid_cron_trigger", "none", b"{}")) == "Unknown cron job: none"
    assert trigger("astrid_cron_trigger", "tidy", b"").stdout == "{}"


def test_hooks_of_the_life_cycle(run, module):
    assert "installed" in run("exec", module, "astrid_install", "", "--log", "info").stderr
    for previous in ["0.9.0", '{"prev_version":"0.9.0"}']:
        result = run("exec", module, "astrid_upgrade", previous, "--log", "info")
        assert result.status == 0 and "upgraded from 0.9.0" in result.stderr
    assert failed(run("exec", module, "astrid_upgrade", "0.0.1")) == "too old: 0.0.1"
    assert failed(run("exec", module, "astrid_upgrade", "{}")) == "upgrade: `prev_version` is missing; a string is expected"


def test_an_export_of_ones_own(run, module):
    data = bytes(range(256)) * 100
    assert run("exec", module, "reversed", "-", input=data).output == data[::-1]


# The host, memory


def test_after_a_failure_nothing_is_stored(run, folder):
    assert run("call", folder, "store_after_failure").status == 1
    assert run("call", folder, "keys").stdout == '["before"]\n'
    result = run("call", folder, "store_after_failure", "--log", "warn", "--memory-store")
    assert "this is still told" in result.stderr
    assert "store_after_failure: argument `missing` is missing; a string is expected" in result.stderr


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 65536, LIMIT])
def test_values_of_any_size_go_to_the_store_and_come_back(answer, size):
    assert answer("store", {"size": size}) == "true"


def test_memory_ends_and_begins_anew(failure, folder, environment):
    assert failure("fill", "{}") == OUT_OF_MEMORY
    lines = session(folder, "fill", 'size {"text":"abc"}', "fill", 'store {"size":1000000}', environment=environment)
    assert [line.startswith("failed") for line in lines] == [True, False, True, False]
    assert lines[1] == "ok 3" and lines[3] == "ok true"


def test_what_is_kept_stays_and_the_rest_is_given_anew(folder, environment):
    lines = session(folder, *["kept"] * 50, environment=environment)
    seen = [json.loads(line.removeprefix("ok ")) for line in lines]
    pages = seen[1][2]
    assert seen == [[call, call, pages] for call in range(1, 51)]


# A C library


def test_it_lives_beside_a_c_library(run, make_capsule, tmp_path):
    made = build(tmp_path, ["sdk_wasi.c"], "CAPSULE_WASI=1")
    assert (made.returncode, made.stderr) == (0, "")
    text = manifest(tools=["mix"], module="guest.wasm")
    folder = make_capsule(text, tmp_path / "guest.wasm", module_name="guest.wasm")
    result = run("call", folder, "mix", '{"rounds":640}')
    assert (result.status, result.error) == (0, b"")
    expected = [text for i in range(576, 640) for text in ("malloc %d" % i, "guest %d" % i)]
    assert json.loads(result.stdout) == expected
