# SPDX-License-Identifier: MIT OR Apache-2.0
"""capsule schemas: the tools that a module tells of beside those of its manifest, and adding what is missing."""

import ctypes
import json
import tomllib

import pytest

from conftest import manifest, snapshot

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1

# The module stores each byte of its answer into kernel memory.
ANSWERS = """\
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (memory (export "memory") %(pages)d)
  (data (i32.const 0) "%(data)s")
  (func (export "%(export)s") (result i32)
    (local $handle i64) (local $i i32)
    (local.set $handle (call $alloc (i64.const %(len)d)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (i32.const %(len)d)))
        (call $store_u8
          (i64.add (local.get $handle) (i64.extend_i32_u (local.get $i))) (i32.load8_u (local.get $i)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (call $output_set (local.get $handle) (i64.const %(len)d))
    (i32.const 0)))
"""

WHO = {"type": "object", "properties": {"who": {"type": "string"}}}
GREET = {"name": "greet", "description": "Says hi", "input_schema": WHO}
PLAIN = {"name": "plain", "description": "Plain", "input_schema": {"type": "object"}}
SCHEMA = {"type": "object", "description": "Plain"}


def answering(answer, export="astrid_export_schemas"):
    """A module whose export answers with these bytes, or with this value as JSON."""
    data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    escaped = "".join("\\%02x" % byte for byte in data)
    return ANSWERS % {"pages": len(data) // 65536 + 1, "data": escaped, "export": export, "len": len(data)}


def states(result):
    """The lines of the table, cut into words."""
    assert result.status == 0, result.stderr
    return [line.split(maxsplit=2) for line in result.stdout.splitlines() if not line.startswith("--write")]


@pytest.mark.parametrize(
    "answer",
    [
        [GREET, PLAIN],
        {"tools": [GREET, PLAIN]},
        {"tools": [GREET, PLAIN], "description": "Both"},
        {tool["name"]: {key: tool[key] for key in ("description", "input_schema")} for tool in (GREET, PLAIN)},
        {"tools": {"greet": dict(WHO, description="Says hi"), "plain": SCHEMA}, "description": "Both"},
        {"greet": dict(WHO, description="Says hi"), "plain": SCHEMA},
    ],
    ids=["array", "wrapped", "described", "map", "sdk-described", "sdk"],
)
def test_every_shape_of_an_answer_is_read_and_can_be_written(run, make_capsule, answer):
    folder = make_capsule(manifest(), answering(answer))
    before = (folder / "Capsule.toml").read_text()
    result = run("schemas", folder, "--json")
    tools = json.loads(result.stdout)
    assert (result.status, result.stderr) == (0, "")
    assert [(tool["name"], tool["description"], tool["state"]) for tool in tools] == [
        ("greet", "Says hi", "missing"), ("plain", "Plain", "missing")]
    assert tools[0]["input_schema"]["properties"] == WHO["properties"]
    assert (folder / "Capsule.toml").read_text() == before
    assert states(run("schemas", folder, "--write")) == [["greet", "added"], ["plain", "added"]]
    text = (folder / "Capsule.toml").read_text()
    assert text.startswith(before)
    assert [(tool["name"], tool["description"]) for tool in tomllib.loads(text)["tool"]] == [
        ("greet", "Says hi"), ("plain", "Plain")]
    assert states(run("schemas", folder)) == [["greet", "same"], ["plain", "same"]]
    assert run("check", folder).status == 0


def test_each_state_is_told(run, make_capsule):
    """`same` by value: the order of members and 1.0 for 1 do not count, nor does null, which TOML lacks."""
    more = """
[[tool]]
name = "same"
description = "s"
[tool.input_schema]
minimum = 1
type = "object"

[[tool]]
name = "schema"
description = "s"
input_schema = { type = "object" }

[[tool]]
name = "text"
description = "old"
input_schema = { type = "object" }

[[tool]]
name = "both"
description = "old"
input_schema = { type = "object" }

[[tool]]
name = "gone"
description = "g"
input_schema = { type = "object" }
"""
    answer = {
        "same": {"description": "s", "input_schema": {"type": "object", "minimum": 1.0, "default": None}},
        "schema": {"input_schema": {"type": "object", "required": ["a"]}},
        "text": {"description": "new", "input_schema": {"type": "object"}},
        "new": {"description": "n", "input_schema": {}},
        "both": {"description": "new", "input_schema": {}},
    }
    folder = make_capsule(manifest(more=more), answering(answer))
    result = run("schemas", folder)
    assert states(result) == [
        ["same", "same"], ["schema", "differs", "input_schema"], ["text", "differs", "description"], ["new", "missing"],
        ["both", "differs", "description, input_schema"], ["gone", "unserved"]]
    assert result.stdout.endswith("--write adds what is missing to the manifest\n")
    told = {tool["name"]: tool for tool in json.loads(run("schemas", folder, "--json").stdout)}
    assert told["gone"] == {"name": "gone", "description": "g", "input_schema": {"type": "object"}, "state": "unserved"}
    assert told["schema"]["description"] is None
    assert told["same"]["input_schema"]["default"] is None  # as the module has it


def test_writing_keeps_every_byte_and_adds_once(run, make_capsule):
    text = "# first\n" + manifest(tools=["plain"]) + "\t# last, no newline"
    folder = make_capsule(text, answering([GREET, PLAIN]))
    (folder / "Capsule.toml").chmod(0o640)
    result = run("schemas", folder, "--write")
    assert (states(result), result.stderr) == ([["greet", "added"], ["plain", "differs", "description"]], "")
    written = (folder / "Capsule.toml").read_text()
    assert written == text + """

[[tool]]
name = "greet"
description = "Says hi"
input_schema = { type = "object", properties = { who = { type = "string" } } }
"""
    assert (folder / "Capsule.toml").stat().st_mode & 0o7777 == 0o640
    assert states(run("schemas", folder, "--write")) == [["greet", "same"], ["plain", "differs", "description"]]
    assert (folder / "Capsule.toml").read_text() == written
    assert sorted(path.name for path in folder.iterdir()) == ["Capsule.toml", "guest.wat"]


def test_lines_end_as_in_the_file(run, make_capsule):
    folder = make_capsule(manifest().replace("\n", "\r\n").encode(), answering([GREET]))
    assert states(run("schemas", folder, "--write")) == [["greet", "added"]]
    written = (folder / "Capsule.toml").read_bytes()
    assert written.count(b"\n") == written.count(b"\r\n") > 10
    assert states(run("schemas", folder)) == [["greet", "same"]]


def test_what_toml_can_not_hold_is_left_out_and_told(run, make_capsule):
    schema = {"a b": {"default": None, "enum": ["x", None]}, "maximum": 2**64 - 1, "exact": 2**63, "real": 1e300}
    folder = make_capsule(manifest(), answering({"odd": schema}))
    result = run("schemas", folder, "--write")
    assert states(result) == [["odd", "added"]]
    assert result.stderr.splitlines() == [
        "capsule: tool `odd`: left out /a b/default: TOML has no null",
        "capsule: tool `odd`: left out /a b/enum/1: TOML has no null",
        "capsule: tool `odd`: left out /maximum: TOML has no integer that large",
        "capsule: tool `odd`: the module has no description of it; write one into Capsule.toml",
    ]
    written = tomllib.loads((folder / "Capsule.toml").read_text())["tool"][0]
    assert written["input_schema"] == {"a b": {"enum": ["x"]}, "exact": 2.0**63, "real": 1e300}
    assert states(run("schemas", folder)) == [["odd", "same"]]


@pytest.mark.parametrize(
    "answer, says",
    [
        (b"", "the answer of astrid_export_schemas: empty"),
        (b"{", "the answer of astrid_export_schemas: line 1, column 2"),
        (b"\xff", "the answer of astrid_export_schemas: line 1, column 1"),
        (3, "expected an array or an object of tools"),
        ([GREET, 3], "/1: expected a tool as an object"),
        ({"tools": [dict(GREET, input_schema=[])]}, "/tools/0/input_schema: expected a JSON Schema"),
        ([dict(GREET, version=1)], "/0/version: no such member is known here"),
        ([GREET, PLAIN, GREET], "/2: a second tool `greet`, the first is /0"),
        (b'{"a":{},"a":{}}', 'repeated key "a"'),
        ([dict(GREET, name="n" * 129)], "/0: the name of the tool has 129 bytes, at most 128 are allowed"),
        ([dict(GREET, name="a\0b")], "/0: the name of the tool contains a NUL character"),
        ({str(i): {} for i in range(4097)}, "4097 tools, at most 4096 are allowed"),
        (b'{"a":' * 200 + b"1" + b"}" * 200, "nested deeper than 128 levels"),
        ({"a": {"x": "y" * 2**20}}, "the schema of the tool `a`"),
    ],
)
@pytest.mark.parametrize("options", [(), ("--write",)], ids=["look", "write"])
def test_a_hostile_answer_is_refused_and_nothing_is_written(run, make_capsule, answer, says, options):
    folder = make_capsule(manifest(), answering(answer))
    before = snapshot(folder)
    result = run("schemas", folder, *options)
    assert (result.status, result.stdout) == (1, "")
    assert says in result.stderr
    assert snapshot(folder) == before


def test_what_a_module_says_reaches_neither_terminal_nor_file_as_it_is(run, make_capsule):
    tool = {"name": "a\x1b[2J\nb", "description": "d\x1b[2J\u202e", "input_schema": {"\x9b": "\x7f"}}
    folder = make_capsule(manifest(), answering([tool]))
    result = run("schemas", folder, "--write")
    assert result.status == 0 and "\x1b" not in result.stdout and result.stdout.count("\n") == 1
    text = (folder / "Capsule.toml").read_text()
    assert not set(text) & set("\x1b\x9b\x7f\u202e")
    written = tomllib.loads(text)["tool"][0]
    assert written == tool


@pytest.mark.parametrize("existing", ["tool = []\n", 'tool = [{ name = "a", description = "b", input_schema = {} }]\n'])
def test_a_list_of_tools_on_one_line_is_left_alone(run, make_capsule, existing):
    folder = make_capsule(existing + manifest(), answering([GREET]))
    before = snapshot(folder)
    result = run("schemas", folder, "--write")
    assert (result.status, result.stdout) == (1, "")
    assert "nothing was changed" in result.stderr and "[[tool]] tables" in result.stderr
    assert snapshot(folder) == before


def lose_override():
    """For root, who may write anywhere: the program that is started next may not."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


def test_a_folder_that_can_not_be_written(run, make_capsule):
    folder = make_capsule(manifest(), answering([GREET]))
    before = snapshot(folder)
    folder.chmod(0o555)
    try:
        result = run("schemas", folder, "--write", preexec_fn=lose_override)
    finally:
        folder.chmod(0o755)
    assert result.status == 1 and "Permission denied" in result.stderr
    assert snapshot(folder) == before


def test_a_link_is_not_replaced(run, make_capsule):
    folder = make_capsule(manifest(), answering([GREET]))
    (folder / "Capsule.toml").rename(folder / "real.toml")
    (folder / "Capsule.toml").symlink_to("real.toml")
    result = run("schemas", folder, "--write")
    assert result.status == 1 and "is a link" in result.stderr
    assert (folder / "Capsule.toml").is_symlink() and (folder / "real.toml").read_text() == manifest()


def test_a_module_without_the_export(run, make_capsule, guest):
    result = run("schemas", make_capsule(manifest(), guest("plugin.wat")))
    assert (result.status, result.stdout) == (1, "")
    assert "Function not found: astrid_export_schemas" in result.stderr
    assert "let it export astrid_export_schemas" in result.stderr


def test_a_module_that_fails_or_does_not_end(run, make_capsule):
    trap = '(module (func (export "astrid_export_schemas") (result i32) unreachable))'
    result = run("schemas", make_capsule(manifest(), trap, "trap"))
    assert result.status == 1 and "unreachable" in result.stderr and "write [[tool]]" not in result.stderr
    spin = '(module (func (export "astrid_export_schemas") (result i32) (loop $again (br $again)) (i32.const 0)))'
    result = run("schemas", make_capsule(manifest(), spin, "spin"), "--cpu-ms", "20")
    assert result.status == 1 and "20 ms" in result.stderr


def test_the_module_may_do_nothing(run, make_capsule, home):
    """What the manifest allows is not asked: the module runs before there is one that could be trusted."""
    write = """\
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
  (import "extism:host/user" "astrid_write_file" (func $write (param i64 i64)))
  (func (export "astrid_export_schemas") (result i32)
    (local $name i64)
    (local.set $name (call $alloc (i64.const 1)))
    (call $store_u8 (local.get $name) (i32.const 97))
    (call $write (local.get $name) (local.get $name))
    (i32.const 0)))
