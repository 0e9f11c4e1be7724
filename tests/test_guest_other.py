# SPDX-License-Identifier: MIT OR Apache-2.0
"""The same tool written with other people's kits, built and called as docs/guest-other.md says."""

import json
import pathlib
import re
import shutil
import subprocess

import pytest

import kits
from conftest import ROOT, TIMEOUT_S
from test_readme import as_pattern, steps

each_kit = pytest.mark.parametrize("kit", kits.HERE)


@pytest.fixture
def capsule(tmp_path):
    """The capsule of a kit, as the page's commands leave it, in a checkout of its own."""

    def make(kit):
        folder = tmp_path / "examples" / "kits" / kit
        folder.mkdir(parents=True)
        shutil.copy(ROOT / "examples" / "kits" / kit / "Capsule.toml", folder)
        shutil.copy(kits.build(kit), folder / "hello.wasm")
        return folder

    return make


def request(tool, arguments):
    return json.dumps({"name": tool, "arguments": list(json.dumps(arguments).encode())})


@each_kit
def test_it_is_used_as_the_page_says(capsule, capsule_bin, environment, tmp_path, kit):
    capsule(kit)
    env = dict(environment, PATH="%s:%s" % (pathlib.Path(capsule_bin).parent, environment["PATH"]), NO_COLOR="1")
    told = steps(kits.section(kit))
    assert len(told) >= 2
    for command, expected in told:
        output = subprocess.PIPE
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=env, stdout=output, stderr=subprocess.STDOUT, timeout=TIMEOUT_S, check=False
        )
        said = done.stdout.decode()
        assert re.fullmatch(as_pattern(expected), said), "$ %s\n%s\ninstead of\n%s" % (command, said, expected)


@each_kit
@pytest.mark.parametrize("name", ["Ada", "Zoë \U0001f600", 'quote " and \\ and \n and \x01', "x" * 100000])
def test_it_greets_anybody(run, capsule, kit, name):
    result = run("call", capsule(kit), "hello", "-", input=json.dumps({"name": name}))
    assert (result.status, result.error) == (0, b"")
    assert json.loads(result.stdout) == {"greeting": "Hello, %s!" % name}


@each_kit
def test_wrong_arguments_are_a_failure_of_the_call(run, capsule, kit):
    folder = capsule(kit)
    for arguments in ['{"name":5}', "[]", '"Ada"', "{}"]:
        result = run("call", folder, "hello", arguments)
        assert (result.status, result.output) == (1, b"")
        assert result.stderr.startswith("capsule: tool `hello`: ") or "error: " in result.stderr


@each_kit
def test_its_instance_serves_many_calls(run, capsule, kit):
    result = run("call", capsule(kit), "hello", '{"name":"Ada"}', "--repeat", "2000")
    assert (result.status, result.stdout) == (0, '{"greeting":"Hello, Ada!"}\n')


@each_kit
def test_a_tool_that_it_does_not_have(run, capsule, kit):
    result = run("exec", capsule(kit) / "hello.wasm", "astrid_tool_call", request("nothing", {}))
    assert (result.status, result.output) == (1, b"")
    assert result.stderr == "capsule: `astrid_tool_call`: unknown tool: nothing\n"


@each_kit
def test_it_has_a_good_manifest_and_imports_what_exists(run, capsule, kit):
    folder = capsule(kit)
    assert run("check", folder).stdout == "no problems found in 1 manifest\n"
    shown = json.loads(run("inspect", folder, "--json").stdout)
    assert all(entry["known"] for entry in shown["imports"])
    served = {entry["name"] for entry in shown["host_functions"]}
    assert served == ({"astrid_kv_get", "astrid_kv_set"} if kit == "rust" else set())


if "rust" in kits.HERE:

    def test_rust_counts_in_its_store_over_processes(run, capsule):
        folder = capsule("rust")
        assert [json.loads(run("call", folder, "count").stdout)["count"] for _ in range(3)] == [1, 2, 3]
        assert json.loads(run("call", folder, "count", "--repeat", "100").stdout) == {"count": 103}


# The page and the folders


@pytest.mark.parametrize("kit", kits.KITS)
def test_what_the_page_says_is_there(kit):
    assert "(../examples/kits/%s)" % kit in kits.PAGE
    assert kits.commands(kit).startswith("cd examples/kits/%s\n" % kit)
    assert "Capsule.toml" in kits.files(kit)
    assert not [name for name in kits.files(kit) if name.endswith(".wasm")]


def test_locks_name_the_standard_source_only():
    cargo = (ROOT / "examples" / "kits" / "rust" / "Cargo.lock").read_text()
    sources = set(re.findall(r"^source = (.*)$", cargo, re.MULTILINE))
    assert len(sources) == 1 and sources.pop().startswith('"registry+https://github.com/rust-lang/')
    packages = json.loads((ROOT / "examples" / "kits" / "assemblyscript" / "package-lock.json").read_text())["packages"]
    assert len(packages) > 3
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert name == "" or package["integrity"].startswith("sha512-")
