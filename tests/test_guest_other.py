# SPDX-License-Identifier: MIT OR Apache-2.0
"""The same tool written with other people's kits, built and called as docs/guest-other.md says."""

import json
import pathlib
import re
import shutil

import pytest

import kits
from conftest import ROOT
from console import Shell, replay

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


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory):
    """A home for most of these tests, so that a module of 3 MB is compiled once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def call(run, shared_home, capsule):
    def call_tool(kit, tool, arguments, *options, more=""):
        folder = capsule(kit)
        with open(folder / "Capsule.toml", "a", encoding="utf-8") as file:
            file.write(more)
        return run("call", folder, tool, "-", "--home", shared_home, *options, input=arguments)

    return call_tool


@each_kit
def test_it_is_used_as_the_page_says(capsule, capsule_bin, environment, shared_home, tmp_path, kit):
    capsule(kit)
    path = "%s:%s" % (pathlib.Path(capsule_bin).parent, environment["PATH"])
    env = dict(environment, ASTRID_HOME=str(shared_home), PATH=path, NO_COLOR="1")
    assert replay(kits.section(kit), Shell(tmp_path, env)) >= 2


@each_kit
@pytest.mark.parametrize("name", ["Ada", "Zoë \U0001f600", 'quote " and \\ and \n and \x01', "x" * 100000])
@pytest.mark.parametrize("ascii", [True, False], ids=["escaped", "as-it-is"])
def test_it_greets_anybody(call, kit, name, ascii):
    result = call(kit, "hello", json.dumps({"name": name}, ensure_ascii=ascii))
    assert (result.status, result.error) == (0, b"")
    assert json.loads(result.stdout) == {"greeting": "Hello, %s!" % name}


@each_kit
@pytest.mark.parametrize("arguments", ['{"name":5}', "[]", '"Ada"', "{}"])
def test_wrong_arguments_are_a_failure_of_the_call(call, kit, arguments):
    result = call(kit, "hello", arguments)
    assert (result.status, result.output) == (1, b"")
    assert "capsule: tool `hello`: " in result.stderr


@each_kit
def test_its_instance_serves_many_calls(call, kit):
    result = call(kit, "hello", '{"name":"Ada"}', "--repeat", "2000")
    assert (result.status, result.stdout) == (0, '{"greeting":"Hello, Ada!"}\n')


@each_kit
def test_a_tool_that_it_does_not_have(call, kit):
    result = call(kit, "nothing", "{}", more='\n[[tool]]\nname = "nothing"\ndescription = "Only here."\n')
    assert (result.status, result.output) == (1, b"")
    assert result.stderr.endswith("capsule: tool `nothing`: unknown tool: nothing\n")


@each_kit
def test_its_manifest_has_no_problem(run, capsule, kit):
    assert run("check", capsule(kit)).stdout == "no problems found in 1 manifest\n"


if "rust" in kits.HERE:

    def test_rust_counts_in_its_store_over_processes(run, capsule):
        folder = capsule("rust")
        assert [json.loads(run("call", folder, "count").stdout)["count"] for _ in range(3)] == [1, 2, 3]
        assert json.loads(run("call", folder, "count", "--repeat", "100").stdout) == {"count": 103}
        shown = json.loads(run("inspect", folder, "--json").stdout)
        assert [entry["name"] for entry in shown["host_functions"]] == ["astrid_kv_get", "astrid_kv_set"]


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
