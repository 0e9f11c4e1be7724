# SPDX-License-Identifier: MIT OR Apache-2.0
"""capsule list: which capsules are found where, and why some of them are not used."""

import json
import os
import pathlib

import pytest

from conftest import manifest


@pytest.fixture
def make(tmp_path):
    """A capsule folder at a path below the folder of the test."""

    def make_one(path, name=None, text=None, tools=()):
        folder = tmp_path / path
        folder.mkdir(parents=True)
        (folder / "Capsule.toml").write_text(text if text is not None else manifest(name or folder.name, tools=tools))
        return folder

    return make_one


@pytest.fixture
def listed(run, tmp_path):
    """The array that --json prints, and the exit status."""

    def list_them(*arguments, **options):
        result = run("list", *arguments, "--json", **options)
        return json.loads(result.stdout), result.status

    return list_them


def brief(items):
    return [(item["id"], item["state"], item["origin"], pathlib.Path(item["dir"]).name) for item in items]


def test_a_table_of_what_was_named(run, make, tmp_path):
    make("set/b")
    make("set/a")
    result = run("list", tmp_path / "set")
    assert (result.status, result.stderr) == (0, "")
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["ID", "VERSION", "STATE", "ORIGIN", "FOLDER"],
        ["a", "1.0.0", "good", "named", str(tmp_path / "set/a")],
        ["b", "1.0.0", "good", "named", str(tmp_path / "set/b")],
    ]


def test_json_has_it_all(listed, make, tmp_path):
    folder = make("set/a", tools=("one", "two"))
    make("set/b", text='[package]\nname = "b"\nversion = "2.0.0"\ndescription = "Says \\"b\\""\n')
    items, status = listed(tmp_path / "set")
    assert status == 0
    assert items[0] == {
        "id": "a", "version": "1.0.0", "description": None, "dir": str(folder), "origin": "named", "state": "good", "problem": None, "tools": 2,
    }  # fmt: skip
    assert items[1]["description"] == 'Says "b"' and items[1]["tools"] == 0


def test_a_folder_that_is_a_capsule_is_one(listed, make, tmp_path):
    make("one")
    make("one/inner")
    assert brief(listed(tmp_path / "one")[0]) == [("one", "good", "named", "one")]


def test_workspace_and_home_are_searched(listed, make, tmp_path, home):
    make("work/.astrid/capsules/a")
    make("home/capsules/b")
    make("user/.astrid/capsules/c")
    items, status = listed("--workspace", tmp_path / "work")
    assert brief(items) == [("a", "unapproved", "workspace", "a"), ("b", "good", "home", "b")]
    assert status == 0
    assert listed(cwd=tmp_path / "work")[0] == items
    items, _ = listed("--workspace", tmp_path / "work", "--home", tmp_path / "user/.astrid", "--trust")
    assert brief(items) == [("a", "good", "workspace", "a"), ("c", "good", "home", "c")]
    assert brief(listed("--workspace", "work", "--home", "home", cwd=tmp_path)[0])[1] == ("b", "good", "home", "b")


def test_what_waits_for_approval_tells_the_command_and_hides_nothing(run, make, tmp_path):
    folder = make("work/.astrid/capsules/a")
    make("home/capsules/a")
    result = run("list", "--workspace", tmp_path / "work")
    lines = result.stdout.splitlines()
    assert (result.status, result.stderr, len(lines)) == (0, "", 4)
    assert lines[1].split()[2] == "unapproved"
    assert lines[2].startswith("  ") and f"capsule approve {folder}" in lines[2]
    assert lines[3].split()[:4] == ["a", "1.0.0", "good", "home"]


def test_a_duplicate_tells_of_which_folder(run, make, tmp_path):
    first = make("set/a", "same")
    second = make("set/b", "same")
    result = run("list", tmp_path / "set")
    lines = result.stdout.splitlines()
    assert (result.status, result.stderr, len(lines)) == (0, "", 4)
    assert lines[2].split()[2] == "duplicate"
    assert str(first) in lines[3] and str(second) in lines[3]


def test_a_folder_that_is_named_twice_is_told_to_be(listed, make, tmp_path):
    folder = make("set/a")
    items, status = listed(folder, tmp_path / "set")
    assert status == 0 and [(item["state"], item["dir"]) for item in items] == [("good", str(folder)), ("duplicate", str(folder))]
    assert items[1]["problem"] == "it was found before: it is named twice"


