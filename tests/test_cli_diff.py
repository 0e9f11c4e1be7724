# SPDX-License-Identifier: MIT OR Apache-2.0
"""capsule diff: what a new manifest allows that an old one did not, by meaning."""

import json

import pytest

HEAD = '[package]\nname = "demo"\nversion = "1.0.0"\n\n[capabilities]\n'


@pytest.fixture
def diff(run, make_capsule, tmp_path):
    """Compare two capsules with these lines of [capabilities]."""

    def diff_lines(old, new, *arguments):
        make_capsule(HEAD + old, name="old")
        make_capsule(HEAD + new, name="new")
        (tmp_path / "work").mkdir()
        return run("diff", tmp_path / "old", tmp_path / "new/Capsule.toml", "--workspace", tmp_path / "work", *arguments)

    return diff_lines


@pytest.mark.parametrize(
    "old, new",
    [
        ('net = ["A.test"]', 'net = ["a.test", "x.a.test"]'),
        ('fs_read = ["*"]', 'fs_read = ["src", "workspace://", "lib"]'),
        ('identity = ["admin"]', 'identity = ["link", "admin"]'),
        ("", 'kv = ["a"]\nidentity = ["Admin"]'),
        ('ipc_subscribe = ["a.*"]', 'ipc_subscribe = ["a.*", "a.b.c"]'),
    ],
)
def test_other_words_for_the_same_are_no_difference(diff, old, new):
    result = diff(old + "\n", new + "\n")
    assert (result.status, result.stdout, result.stderr) == (0, "both allow the same\n", "")


def test_more_is_told_with_its_line_and_danger(diff, tmp_path):
    result = diff('net = ["a.test"]\n', 'net = ["a.test"]\nfs_write = ["*"]\n')
    assert (result.status, result.stderr) == (3, "")
    assert result.stdout == (
        "+ fs_write `*`: %s/work (%s/new/Capsule.toml:7)\n"
        "    dangerous: it may change every file of the workspace\n"
        "1 widened, 0 narrowed\n" % (tmp_path, tmp_path)
    )


def test_less_is_told_and_is_fine(diff, tmp_path):
    result = diff('net = ["*"]\n', 'net = ["a.test"]\n')
    assert (result.status, result.stderr) == (0, "")
    assert result.stdout == "- net `*`: every host (%s/old/Capsule.toml:6)\n0 widened, 1 narrowed\n" % tmp_path


def test_an_interceptor_that_decides_is_more(diff, tmp_path):
    observes = '[[interceptor]]\nevent = "user.v1.*"\naction = "act"\n'
    result = diff(observes, observes + 'mode = "guard"\n')
    assert (result.status, result.stderr) == (3, "")
    assert result.stdout == (
        "+ interceptor `user.v1.*`: decides about events: user.v1.* (guard) (%s/new/Capsule.toml:9)\n"
        "1 widened, 0 narrowed\n" % tmp_path
    )


def test_json_is_an_array_of_entries(diff):
    result = diff('net = ["a.test"]\n', 'net = ["b.test"]\n', "--json")
    assert result.status == 3
    assert json.loads(result.stdout) == [
        {"change": "widened", "key": "net", "entry": "b.test", "meaning": "b.test and its subdomains", "line": 6},
        {"change": "narrowed", "key": "net", "entry": "a.test", "meaning": "a.test and its subdomains", "line": 6},
    ]


def test_json_of_no_difference_is_an_empty_array(diff):
    result = diff('net = ["a.test"]\n', 'net = ["a.test"]\n', "--json")
    assert (result.status, json.loads(result.stdout)) == (0, [])


def test_a_manifest_that_is_missing_or_broken_is_a_failure(run, make_capsule, tmp_path):
    good = make_capsule(HEAD, name="good")
    broken = make_capsule("[package]\n", name="broken")
    assert run("diff", good, tmp_path / "none").status == 1
    result = run("diff", broken, good)
    assert (result.status, result.stdout) == (1, "")
    assert "%s/Capsule.toml" % broken in result.stderr
    assert run("diff", good).status == 2
