# SPDX-License-Identifier: MIT OR Apache-2.0
"""Servers that others wrote, as their registry has them, in sandboxes; and the word of the protocol's own client on them."""

import json
import shutil
import subprocess

import pytest

from conftest import ROOT, need
from peers import ask_theirs, inspect, make_peer, program, put_packages

GRANTS = 'fs_read = ["workspace://notes"]\nfs_write = ["workspace://notes"]'


def good(result):
    assert result.status == 0, result.stderr
    return result.stdout


def called(result):
    """The result of a tool that succeeded."""
    answer = json.loads(good(result))["result"]
    assert answer["success"] is True, answer
    return answer


def texts(answer):
    return "\n".join(item["text"] for item in answer["content"] if item["type"] == "text")


@pytest.fixture
def workspace(tmp_path):
    folder = tmp_path / "work"
    (folder / "notes").mkdir(parents=True)
    (folder / "notes" / "today.txt").write_text("Buy tea.\n")
    (folder / "secret.txt").write_text("x\n")
    return folder


@pytest.fixture
def peer(run, tmp_path, workspace):
    """Make a capsule of a server, and give what runs commands on it."""

    def make(server, *words, **more):
        folder = make_peer(tmp_path / server, server, words, **more)

        def ask(*arguments):
            command, *rest = arguments
            return run(command, folder, *rest, "--workspace", workspace)

        ask.tool = lambda name, **given: run("call", folder, name, json.dumps(given), "--json", "--workspace", workspace)
        ask.mcp = lambda verb, *rest: run("mcp", verb, folder, *rest, "--workspace", workspace)
        ask.folder = folder
        return ask

    return make


# ---- Everything ----


def test_everything_gives_results_of_each_kind(peer):  # structured, several contents, resources, links
    everything = peer("everything")
    assert texts(called(everything.tool("echo", message="Saluton ĝis"))) == "Echo: Saluton ĝis"
    weather = called(everything.tool("get-structured-content", location="Chicago"))
    assert weather["structured"]["temperature"] == 36 and json.loads(texts(weather)) == weather["structured"]
    image = called(everything.tool("get-tiny-image"))["content"]
    assert [item["type"] for item in image] == ["text", "image", "text"]
    assert len(image[1]["data"]) > 100
    links = called(everything.tool("get-resource-links", count=3))["content"]
    assert [item["type"] for item in links].count("resource_link") == 3
    held = called(everything.tool("get-resource-reference", resourceType="Text", resourceId=1))["content"]
    assert "resource" in [item["type"] for item in held]
    wrong = json.loads(everything.tool("get-sum", a="one", b=2).stdout)["result"]
    assert wrong["success"] is False and "a" in wrong["error"]


def test_everything_reports_progress_while_it_works(peer):
    everything = peer("everything")
    traced = everything.mcp("trace", "trigger-long-running-operation", '{"duration":1,"steps":4}', "--json")
    lines = good(traced).splitlines()
    seen = [json.loads(json.loads(line)["line"]) for line in lines]
    calls = [line for line in seen if line.get("method") == "tools/call"]
    token = calls[0]["params"]["_meta"]["progressToken"]
    progress = [line["params"] for line in seen if line.get("method") == "notifications/progress"]
    assert [step["progress"] for step in progress] == [1, 2, 3, 4]
    assert {step["progressToken"] for step in progress} == {token}


def test_everything_has_resources_and_prompts(peer):
    everything = peer("everything")
    listed = json.loads(good(everything.mcp("resources", "--json")))
    assert len(listed["resources"]) > 0 and len(listed["templates"]) > 0
    uri = listed["resources"][0]["uri"]
    read = json.loads(good(everything.mcp("resources", uri, "--json")))
    assert read["contents"][0]["uri"] == uri and len(read["contents"][0]["text"]) > 0
    got = json.loads(good(everything.mcp("prompts", "args-prompt", '{"city":"Riga","state":"Latvia"}', "--json")))
    assert "Riga, Latvia" in got["messages"][0]["content"]["text"]
    assert everything.mcp("resources", "none:such").status == 1


