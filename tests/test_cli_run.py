# SPDX-License-Identifier: MIT OR Apache-2.0
"""capsule run: a set of capsules is loaded in order, told, kept running, and unloaded in reverse when a signal comes."""

import json
import os
import signal

import pytest

from conftest import TIMEOUT_S

MODULE = '(module (func (export "astrid_tool_call") (result i32) (i32.const 0)))'
CRASH = '(module (func (export "run") (unreachable)))'
SPIN = '(module (func (export "run") (loop $again (br $again))))'


@pytest.fixture
def make(tmp_path):
    """A capsule in the set."""

    def make_one(name, requires="", provides="", module=None, more="", root=None):
        folder = (root or tmp_path / "set") / name
        folder.mkdir(parents=True)
        lines = ["[package]", f'name = "{name}"', 'version = "1.0.0"']
        if module is not None:
            lines += ["[[component]]", 'file = "guest.wat"']
            (folder / "guest.wat").write_text(module)
        if requires or provides:
            lines += ["[dependencies]"]
            lines += [f"requires = {json.dumps(['topic:' + word for word in requires.split()])}"] if requires else []
            lines += [f"provides = {json.dumps(['topic:' + word for word in provides.split()])}"] if provides else []
        (folder / "Capsule.toml").write_text("\n".join(lines) + "\n" + more)
        return folder

    return make_one


def end(process, number=signal.SIGTERM):
    """What is printed from here on, after one signal."""
    process.send_signal(number)
    out, err = process.communicate(timeout=TIMEOUT_S)
    return out.decode(), err.decode()


def lines(process, count):
    return [process.stdout.readline().decode().rstrip("\n") for _ in range(count)]


@pytest.fixture
def four(make, tmp_path):
    make("a", requires="b")
    make("b", requires="c", provides="b")
    make("c", requires="d", provides="c", module=MODULE, more='[[tool]]\nname = "t"\ndescription = "d"\n')
    make("d", provides="d")
    return tmp_path / "set"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_providers_come_first_and_are_unloaded_last(start, four, number):
    process = start("run", four)
    assert lines(process, 4) == ["ready  d 1.0.0 (tools 0)", "ready  c 1.0.0 (tools 1)", "ready  b 1.0.0 (tools 0)", "ready  a 1.0.0 (tools 0)"]
    assert end(process, number) == ("unloaded a\nunloaded b\nunloaded c\nunloaded d\n", "")
    assert process.returncode == 0


def test_json_is_one_object_a_line(start, four):
    process = start("run", four, "--json")
    first = json.loads(lines(process, 1)[0])
    assert first == {"id": "d", "version": "1.0.0", "dir": str(four / "d"), "state": "ready", "reason": None, "tools": 0}
    lines(process, 3)
    out, _ = end(process)
    assert [(json.loads(line)["id"], json.loads(line)["state"]) for line in out.splitlines()] == [(name, "unloaded") for name in "abcd"]


def test_one_that_fails_does_not_keep_the_others(start, make, tmp_path):
    make("a", provides="a")
    make("b", requires="a", provides="b", module="(module")
    make("c", requires="b")
    process = start("run", tmp_path / "set")
    told = lines(process, 3)
    assert told[0] == "ready  a 1.0.0 (tools 0)" and told[2] == "ready  c 1.0.0 (tools 0)"
    assert told[1].startswith("failed b: ")
    out, _ = end(process)
    assert out == "unloaded c\nunloaded b\nunloaded a\n"
    assert process.returncode == 1


def test_a_cycle_is_loaded_and_told(start, make, tmp_path):
    make("a", requires="b", provides="a")
    make("b", requires="a", provides="b")
    process = start("run", tmp_path / "set")
    assert lines(process, 2) == ["ready  a 1.0.0 (tools 0)", "ready  b 1.0.0 (tools 0)"]
    _, err = end(process)
    assert "dependency cycle detected: a, b" in err
    assert process.returncode == 0


def test_a_run_loop_that_ends_is_told_and_the_rest_goes_on(start, make, tmp_path):
    make("a")
    make("b", module=CRASH)
    process = start("run", tmp_path / "set")
    told = lines(process, 3)
    assert told[:2] == ["ready  a 1.0.0 (tools 0)", "ready  b 1.0.0 (tools 0)"]
    assert told[2].startswith("failed b: WASM run loop exited unexpectedly")
    assert end(process)[0] == "unloaded b\nunloaded a\n"
    assert process.returncode == 1


