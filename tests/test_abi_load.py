# SPDX-License-Identifier: MIT OR Apache-2.0
"""Which capsules load, and what is said about those that do not."""

import json
import os

import pytest

from conftest import manifest
from embedding import session

# Every function that a capsule may import from extism:host/user: name, number of arguments, whether it gives something back.
HOST_FUNCTIONS = """
    astrid_fs_exists 1 i64, astrid_fs_mkdir 1, astrid_fs_readdir 1 i64, astrid_fs_stat 1 i64, astrid_fs_unlink 1,
    astrid_read_file 1 i64, astrid_write_file 2, astrid_ipc_publish 2, astrid_ipc_subscribe 1 i64, astrid_ipc_unsubscribe 1,
    astrid_ipc_poll 1 i64, astrid_ipc_recv 2 i64, astrid_uplink_register 3 i64, astrid_uplink_send 3 i64, astrid_kv_get 1 i64,
    astrid_kv_set 2, astrid_kv_delete 1, astrid_kv_list_keys 1 i64, astrid_kv_clear_prefix 1 i64, astrid_get_config 1 i64,
    astrid_get_caller 0 i64, astrid_http_request 1 i64, astrid_trigger_hook 1 i64, astrid_log 2, astrid_cron_schedule 3,
    astrid_cron_cancel 1, astrid_spawn_host 1 i64, astrid_net_bind_unix 1 i64, astrid_net_accept 1 i64, astrid_net_read 1 i64,
    astrid_net_write 2, astrid_elicit 1 i64, astrid_has_secret 1 i64, astrid_signal_ready 0, astrid_clock_ms 0 i64,
    astrid_get_interceptor_handles 0 i64, astrid_request_approval 1 i64, astrid_identity_resolve 1 i64,
    astrid_identity_link 1 i64, astrid_identity_unlink 1 i64, astrid_identity_create_user 1 i64, astrid_identity_list_links 1 i64,
    astrid_check_capsule_capability 1 i64, astrid_spawn_background_host 1 i64, astrid_read_process_logs_host 1 i64,
    astrid_kill_process_host 1 i64, astrid_net_close_stream 1, astrid_net_poll_accept 1 i64
"""
STREAMS = "astrid_http_stream_start 1 i64, astrid_http_stream_read 1 i64, astrid_http_stream_close 1"

TOOL_CALL = '(func (export "astrid_tool_call") (result i32) (i32.const 0))'
TOOL = manifest(tools=["t"])


def module(*parts):
    return "(module %s)" % " ".join(parts)


def imports(functions):
    texts = []
    for words in (function.split() for function in functions.replace("\n", " ").split(",")):
        kind = "(param%s)%s" % (" i64" * int(words[1]), "(result i64)" if len(words) > 2 else "")
        texts.append('(import "extism:host/user" "%s" (func %s))' % (words[0], kind))
    return texts


@pytest.fixture
def call(run, make_capsule):
    """Make a capsule of a manifest and a module, and call its tool t."""

    def make_and_call(manifest_text, *arguments, **options):
        return run("call", make_capsule(manifest_text, *arguments, **options), "t", "--memory-store")

    return make_and_call


@pytest.fixture
def refused(call):
    """Gives what is said about a capsule that does not load."""

    def make_and_fail(*arguments, **options):
        result = call(*arguments, **options)
        assert (result.status, result.output) == (1, b"")
        return result.stderr

    return make_and_fail


@pytest.fixture
def loads(call):
    def make_and_load(*arguments, **options):
        result = call(*arguments, **options)
        assert (result.status, result.error) == (0, b"")

    return make_and_load


# The manifest and the file that it names


def test_a_capsule_without_a_component_has_no_module(run, make_capsule):  # abi:1
    result = run("inspect", make_capsule('[package]\nname = "test"\nversion = "1.0.0"\n'))
    assert result.status != 0 and "Unsupported entry point" in result.stderr and "[[component]]" in result.stderr


def test_a_module_is_found_in_the_folder_of_its_capsule(loads):  # abi:2
    loads(manifest(tools=["t"], module="./guest.wat"), module(TOOL_CALL))


@pytest.mark.parametrize("how", ["absolute", "dots", "link"])
def test_a_module_outside_of_the_folder_is_refused(run, make_capsule, tmp_path, how):  # abi:2
    outside = tmp_path / "outside.wat"
    outside.write_text(module(TOOL_CALL))
    name = {"absolute": str(outside), "dots": "../outside.wat", "link": "link.wat"}[how]
    folder = make_capsule(manifest(tools=["t"], module=name))
    os.symlink(outside, folder / "link.wat")
    result = run("call", folder, "t", "--memory-store")
    assert (result.status, result.output) == (1, b"")
    assert name in result.stderr and "outside the capsule's folder" in result.stderr