def test_everything_is_told_the_roots_that_it_may_see(peer, workspace):
    everything = peer("everything", grants=GRANTS)
    told = texts(called(everything.tool("get-roots-list")))
    assert (workspace / "notes").as_uri() in told and "(1 total)" in told
    assert peer("memory", grants="").mcp("ping").status == 0


def test_everything_sees_an_environment_of_its_own(peer, environment):
    environment["A_SECRET"] = "hunter2"
    settings = '[env]\nSAFE_VAR = { type = "string", default = "kept" }'
    everything = peer("everything", more=settings)
    seen = json.loads(texts(called(everything.tool("get-env"))))
    assert seen["SAFE_VAR"] == "kept" and "A_SECRET" not in seen
    assert not [name for name in seen if name.startswith(("ASTRID_", "CAPSULE_", "CARGO_"))]
    assert seen["HOME"] == "/home/capsule"


# ---- The same server, asked by the client of others and by ours ----


@pytest.mark.parametrize("server", ["everything", "filesystem", "memory", "sequential-thinking"])
def test_both_clients_are_told_the_same(peer, server, workspace, tmp_path):
    notes = workspace / "notes"
    words = ["workspace://notes"] if server == "filesystem" else []
    ours = peer(server, *words, grants=GRANTS)
    roots = [{"uri": notes.as_uri(), "name": "notes"}]
    theirs = ask_theirs(["node", ours.folder / program(server), *[notes for _ in words]], roots)
    assert len(theirs["tools"]) > 0
    servers = json.loads(good(ours.mcp("servers", "--json")))
    assert {name: servers[0]["server"][name] for name in ("name", "version")} == {
        name: theirs["server"][name] for name in ("name", "version")
    }
    assert servers[0]["instructions"] == theirs["instructions"]
    assert json.loads(good(ours.mcp("tools", "--json"))) == theirs["tools"]
    if theirs["resources"] or theirs["templates"]:
        resources = json.loads(good(ours.mcp("resources", "--json")))
        assert resources["resources"] == theirs["resources"] and resources["templates"] == theirs["templates"]
    if theirs["prompts"]:
        assert json.loads(good(ours.mcp("prompts", "--json"))) == theirs["prompts"]


@pytest.fixture(autouse=True, scope="module")
def built():
    need("wasm-ld")
    subprocess.run([ROOT / "examples" / "build.sh"], check=True)


def test_both_clients_are_told_the_same_by_our_server(run):
    folder = ROOT / "examples" / "mcp" / "words"
    theirs = ask_theirs([folder / "server"])
    assert json.loads(good(run("mcp", "tools", folder, "--json"))) == theirs["tools"]
    resources = json.loads(good(run("mcp", "resources", folder, "--json")))
    assert resources == {"resources": theirs["resources"], "templates": theirs["templates"]}
    assert json.loads(good(run("mcp", "prompts", folder, "--json"))) == theirs["prompts"]
    assert len(theirs["tools"]) == 3


def test_inspector_is_told_the_same(peer, run):
    words = ROOT / "examples" / "mcp" / "words"
    memory = peer("memory")
    for folder, command in [(words, [words / "server"]), (memory.folder, ["node", memory.folder / program("memory")])]:
        assert json.loads(good(run("mcp", "tools", folder, "--json"))) == inspect(command, "tools/list")["tools"]
    called_by_theirs = inspect([words / "server"], "tools/call", "--tool-name", "count", "--tool-arg", "text=a b")
    ours = json.loads(good(run("mcp", "call", words, "count", '{"text":"a b"}', "--json")))["result"]
    assert ours["original"] == called_by_theirs
    read = inspect([words / "server"], "resources/read", "--uri", "words://about")
    assert json.loads(good(run("mcp", "resources", words, "words://about", "--json"))) == read
    prompts = inspect([words / "server"], "prompts/list")["prompts"]
    assert json.loads(good(run("mcp", "prompts", words, "--json"))) == prompts