def test_a_broken_manifest_tells_the_place_and_how_many_more(run, listed, make, tmp_path):
    make("set/a")
    one = make("set/one", text='[package]\nname = "one"\nversion = 1\n')
    many = make("set/two", text='[package]\nname = "UPPER"\nversion = 1\n')
    result = run("list", tmp_path / "set")
    lines = result.stdout.splitlines()
    assert (result.status, result.stderr, len(lines)) == (1, "", 6)
    assert lines[2].split() == ["-", "-", "broken", "named", str(one)]
    assert lines[3].startswith(f"  {one}/Capsule.toml:3:") and "more" not in lines[3]
    assert lines[5].startswith(f"  {many}/Capsule.toml:2:") and lines[5].endswith(f"(and 1 more: capsule check {many})")
    items, status = listed(tmp_path / "set")
    assert status == 1
    assert [item["state"] for item in items] == ["good", "broken", "broken"]
    assert items[1]["id"] is None and items[1]["problem"] == lines[3].strip()


def test_a_folder_that_can_not_be_searched_is_told(run, listed, make, tmp_path):
    make("set/a")
    (tmp_path / "file").write_text("")
    result = run("list", tmp_path / "nowhere", tmp_path / "file", tmp_path / "set")
    assert result.status == 1
    assert result.stderr.splitlines() == [
        f"capsule: {tmp_path}/nowhere: there is no such folder",
        f"capsule: {tmp_path}/file: Not a directory",
    ]
    assert result.stdout.splitlines()[1].split()[:3] == ["a", "1.0.0", "good"]
    assert listed(tmp_path / "nowhere") == ([], 1)


def test_nothing_found_tells_where_it_looked(run, listed, tmp_path, home):
    (tmp_path / "set").mkdir()
    result = run("list", tmp_path / "set")
    assert (result.status, result.stdout, result.stderr) == (0, f"no capsules in:\n  {tmp_path}/set\n", "")
    result = run("list", "--workspace", tmp_path / "set")
    assert (result.status, result.stdout) == (0, f"no capsules in:\n  {tmp_path}/set/.astrid/capsules\n  {home}/capsules\n")
    assert listed(tmp_path / "set") == ([], 0)
    assert not home.exists()


def test_places_that_can_not_be_are_refused(run, tmp_path):
    result = run("list", "--workspace", tmp_path / "nowhere")
    assert (result.status, result.stdout) == (1, "") and "nowhere" in result.stderr
    result = run("list", env={"ASTRID_HOME": "relative"})
    assert (result.status, result.stdout) == (1, "") and "ASTRID_HOME" in result.stderr
    result = run("list", "")
    assert (result.status, result.stdout) == (1, "") and "empty" in result.stderr


def test_hostile_folders_block_nothing_and_steer_nothing(run, listed, make, tmp_path):
    make("set/\x1b[31mred\nline", "red")
    make("set/up", "../x")
    make("set/links")
    os.symlink(".", tmp_path / "set/loop")
    os.symlink("self", tmp_path / "set/self")
    (tmp_path / "set/fifo").mkdir()
    os.mkfifo(tmp_path / "set/fifo/Capsule.toml")
    (tmp_path / "set/device").mkdir()
    os.symlink("/dev/tty", tmp_path / "set/device/Capsule.toml")
    result = run("list", tmp_path / "set", timeout=20)
    assert result.status == 1
    assert "\x1b" not in result.stdout and "red line" in result.stdout
    items, _ = listed(tmp_path / "set")
    assert [(item["id"], item["state"]) for item in items] == [
        ("red", "good"), (None, "broken"), (None, "broken"), ("links", "good"), (None, "broken"),
    ]  # fmt: skip
    assert "not a regular file" in items[1]["problem"] + items[2]["problem"]


def test_a_folder_whose_name_is_no_text_is_listed(run, listed, tmp_path):
    folder = os.path.join(os.fsencode(tmp_path), b"set", b"bad\xff")
    os.makedirs(folder)
    with open(os.path.join(folder, b"Capsule.toml"), "w", encoding="utf-8") as file:
        file.write(manifest("a"))
    items, status = listed(tmp_path / "set")
    assert status == 0 and items[0]["dir"] == f"{tmp_path}/set/bad\ufffd"
    assert f"{tmp_path}/set/bad\ufffd" in run("list", tmp_path / "set").stdout


def test_a_terminal_gets_colours(terminal, make, tmp_path):
    make("set/a")
    status, seen = terminal("list", tmp_path / "set")
    assert status == 0 and b"\x1b[" in seen and b"good" in seen


def test_an_approval_holds_until_something_changes(run, listed, make, tmp_path):
    folder = make("work/.astrid/capsules/a", text=manifest("a"))
    (folder / "guest.wat").write_text("(module)")
    assert run("approve", folder, "--yes").status == 0
    assert brief(listed("--workspace", tmp_path / "work")[0]) == [("a", "good", "workspace", "a")]
    make("home/capsules/a")
    assert [item["state"] for item in listed("--workspace", tmp_path / "work")[0]] == ["good", "duplicate"]
    (folder / "guest.wat").write_text("(module (memory 1))")
    items, status = listed("--workspace", tmp_path / "work")
    assert (status, [item["state"] for item in items]) == (0, ["unapproved", "good"])
    assert "guest.wat changed" in items[0]["problem"] and f"capsule approve {folder}" in items[0]["problem"]
