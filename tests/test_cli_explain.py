# SPDX-License-Identifier: MIT OR Apache-2.0
"""capsule explain: every entry in words, and single questions with the line that decides."""

import json
import os

import pytest

HEAD = '[package]\nname = "demo"\nversion = "1.0.0"\n\n[capabilities]\n'
COMPONENT = '\n[[component]]\nid = "c"\nfile = "c.wasm"\n'


@pytest.fixture
def explain(run, make_capsule, tmp_path):
    """Explain a capsule with these lines of [capabilities], in a workspace and home of the test."""
    workspace, home = tmp_path / "workspace", tmp_path / "home"
    workspace.mkdir()
    home.mkdir()

    def explain_lines(lines, *arguments, **options):
        folder = tmp_path / "capsule"
        if not folder.exists():
            make_capsule(HEAD + lines)
        (folder / "Capsule.toml").write_text(HEAD + lines)
        return run("explain", folder, *arguments, "--workspace", workspace, "--home", home, **options)

    explain_lines.workspace, explain_lines.home, explain_lines.file = workspace, home, tmp_path / "capsule/Capsule.toml"
    return explain_lines


def test_an_allowed_action_names_the_line(explain):
    result = explain('net = []\nfs_read = ["workspace://notes"]\n', "read", "workspace://notes/a")
    assert (result.status, result.stderr) == (0, "")
    assert result.stdout == (
        "allowed: fs_read entry `workspace://notes` (%s:7)\n"
        '%s:7: fs_read = "workspace://notes"\n' % (explain.file, explain.file)
    )


def test_a_denied_action_says_why_and_what_to_add(explain):
    result = explain('fs_read = ["workspace://notes"]\n', "read", "src/a")
    assert (result.status, result.stderr) == (3, "")
    assert result.stdout == (
        "denied: read access to `%s/src/a` not declared in manifest (%s:6)\n"
        'fix: add "workspace://src/a" to fs_read in [capabilities]\n' % (explain.workspace, explain.file)
    )


@pytest.mark.parametrize(
    "lines, action, operand, status",
    [
        ('net = ["api.github.com"]', "http", "https://v1.api.github.com/v1", 0),
        ('net = ["api.github.com"]', "http", "http://api.github.com@127.0.0.1/admin", 3),
        ('net = ["*"]', "http", "not a url", 3),
        ('fs_write = ["*"]', "write", "a/b", 0),
        ('fs_write = ["*"]', "write", "/etc/passwd", 3),
        ('fs_read = ["/"]', "read", "../../../../etc/passwd", 3),
        ('host_process = ["npx"]', "process", "npx", 0),
        ('host_process = ["npx"]', "process", "npx -y x", 3),
        ('identity = ["link"]', "identity", "resolve", 0),
        ('identity = ["link"]', "identity", "admin", 3),
        ('ipc_publish = ["a.*"]', "publish", "a.b", 0),
        ('ipc_publish = ["a.*"]', "publish", "a.b.c", 3),
        ('ipc_subscribe = ["a.*"]', "subscribe", "a.b.c", 0),
        ('ipc_subscribe = ["a.b"]', "subscribe", "a.*", 3),
        ("", "uplink", "chat@matrix", 3),
    ],
)
def test_the_exit_status_is_the_answer(explain, lines, action, operand, status):
    result = explain(lines + "\n", action, operand)
    assert (result.status, result.stderr) == (status, "")
    assert result.stdout.startswith("denied: " if status else "allowed: ")


def test_bind_has_no_operand(explain):
    assert explain('net_bind = ["unix:///x"]\n', "bind").status == 0
    assert explain('net_bind = [""]\n', "bind").status == 3


def test_a_link_is_followed_before_the_answer(explain):
    (explain.workspace / "secret").mkdir()
    (explain.workspace / "notes").mkdir()
    os.symlink("../secret", explain.workspace / "notes/link")
    result = explain('fs_read = ["notes"]\n', "read", "notes/link/key")
    assert result.status == 3
    assert "`%s/secret/key` not declared in manifest" % explain.workspace in result.stdout


def test_the_home_is_closed_and_its_shared_folder_is_not(explain):
    assert explain('fs_read = ["/"]\n', "read", explain.home / "capsule.db").status == 3
    (explain.home / "shared").mkdir()
    assert explain('fs_read = ["/"]\n', "read", "global://a").status == 0