@pytest.mark.parametrize("name", ["desk", "words"])
def test_manifests_of_the_examples_have_no_problem(run, tmp_path, name):
    folder = tmp_path / name
    shutil.copytree(ROOT / "examples" / "mcp" / name, folder)
    if name == "desk":
        put_packages(folder)
    result = run("check", folder, "--json")
    told = [diagnostic["message"] for diagnostic in json.loads(result.stdout)]
    # Of an interpreter that a guest may run, too, people should know.
    assert result.status == 0 and [text for text in told if not text.startswith("`node` in `host_process`")] == []


# ---- Files ----


@pytest.fixture
def files(peer, workspace):
    """It is told the whole workspace, and granted the notes."""
    return peer("filesystem", "workspace://", "workspace://notes", grants=GRANTS)


def test_files_are_read_and_written_where_they_are_granted(files, workspace):
    notes = workspace / "notes"
    assert texts(called(files.tool("read_text_file", path=str(notes / "today.txt")))) == "Buy tea.\n"
    called(files.tool("write_file", path=str(notes / "new.txt"), content="Hi"))
    assert (notes / "new.txt").read_text() == "Hi"
    assert "[FILE] today.txt" in texts(called(files.tool("list_directory", path=str(notes))))


def test_files_that_are_not_granted_are_not_there(peer, tmp_path, home):
    # Without roots the server takes its words for what it may, so that the sandbox alone stands between.
    folder = tmp_path / "other"
    (folder / "open").mkdir(parents=True)
    (folder / "open" / "a.txt").write_text("a")
    (folder / "secret.txt").write_text("x")
    files = peer("filesystem", str(folder), "/etc", grants='fs_read = ["%s"]' % (folder / "open"))
    assert texts(called(files.tool("list_directory", path=str(folder)))) == "[DIR] open"
    assert texts(called(files.tool("read_text_file", path=str(folder / "open" / "a.txt")))) == "a"
    for path in (folder / "secret.txt", "/etc/shadow"):
        answer = json.loads(files.tool("read_text_file", path=str(path)).stdout)["result"]
        assert answer["success"] is False and "ENOENT" in answer["error"], path
    called(files.tool("list_directory", path=str(folder / "open")))
    written = json.loads(files.tool("write_file", path=str(folder / "open" / "b"), content="b").stdout)["result"]
    assert written["success"] is False and not (folder / "open" / "b").exists()


def test_workspace_that_is_the_folder_of_the_capsule_is_a_root(run, tmp_path):
    folder = make_peer(tmp_path / "both", "everything", grants='fs_read = ["workspace://"]')
    result = run("call", folder, "get-roots-list", "--json", "--workspace", folder)
    assert folder.as_uri() in texts(called(result))


def test_word_that_leads_out_of_the_workspace_ends_the_load(peer, run):
    files = peer("filesystem", "workspace://a/../..", grants=GRANTS)
    result = files.mcp("tools")
    assert result.status == 1 and "its argument `workspace://a/../..` leads out of a folder by `..`" in result.stderr
    result = run("check", files.folder)
    assert result.status == 1 and "the argument `workspace://a/../..`" in result.stdout + result.stderr


# ---- What is kept ----


def test_memory_outlives_its_process_in_the_state_folder(peer, home):
    kept = home / "state" / "memory" / "memory.jsonl"
    memory = peer("memory", more='[env]\nMEMORY_FILE_PATH = { type = "string", default = "%s" }' % kept)
    entity = {"name": "tea", "entityType": "drink", "observations": ["is bought"]}
    called(memory.tool("create_entities", entities=[entity]))
    assert json.loads(kept.read_text())["name"] == "tea"
    graph = called(memory.tool("read_graph"))
    assert graph["structured"]["entities"] == [entity]
    called(memory.tool("delete_entities", entityNames=["tea"]))
    assert called(memory.tool("read_graph"))["structured"]["entities"] == []


def test_thoughts_follow_each_other(peer):
    thinking = peer("sequential-thinking")
    thought = {"thought": "first", "thoughtNumber": 1, "totalThoughts": 2, "nextThoughtNeeded": True}
    answer = called(thinking.tool("sequentialthinking", **thought))
    assert answer["structured"]["thoughtNumber"] == 1 and answer["structured"]["nextThoughtNeeded"] is True
    shown = good(thinking("tools"))
    assert shown.startswith("sequentialthinking  capsule:sequential-thinking:sequential-thinking\n")