def test_a_signal_while_one_is_waited_for_ends_the_boot(start, make, tmp_path):
    make("loop", provides="loop", module=SPIN)
    make("needs", requires="loop")
    process = start("run", tmp_path / "set", "--cpu-ms", "60000")
    assert lines(process, 1) == ["ready  loop 1.0.0 (tools 0)"]
    assert end(process)[0] == "unloaded loop\n"
    assert process.returncode == 1


def test_a_broken_manifest_is_told(start, make, tmp_path):
    make("a")
    (make("b") / "Capsule.toml").write_text("[package]\n")
    process = start("run", tmp_path / "set")
    lines(process, 1)
    _, err = end(process)
    assert "left out: " in err and "set/b" in err
    assert process.returncode == 1


def test_nothing_found_tells_where_it_looked(run, tmp_path, home):
    (tmp_path / "set").mkdir()
    result = run("run", tmp_path / "set")
    assert result.status == 1 and result.stdout == ""
    assert "no capsules found in:" in result.stderr and str(tmp_path / "set") in result.stderr
    result = run("run", "--workspace", tmp_path / "set")
    assert result.status == 1
    assert f"{tmp_path}/set/.astrid/capsules" in result.stderr and f"{home}/capsules" in result.stderr
    assert result.stderr.splitlines() == [
        "capsule: no capsules found in:",
        f"  {tmp_path}/set/.astrid/capsules",
        f"  {home}/capsules",
        "capsule: name folders with capsules: capsule run DIR...",
    ]
    result = run("run", tmp_path / "set", tmp_path / "none")
    assert result.status == 1
    assert result.stderr.splitlines() == [
        f"capsule: {tmp_path}/none: there is no such folder",
        "capsule: no capsules found in:",
        f"  {tmp_path}/set",
        f"  {tmp_path}/none",
    ]


def test_what_a_workspace_brings_needs_approval(run, start, make, tmp_path):
    folder = make("guest", root=tmp_path / "work/.astrid/capsules")
    result = run("run", "--workspace", tmp_path / "work")
    assert result.status == 1 and result.stdout == ""
    assert f"capsule approve {folder}" in result.stderr
    process = start("run", "--workspace", tmp_path / "work", "--trust")
    assert lines(process, 1) == ["ready  guest 1.0.0 (tools 0)"]
    assert end(process)[0] == "unloaded guest\n"


def test_a_server_of_another_type_is_told_not_to_be_started(start, make, tmp_path):
    make("a", more='[capabilities]\nhost_process = ["npx"]\n[[mcp_server]]\nid = "s"\ntype = "sse"\ncommand = "npx"\n')
    process = start("run", tmp_path / "set")
    assert lines(process, 1) == ["ready  a 1.0.0 (tools 0)"]
    assert "a: warn: the MCP server `s` is not started: its type is `sse`; the types are: stdio." in end(process)[1]


def test_a_folder_whose_name_is_no_utf8_is_told_as_json(start, make, tmp_path):
    make("a").rename(os.fsdecode(bytes(tmp_path / "set") + b"/\xff\xed\xa0\x80"))
    process = start("run", tmp_path / "set", "--json")
    assert json.loads(lines(process, 1)[0])["dir"] == str(tmp_path / "set") + "/" + 4 * "\ufffd"
    out, err = end(process)
    assert [json.loads(line)["state"] for line in out.splitlines()] == ["unloaded"]
    assert err == "" and process.returncode == 0


def test_a_folder_that_is_none_makes_the_status_1(start, make, tmp_path):
    make("a")
    (tmp_path / "file").write_text("")
    process = start("run", tmp_path / "set", tmp_path / "file")
    assert lines(process, 1) == ["ready  a 1.0.0 (tools 0)"]
    assert "file: Not a directory" in end(process)[1]
    assert process.returncode == 1


@pytest.mark.parametrize("module", [None, SPIN])
def test_it_ends_when_nobody_reads_what_it_tells(start, make, tmp_path, module):
    make("a", module=module, provides="a")
    make("b", requires="a")
    theirs, ours = os.pipe()
    os.close(theirs)
    process = start("run", tmp_path / "set", "--cpu-ms", "600000", stdout=ours)
    os.close(ours)
    process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 128 + signal.SIGPIPE


def test_two_of_one_id_in_two_folders(start, make, tmp_path):
    make("a", root=tmp_path / "one")
    second = make("a", root=tmp_path / "two")
    process = start("run", tmp_path / "one", tmp_path / "two")
    assert lines(process, 1) == ["ready  a 1.0.0 (tools 0)"]
    out, err = end(process)
    assert out == "unloaded a\n" and process.returncode == 0
    assert err.startswith(f"capsule: left out: '{second}': the id `a` is taken by {tmp_path}/one/a, which comes first")
