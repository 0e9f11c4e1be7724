# SPDX-License-Identifier: MIT OR Apache-2.0
"""capsule inspect: a module seen from outside."""

import json

from conftest import manifest, snapshot

IMPORTS = """(module
  (import "extism:host/env" "alloc" (func (param i64) (result i64)))
  (import "extism:host/user" "astrid_kv_get" (func (param i64) (result i64)))
  (import "extism:host/env" "free" (func (param i64)))
  (import "elsewhere" "%s" (func))
  (memory (export "memory") 2 16)
  (func (export "astrid_tool_call") (result i32) (i32.const 0)))
"""


def test_a_capsule_is_described_in_sections(run, make_capsule, guest):
    folder = make_capsule(manifest(tools=["hello"]), guest("tools.wat"))
    result = run("inspect", folder)
    assert (result.status, result.stderr) == (0, "")
    facts = dict(line.split(None, 1) for line in result.stdout.split("\n\n")[0].splitlines())
    assert facts["module"].endswith("guest.wat")
    assert facts["capsule"] == "test"
    assert facts["kind"] == "tools"
    assert len(facts["blake3"]) == 64
    assert facts["size"].endswith(" bytes")
    assert facts["memory"].startswith("64 KiB")
    sections = [block.split(" (")[0] for block in result.stdout.split("\n\n")[1:]]
    assert sections == ["imports", "exports", "host functions"]
    assert "  extism:host/env\n    alloc " in result.stdout
    assert "astrid_tool_call" in result.stdout


def test_host_functions_tell_what_would_happen(run, make_capsule, guest):
    folder = make_capsule(manifest(tools=["hello"]), guest("tools.wat"))
    rows = run("inspect", folder).stdout.split("host functions")[1].splitlines()
    store = next(row for row in rows if "astrid_kv_set" in row)
    request = next(row for row in rows if "astrid_http_request" in row)
    assert store.split()[1] == "ok"
    assert request.split()[1] == "refused" and "net" in request


def test_a_granted_function_that_this_release_lacks_is_marked(run, make_capsule, guest):
    folder = make_capsule(manifest(tools=["hello"], more='\n[capabilities]\nnet = ["example.com"]\n'), guest("tools.wat"))
    rows = run("inspect", folder).stdout.split("host functions")[1].splitlines()
    assert "not part of this release" in next(row for row in rows if "astrid_http_request" in row)


def test_imports_are_grouped_by_module_and_unknown_ones_marked(run, tmp_path):
    (tmp_path / "m.wat").write_text(IMPORTS % "nothing")
    result = run("inspect", tmp_path / "m.wat")
    assert result.status == 0
    imports = result.stdout.split("\n\n")[1].splitlines()
    assert imports[0] == "imports (4)"
    assert [line.strip() for line in imports if not line.startswith("    ")][1:] == ["elsewhere", "extism:host/env", "extism:host/user"]
    assert "unknown" in next(line for line in imports if "nothing" in line)
    assert not any("unknown" in line for line in imports if "alloc" in line or "astrid_kv_get" in line)


def test_json_is_what_the_library_says(run, tmp_path):
    (tmp_path / "m.wat").write_text(IMPORTS % "nothing")
    module = json.loads(run("inspect", tmp_path / "m.wat", "--json").stdout)
    assert {"file", "bytes", "blake3", "capsule", "kind", "imports", "exports", "memory", "host_functions"} <= set(module)
    assert module["capsule"] is None
    assert module["memory"] == {"pages_min": 2, "pages_max": 16}
    assert [entry["known"] for entry in module["imports"]] == [True, True, True, False]
    assert {entry["name"] for entry in module["exports"]} == {"memory", "astrid_tool_call"}


def test_control_characters_of_a_module_do_not_reach_the_output(run, tmp_path):
    (tmp_path / "m.wat").write_text(IMPORTS % r"\1b[2Jname\c2\9b")
    result = run("inspect", tmp_path / "m.wat")
    assert result.status == 0
    assert "\ufffd[2Jname\ufffd" in result.stdout
    assert b"\x1b" not in result.output


def test_what_is_no_module_is_refused(run, tmp_path):
    (tmp_path / "m.wasm").write_bytes(b"\0asm\1\0\0\0\1")
    for name in ("m.wasm", "missing.wasm"):
        result = run("inspect", tmp_path / name)
        assert (result.status, result.stdout) == (1, "")
        assert name in result.stderr


def test_inspection_writes_nothing(run, make_capsule, guest, home):
    folder = make_capsule(manifest(tools=["hello"]), guest("tools.wat"))
    before = snapshot(folder)
    assert run("inspect", folder).status == 0
    assert snapshot(folder) == before
    assert snapshot(home) == {}
