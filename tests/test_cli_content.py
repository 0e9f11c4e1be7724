# SPDX-License-Identifier: MIT OR Apache-2.0
"""capsule context, skills, commands: what a capsule serves without running anything."""

import json

import pytest

MANIFEST = """\
[package]
name = "desk"
version = "1.0.0"

[[context_file]]
name = "rules"
file = "rules.md"

[[skill]]
name = "notes"
file = "skills/notes.md"

[[command]]
name = "deploy"
description = "Puts it out"
file = "deploy.md"

[[command]]
name = "/ping"
"""


@pytest.fixture
def desk(tmp_path):
    folder = tmp_path / "desk"
    (folder / "skills").mkdir(parents=True)
    (folder / "Capsule.toml").write_text(MANIFEST)
    (folder / "rules.md").write_text("Be kind.\n")
    (folder / "skills/notes.md").write_text("---\ndescription: Keeps notes\ntags: [a, b]\n---\n# Notes\n")
    (folder / "deploy.md").write_text("Deploy it.")
    return folder


def test_lists_name_file_size_and_description(run, desk):
    assert run("context", desk).stdout == "rules  rules.md  9 bytes\n"
    assert run("skills", desk).stdout == "notes  skills/notes.md  8 bytes\n  Keeps notes\n"
    assert run("commands", desk).stdout == "/deploy  deploy.md  10 bytes\n  Puts it out\n/ping\n"


def test_one_is_printed_whole(run, desk):
    assert run("context", desk, "rules").stdout == "Be kind.\n"
    assert run("skills", desk, "notes").stdout == "# Notes\n"
    assert run("commands", desk, "/deploy").stdout == run("commands", desk, "deploy").stdout == "Deploy it.\n"


def test_json_has_everything(run, desk):
    skill = json.loads(run("skills", desk, "--json").stdout)[0]
    assert skill["meta"] == {"description": "Keeps notes", "tags": ["a", "b"]}
    assert (skill["name"], skill["file"], skill["bytes"], skill["text"]) == ("notes", "skills/notes.md", 8, "# Notes\n")
    assert len(skill["blake3"]) == 64
    commands = json.loads(run("commands", desk, "--json").stdout)
    assert [command["name"] for command in commands] == ["/deploy", "/ping"]
    assert commands[1]["text"] is None and commands[1]["file"] is None


def test_json_of_one_is_its_object(run, desk):
    for command, name in (("context", "rules"), ("skills", "notes"), ("commands", "deploy"), ("commands", "/ping")):
        result = run(command, desk, name, "--json")
        assert (result.status, result.stderr) == (0, "")
        one = json.loads(result.stdout)
        assert one["name"].strip("/") == name.strip("/")
        assert one in json.loads(run(command, desk, "--json").stdout)
    assert json.loads(run("context", desk, "rules", "--json").stdout)["text"] == "Be kind.\n"
    result = run("skills", desk, "note", "--json")
    assert (result.status, result.stdout) == (1, "") and "did you mean 'notes'?" in result.stderr


def test_a_name_that_is_not_there(run, desk):
    result = run("skills", desk, "note")
    assert result.status == 1 and "no skill 'note'; did you mean 'notes'?" in result.stderr
    result = run("commands", desk, "ping")
    assert result.status == 1 and "the command /ping has no file" in result.stderr


def test_nothing_to_list(run, tmp_path):
    (tmp_path / "Capsule.toml").write_text('[package]\nname = "empty"\nversion = "1.0.0"\n')
    assert run("skills", tmp_path).stdout == "no skills\n"
    assert run("context", tmp_path).stdout == "no context files\n"
    assert run("commands", tmp_path, "--json").stdout.strip() == "[]"


def test_a_broken_file_is_refused_with_its_place(run, desk):
    (desk / "skills/notes.md").write_text("---\nno end\n")
    result = run("skills", desk)
    assert result.status == 1 and result.stdout == ""
    assert "Capsule.toml:11:8: the skill `skills/notes.md`: the front matter" in result.stderr


def test_a_link_out_of_the_folder_is_refused(run, desk):
    (desk / "rules.md").unlink()
    (desk / "rules.md").symlink_to("/etc/passwd")
    result = run("context", desk, "rules")
    assert result.status == 1 and "outside the capsule's folder" in result.stderr and result.stdout == ""