def test_entrypoint_is_another_word_for_file(loads):  # abi:3
    loads(TOOL.replace("file =", "entrypoint ="), module(TOOL_CALL))


def test_a_missing_module_is_named(refused):  # abi:4
    told = refused(TOOL, None)
    assert "Failed to read WASM" in told and "guest.wat" in told


def test_two_components_are_refused_and_named(refused):  # abi:5
    told = refused(TOOL + '\n[[component]]\nfile = "second.wasm"\n', module(TOOL_CALL))
    assert "guest.wat" in told and "second.wasm" in told


@pytest.fixture
def hashed(run, make_capsule, tmp_path):
    """A manifest with the hash of its module, and the module."""
    text = module(TOOL_CALL)
    (tmp_path / "guest.wat").write_text(text)
    digest = json.loads(run("inspect", tmp_path / "guest.wat", "--json").stdout)["blake3"]
    assert len(digest) == 64
    return lambda wanted: (TOOL.replace('file = "guest.wat"', 'file = "guest.wat"\nhash = "%s"' % wanted), text, digest)


def test_a_module_with_the_right_hash_loads(hashed, loads):
    digest = hashed("")[2]
    loads(*hashed(digest)[:2])


def test_a_module_with_another_hash_is_refused(hashed, refused):  # abi:6
    manifest_text, text, digest = hashed("5" * 64)
    told = refused(manifest_text, text)
    assert "5" * 64 in told and digest in told


@pytest.mark.parametrize(
    "content",
    [b"\x93\x11\x07 random \xff", b"\0asm\1\0\0\0\7\x99", b"\0asm\1\0\0\0\1\4\1\x60\0"],
    ids=["noise", "section", "truncated"],
)
def test_what_is_no_module_does_not_load(refused, content):  # abi:7
    told = refused(manifest(tools=["t"], module="guest.wasm"), content, module_name="guest.wasm")
    assert "no valid module" in told
    assert "mismatch" not in told


def test_an_empty_module_file_is_refused(refused):
    assert "empty" in refused(manifest(tools=["t"], module="guest.wasm"), b"", module_name="guest.wasm")


def test_a_component_is_refused_as_such(refused):
    told = refused(manifest(tools=["t"], module="guest.wasm"), b"\0asm\x0d\0\1\0", module_name="guest.wasm")
    assert "component" in told


@pytest.mark.parametrize("name", ["Bad_Name", "bad.name", "b\u00e4d", ""])
def test_an_id_is_made_of_few_characters(refused, name):  # abi:8
    told = refused(manifest(name=name, tools=["t"]), module(TOOL_CALL))
    assert "name" in told and "Capsule.toml:2" in told


# Imports


@pytest.mark.parametrize(
    "line, texts",
    [
        pytest.param(
            '(import "extism:host/user" "astrid_nope" (func))', ["extism:host/user", "astrid_nope", "does not exist"], id="abi:9"
        ),
        pytest.param(
            '(import "extism:host/user" "astrid_kv_delete" (func (param i64) (result i64)))',
            ["astrid_kv_delete", "type mismatch"],
            id="abi:10",
        ),
        pytest.param('(import "extism:host/env" "frobnicate" (func))', ["extism:host/env", "frobnicate"], id="abi:11"),
        pytest.param('(import "extism:host/env" "memory" (memory 1))', ["extism:host/env", "memory"], id="abi:12 memory"),
        pytest.param(
            '(import "extism:host/env" "alloc" (global i64))', ["extism:host/env", "alloc", "not a function"], id="abi:12 global"
        ),
        pytest.param('(import "env" "puts" (func (param i32)))', ["env", "puts"], id="no such module"),
        pytest.param('(import "wasi_snapshot_preview1" "fd_write" (func))', ["fd_write", "type mismatch"], id="WASI"),
    ],
)
def test_an_import_that_does_not_fit_is_named(refused, line, texts):
    told = refused(TOOL, module(line, TOOL_CALL))
    assert all(text in told for text in texts)


def test_every_import_that_does_not_fit_is_named(refused):
    lines = ['(import "extism:host/user" "astrid_nope%d" (func))' % i for i in range(3)]
    told = refused(TOOL, module(*lines, TOOL_CALL))
    assert all("astrid_nope%d" % i in told for i in range(3))


def test_a_name_that_is_nearly_right_is_recognised(refused):
    told = refused(TOOL, module('(import "extism:host/user" "astrid_kv_gett" (func (param i64) (result i64)))', TOOL_CALL))
    assert "astrid_kv_get?" in told