def test_every_entry_is_told_with_its_note(explain):
    result = explain('net = ["*", "a.test:80"]\nfs_read = ["src"]\nkv = ["x"]\n')
    assert (result.status, result.stderr) == (0, "")
    assert "capabilities (4)\n" in result.stdout
    assert "`*`: every host (line 6)\n" in result.stdout
    assert "dangerous: it may send anything to any host\n" in result.stdout
    assert "unused: write the host name alone, without port" in result.stdout
    assert "`src`: %s/src (line 7)\n" % explain.workspace in result.stdout
    assert result.stdout.endswith("\n1 dangerous, 2 unused\n")


def test_an_uplink_is_said_to_be_no_more_than_it_is(explain):
    entry = json.loads(explain("uplink = true\n", "--json").stdout)["capabilities"][0]
    assert (entry["key"], entry["meaning"]) == ("uplink", "it connects people or services")


def test_json_of_a_policy(explain):
    policy = json.loads(explain('net = ["*"]\nfs_read = ["src"]\n', "--json").stdout)
    assert (policy["id"], policy["version"], policy["manifest"]) == ("demo", "1.0.0", str(explain.file))
    assert policy["capabilities"][1] == {
        "key": "fs_read",
        "entry": "src",
        "meaning": "%s/src" % explain.workspace,
        "note": "plain",
        "line": 7,
        "component": False,
    }
    assert policy["capabilities"][0]["why"]
    assert (policy["dangerous"], policy["unused"], policy["tools"], policy["interceptors"]) == (1, 0, [], [])


def test_json_of_a_decision(explain):
    lines = 'fs_read = ["src"]\n'
    result = explain(lines, "read", "src/a", "--json")
    assert result.status == 0
    decision = json.loads(result.stdout)
    assert decision.pop("reason").startswith("allowed: ")
    assert decision == {
        "allowed": True,
        "fix": None,
        "key": "fs_read",
        "rule": "src",
        "file": str(explain.file),
        "line": 6,
        "operand": "%s/src/a" % explain.workspace,
    }
    result = explain(lines, "write", os.fsdecode(b"b\xff"), "--json")
    assert result.status == 3
    decision = json.loads(result.stdout)
    assert (decision["allowed"], decision["rule"]) == (False, None)
    assert decision["operand"] == "%s/b\N{REPLACEMENT CHARACTER}" % explain.workspace


def test_hostile_operands_reach_no_terminal(explain):
    result = explain("", "read", "a\x1b[2J\u202eb")
    assert result.status == 3
    assert "\x1b" not in result.stdout and "\u202e" not in result.stdout
    assert "a?[2J?b" in result.stdout


def test_hostile_paths_make_no_lines_and_reach_no_terminal(explain):
    lines = 'host_process = ["sh"]\nfs_read = ["/tmp/a (granted)\\n    network: all\\u001b[2J\\u009b31m\\u202e"]\n'
    result = explain(lines + COMPONENT)
    assert not set("\x1b\x9b\u202e") & set(result.stdout)
    assert "    read   /tmp/a (granted)?    network: all?[2J?31m? (granted)\n" in result.stdout
    assert [line for line in result.stdout.splitlines() if "network:" in line][-1] == "    network: none"


def test_limits_of_programs_are_told_in_words(explain):
    result = explain('host_process = ["sh"]\n' + COMPONENT)
    assert "    limit  size of a file: 16 GiB\n" in result.stdout
    assert "    limit  processes and threads: 512\n" in result.stdout


def test_mistakes_are_usage_errors(explain):
    result = explain("", "delete", "a")
    assert result.status == 2
    assert "read, write, http, process" in result.stderr
    assert explain("", "read").status == 2
    result = explain("", "uplink", "chat")
    assert result.status == 2
    assert "NAME@PLATFORM" in result.stderr


def test_a_broken_manifest_or_workspace_is_a_failure(run, make_capsule, tmp_path):
    broken = make_capsule("[package]\nname = 1\n", name="broken")
    result = run("explain", broken)
    assert (result.status, result.stdout) == (1, "")
    assert "%s/Capsule.toml:1:1" % broken in result.stderr
    good = make_capsule(HEAD, name="good")
    assert run("explain", good, "--workspace", tmp_path / "none").status == 1
    assert run("explain", tmp_path / "none").status == 1
