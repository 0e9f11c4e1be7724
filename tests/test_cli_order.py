# SPDX-License-Identifier: MIT OR Apache-2.0
"""capsule order: who loads before whom and why, what nobody provides, cycles, what is left out."""

import json

import pytest
from conftest import manifest, snapshot


def listed(words):
    return "[%s]" % ", ".join('"%s"' % word for word in words)


@pytest.fixture
def make(make_capsule, guest):
    """A capsule that requires and provides these."""

    def make_dependent(name, requires=(), provides=(), folder=None):
        more = "\n[dependencies]\nrequires = %s\nprovides = %s\n" % (listed(requires), listed(provides))
        return make_capsule(manifest(name=name, more=more), guest("tools.wat"), name=folder or name)

    return make_dependent


def ids(result):
    return [capsule["id"] for capsule in json.loads(result.stdout)["order"]]


def test_providers_come_first_and_the_reason_is_told(run, make):
    consumer, other, provider = make("b", ["topic:x.*"]), make("free"), make("a", provides=["topic:x.y"])
    result = run("order", consumer, other, provider)
    assert (result.status, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "  1  free  %s" % other,
        "  2  a  %s" % provider,
        "  3  b  %s" % consumer,
        "     after a: requires topic:x.*, which provides topic:x.y",
    ]


def test_a_folder_of_capsules_is_ordered_by_name_and_need(run, make):
    folder = make("zeta", provides=["topic:z"]).parent
    make("alpha", ["topic:z"])
    make("beta")
    assert ids(run("order", folder, "--json")) == ["beta", "zeta", "alpha"]


def test_what_nobody_provides_is_told_and_is_no_failure(run, make):
    result = run("order", make("a", ["topic:gone"]), make("b"))
    assert result.status == 0
    assert "     not met: requires topic:gone, which no other capsule here provides" in result.stdout.splitlines()


def test_a_cycle_is_named_member_by_member_and_fails(run, make):
    first, second = make("a", ["topic:b"], ["topic:a"]), make("b", ["topic:a"], ["topic:b"])
    result = run("order", first, second, make("c", ["topic:a"]), make("d"))
    assert result.status == 1
    lines = result.stdout.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("  ") and line.split()[0].isdigit()] == ["a", "b", "d", "c"]
    at = lines.index("dependency cycle detected: a, b")
    assert lines[at + 1 : at + 3] == ["     a requires topic:b, which b provides", "     b requires topic:a, which a provides"]
    assert "fix: " in lines[at + 3]
    again = run("order", first, second, "--json")
    assert (again.status, json.loads(again.stdout)["cycles"]) == (1, [["a", "b"]])


def test_json_has_every_edge_with_both_texts(run, make):
    consumer, provider = make("b", ["topic:x.*", "tool:none"]), make("a", provides=["topic:x.y"])
    result = run("order", consumer, provider, "--json")
    assert json.loads(result.stdout) == {
        "order": [
            {"id": "a", "dir": str(provider), "after": [], "unmet": []},
            {
                "id": "b",
                "dir": str(consumer),
                "after": [{"id": "a", "requires": "topic:x.*", "provides": "topic:x.y"}],
                "unmet": ["tool:none"],
            },
        ],
        "cycles": [],
    }


def test_dot_is_a_graph(run, make):
    result = run("order", make("b", ["topic:x"]), make("a", provides=["topic:x"]), "--dot")
    assert result.status == 0
    assert result.stdout.startswith("digraph capsules {\n") and result.stdout.endswith("}\n")
    assert '\t"b" -> "a" [label="topic:x"];\n' in result.stdout


def test_dot_and_json_exclude_each_other(run, make):
    result = run("order", make("a"), "--dot", "--json")
    assert (result.status, result.stdout) == (2, "")
    assert "--dot" in result.stderr and "--json" in result.stderr


def test_a_broken_manifest_is_told_and_the_others_are_ordered(run, make, make_capsule):
    broken = make_capsule("[package]\nname = 3\n", name="broken")
    result = run("order", make("b", ["topic:x"]), broken, make("a", provides=["topic:x"]), "--json")
    assert result.status == 1
    assert ids(result) == ["a", "b"]
    assert str(broken) in result.stderr


def test_of_one_id_the_first_is_taken(run, make):
    first, second = make("a"), make("a", folder="other")
    result = run("order", first, second, "--json")
    assert result.status == 0
    assert [capsule["dir"] for capsule in json.loads(result.stdout)["order"]] == [str(first)]
    assert str(second) in result.stderr


def test_a_folder_that_does_not_exist_is_told_and_the_others_are_ordered(run, make):
    result = run("order", "no-such-folder", make("a"), "--json")
    assert (result.status, ids(result)) == (1, ["a"])
    assert result.stderr == "capsule: no-such-folder: there is no such folder\n"


def test_no_capsules(run, tmp_path):
    (tmp_path / "empty").mkdir()
    result = run("order", tmp_path / "empty")
    assert (result.status, result.stdout, result.stderr) == (0, f"no capsules in:\n  {tmp_path}/empty\n", "")


def test_none_that_is_good(run, make_capsule):
    result = run("order", make_capsule("[package]\nname = 3\n", name="broken"))
    assert (result.status, result.stdout) == (1, "no capsules\n") and "left out: " in result.stderr


def test_colours_only_when_asked(run, make):
    folder = make("a")
    assert b"\x1b[" not in run("order", folder).output
    assert b"\x1b[" in run("order", folder, "--color=always").output


def test_nothing_is_written(run, make, home):
    folder = make("a", ["topic:x"])
    before = snapshot(folder)
    run("order", folder)
    assert snapshot(folder) == before
    assert not home.exists()


def test_a_file_in_place_of_a_folder_is_told(run, tmp_path):
    (tmp_path / "file").write_text("")
    result = run("order", tmp_path / "file", "--json")
    assert result.status == 1
    assert result.stdout == '{"order":[],"cycles":[]}\n'
    assert result.stderr == f"capsule: {tmp_path}/file: Not a directory\n"