def test_all_host_functions_can_be_imported(loads):  # abi:13
    lines = imports(HOST_FUNCTIONS)
    assert len(lines) == 48
    loads(TOOL, module(*lines, TOOL_CALL))


def test_streaming_functions_can_be_imported(loads):  # abi:14
    loads(TOOL, module(*imports(STREAMS), TOOL_CALL))


# What a module exports


@pytest.fixture
def kind(run, make_capsule):
    """What inspect says a capsule is."""

    def inspect(*parts):
        result = run("inspect", make_capsule(TOOL, module(*parts)), "--json")
        assert (result.status, result.error) == (0, b"")
        return json.loads(result.stdout)["kind"]

    return inspect


@pytest.mark.parametrize("type_text", ["", "(result i32) (i32.const 0)"])
def test_a_function_called_run_makes_a_run_loop(kind, type_text):  # abi:15
    assert kind('(func (export "run") %s)' % type_text) == "run-loop"


@pytest.mark.parametrize("type_text", ["(param i32) (result i32) (i32.const 0)", "(result i64) (i64.const 0)"])
def test_a_run_of_another_type_is_refused(refused, type_text):  # abi:16
    assert "mismatch" in refused(TOOL, module(TOOL_CALL, '(func (export "run") %s)' % type_text))


def test_a_global_called_run_makes_no_run_loop(kind):  # abi:17
    assert kind('(global (export "run") i32 (i32.const 0))', TOOL_CALL) == "tools"


def test_tools_beside_a_global_called_run_can_be_called(loads):  # abi:17
    loads(TOOL, module('(global (export "run") i32 (i32.const 0))', TOOL_CALL))


@pytest.mark.parametrize(
    "parts, expected",
    [
        (['(func (export "run"))'], "run-loop"),
        ([TOOL_CALL, '(func (export "run"))', '(func (export "other"))'], "run-loop"),
        ([TOOL_CALL, '(func (export "running"))'], "tools"),
        ([], "tools"),
        (['(memory (export "run") 1)'], "tools"),
        (['(global (export "run") i32 (i32.const 0))'], "tools"),
    ],
)
def test_what_makes_a_run_loop(kind, parts, expected):
    assert kind(*parts) == expected


def test_without_exports_there_is_nothing_to_call(kind):  # abi:18
    assert kind() == "tools"


def test_a_missing_export_is_named_by_the_call(refused):  # abi:18
    assert "Function not found: astrid_tool_call" in refused(TOOL, module())


def test_a_start_function_that_traps_fails_the_call_and_not_the_load(make_capsule):  # abi:19
    text = module("(func $start unreachable) (start $start)", TOOL_CALL)
    lines = session(make_capsule(TOOL, text), "t", "t")
    assert [line.split(" ")[0] for line in lines] == ["failed", "failed"]
    assert all("unreachable" in line for line in lines)


# Memory


@pytest.mark.parametrize("size", ["1024", "1024 1024"])
def test_the_largest_memory(loads, size):  # abi:21
    loads(TOOL, module("(memory %s)" % size, TOOL_CALL))


def test_a_larger_memory_is_refused_at_load(refused):  # abi:21
    told = refused(TOOL, module("(memory 1025)", TOOL_CALL))
    assert "1025" in told and "1024" in told


def test_a_memory_that_cannot_grow_is_fine(loads):  # abi:23
    loads(TOOL, module("(memory 1 1)", TOOL_CALL))


@pytest.mark.parametrize("text", ["(memory 1) (memory 1)", "(memory i64 1)", "(memory 1 2 shared)"])
def test_memories_of_other_kinds_are_refused(refused, text):
    assert "module" in refused(TOOL, module(text, TOOL_CALL))


# Run loops with interceptors


def interceptors(*events):
    return "".join('\n[[interceptor]]\nevent = "%s"\naction = "a"\n' % event for event in events)


RUN = '(func (export "run"))'


@pytest.mark.parametrize("part, count", [(RUN, 64), (TOOL_CALL, 65)], ids=["run loop", "tools"])
def test_so_many_interceptors_are_fine(make_capsule, part, count):  # abi:24
    folder = make_capsule(TOOL + interceptors(*["e.%d" % i for i in range(count)]), module(part))
    lines = session(folder, "t")
    assert lines[0].startswith("ok") or "WASM run loop exited unexpectedly: it returned" in lines[0]


def test_a_run_loop_has_at_most_64_interceptors(refused):  # abi:24
    told = refused(TOOL + interceptors(*["e.%d" % i for i in range(65)]), module(RUN))
    assert "64" in told and "65" in told


def test_an_interceptor_of_a_run_loop_has_a_topic_of_whole_segments(refused):  # abi:25
    told = refused(TOOL + interceptors("a..b"), module(RUN))
    assert "a..b" in told and "empty segments" in told