"""
    folder = make_capsule(manifest(more='\n[capabilities]\nfs_write = ["*"]\n'), write)
    before = snapshot(folder)
    result = run("schemas", folder, cwd=folder)
    assert result.status == 1 and "denied" in result.stderr
    assert snapshot(folder) == before and snapshot(home) == {}


def test_a_module_outside_the_folder_is_refused(run, make_capsule):
    folder = make_capsule(manifest())
    (folder.parent / "outside.wat").write_text(answering([GREET]))
    (folder / "guest.wat").symlink_to("../outside.wat")
    result = run("schemas", folder)
    assert result.status == 1 and "outside the capsule's folder" in result.stderr


def test_a_guest_in_c_tells_its_tools(run, make_capsule, guest):
    source = """\
#include <capsule_guest.h>

CAPSULE_EXPORT(astrid_export_schemas)
{
	guest_output(guest_text("{\\"tools\\":[{\\"name\\":\\"hello\\",\\"description\\":\\"Greets\\","
				"\\"input_schema\\":{\\"type\\":\\"object\\"}}]}"));
	return 0;
}
"""
    folder = make_capsule(manifest(module="guest.wasm"), guest(source), module_name="guest.wasm")
    assert states(run("schemas", folder, "--write")) == [["hello", "added"]]
