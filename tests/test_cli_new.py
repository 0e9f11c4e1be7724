# SPDX-License-Identifier: MIT OR Apache-2.0
"""capsule new and capsule sdk: where SDKs are found, and a template that becomes a capsule's folder or nothing at all."""

import os
import shutil
import stat

import pytest

from conftest import ROOT, snapshot

TEMPLATE = {
    "Capsule.toml": '[package]\nname = "@NAME@"\nversion = "0.1.0"\n\n[[component]]\nfile = "@NAME@.wasm"\n',
    "@NAME@.c": "/* @NAME@, @NAME@ and @NAMES@. */\n",
    "gitignore": "*.wasm\n",
    "tests/@NAME@/case-@NAME@": "@NAME@",
    "plain": "no mark\n",
    "empty": "",
}


@pytest.fixture
def share(tmp_path):
    """A share folder with SDKs for c and zig; only c has a template."""
    folder = tmp_path / "share"
    for name, text in TEMPLATE.items():
        path = folder / "sdk" / "c" / "template" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "sdk" / "zig").mkdir()
    (folder / "sdk" / "README").touch()
    return folder


@pytest.fixture
def here(tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


@pytest.fixture
def new(run, share, here):
    def run_new(*arguments, **options):
        return run("new", *arguments, cwd=here, env={"CAPSULE_SHARE_DIR": str(share)}, **options)

    return run_new


def test_a_template_becomes_a_folder_with_its_name_filled_in(new, here, run):
    result = new("greeter", "--lang", "c")
    assert (result.status, result.stderr) == (0, "")
    assert snapshot(here / "greeter") == {
        ".gitignore": b"*.wasm\n",
        "Capsule.toml": TEMPLATE["Capsule.toml"].replace("@NAME@", "greeter").encode(),
        "empty": b"",
        "greeter.c": b"/* greeter, greeter and @NAMES@. */\n",
        "plain": b"no mark\n",
        "tests": None,
        "tests/greeter": None,
        "tests/greeter/case-greeter": b"greeter",
    }
    assert [path.name for path in here.iterdir()] == ["greeter"]
    (here / "greeter" / "greeter.wasm").touch()
    assert run("check", here / "greeter").status == 0


def test_it_says_what_was_made_and_what_comes_next(new):
    lines = new("greeter").stdout.splitlines()
    assert lines[0] == "made greeter, a capsule written in c:"
    assert lines[1:7] == ["  " + name for name in [".gitignore", "Capsule.toml", "empty", "greeter.c", "plain", "tests/greeter/case-greeter"]]
    assert lines[7:] == ["build it, and see what it offers:", "  make -C greeter", "  capsule tools greeter"]


def test_the_name_may_be_a_path_and_the_folder_an_option(new, here, tmp_path):
    (here / "sub").mkdir()
    assert new("sub/a-1").stdout.startswith("made sub/a-1, ")
    assert new("a-2/", "--dir", "sub").stdout.startswith("made sub/a-2, ")
    assert new(tmp_path / "a-3", "--dir", "sub").status == 0
    assert (here / "sub" / "a-1" / "a-1.c").exists()
    assert (here / "sub" / "a-2" / "a-2.c").exists()
    assert (tmp_path / "a-3" / "a-3.c").exists()


def test_an_empty_folder_is_filled(new, here):
    (here / "greeter").mkdir()
    assert new("greeter").status == 0
    assert (here / "greeter" / "Capsule.toml").exists()


def test_the_rights_of_files_are_those_of_the_template_and_the_mask(new, share, here):
    (share / "sdk/c/template/plain").chmod(0o700)
    assert new("greeter", preexec_fn=lambda: os.umask(0o027)).status == 0
    modes = {name: stat.S_IMODE((here / "greeter" / name).stat().st_mode) for name in (".", "plain", "empty", "tests")}
    assert modes == {".": 0o750, "plain": 0o750, "empty": 0o640, "tests": 0o750}


@pytest.mark.parametrize("name", ["Greeter", "a_b", "a.b", "-", ".", "..", "sub/..", "", "/", "ä", "a" * 129, "--lang=c"])
def test_a_name_that_is_no_id_is_refused_with_the_rule(new, here, name):
    result = new("--", name)
    assert (result.status, result.stdout) == (2, "")
    assert "is not an id for a capsule: only a-z, 0-9 and '-' may be in it, first a letter or a digit" in result.stderr
    assert snapshot(here) == {}


def test_what_is_there_is_left_alone(new, here):
    (here / "full").mkdir()
    (here / "full" / "file").write_text("mine")
    (here / "file").write_text("mine")
    before = snapshot(here)
    for name, reason in [("full", "full: the folder is there and not empty"), ("file", "file: a file of this name is there")]:
        result = new(name)
        assert (result.status, result.stdout) == (1, "")
        assert reason in result.stderr and "choose another name" in result.stderr
    assert snapshot(here) == before


def test_a_missing_folder_above_is_told(new, here):
    result = new("none/greeter")
    assert (result.status, result.stderr) == (1, "capsule: cannot make none/greeter: No such file or directory\n")
    assert snapshot(here) == {}


def test_a_wrong_language_is_answered_with_those_that_exist(new, share, here):
    result = new("greeter", "--lang", "zigg")
    assert (result.status, result.stdout) == (2, "")
    assert "no SDK for 'zigg'; did you mean 'zig'?" in result.stderr
    assert "in %s there is: c, zig" % (share / "sdk") in result.stderr
    for language in ["../sdk/c", ".", "", "README"]:
        assert new("greeter", "--lang", language).status == 2
    assert snapshot(here) == {}


def test_a_language_without_a_template_is_told(new, here):
    result = new("greeter", "--lang", "zig")
    assert result.status == 1
    assert "zig/template: the SDK for 'zig' has no template" in result.stderr
    assert snapshot(here) == {}


def break_with_link(template):
    (template / "zz").symlink_to("/etc/passwd")


def break_with_pipe(template):
    os.mkfifo(template / "zz")


def break_with_size(template):
    (template / "zz").write_bytes(b"x" * (1 << 20) + b"y")


def break_with_number(template):
    for number in range(256):
        (template / ("z%d" % number)).touch()


def break_with_depth(template):
    (template / "/".join("z" * 9)).mkdir(parents=True)


def break_with_names(template):
    (template / ".gitignore").touch()


BROKEN = [
    (break_with_link, "zz: "),
    (break_with_pipe, "zz: neither a file nor a folder"),
    (break_with_size, "zz: larger than 1 MiB"),
    (break_with_number, "more than 256 files"),
    (break_with_depth, "more than 8 folders inside each other"),
    (break_with_names, "File exists"),
]


@pytest.mark.parametrize("damage, reason", BROKEN, ids=lambda value: value.__name__ if callable(value) else "")
def test_a_template_that_can_not_be_copied_leaves_nothing_behind(new, share, here, damage, reason):
    damage(share / "sdk/c/template")
    result = new("greeter")
    assert (result.status, result.stdout) == (1, "")
    assert reason in result.stderr
    assert snapshot(here) == {}


def test_the_largest_file_of_a_template_is_copied(new, share, here):
    (share / "sdk/c/template/plain").write_bytes(b"x" * ((1 << 20) - 6) + b"@NAME@")
    assert new("greeter").status == 0
    assert (here / "greeter" / "plain").read_bytes() == b"x" * ((1 << 20) - 6) + b"greeter"


def test_sdk_prints_one_path_for_makefiles_or_all(run, share):
    environment = {"CAPSULE_SHARE_DIR": str(share)}
    assert run("sdk", "c", env=environment).stdout == "%s\n" % (share / "sdk" / "c")
    lines = run("sdk", env=environment).stdout.splitlines()
    assert [line.split() for line in lines] == [["c", str(share / "sdk/c")], ["zig", str(share / "sdk/zig")]]
    result = run("sdk", "rust", env=environment)
    assert (result.status, result.stdout) == (2, "")
    assert "there is: c, zig" in result.stderr


def test_a_share_folder_without_sdks_is_told_and_nothing_else_is_looked_at(run, tmp_path):
    result = run("sdk", env={"CAPSULE_SHARE_DIR": str(tmp_path)})
    assert (result.status, result.stdout) == (1, "")
    assert "CAPSULE_SHARE_DIR is '%s', which holds no folder sdk" % tmp_path in result.stderr


def test_sdks_are_found_beside_the_program_and_above_it(share, capsule_bin, tmp_path, start):
    libraries = {"LD_LIBRARY_PATH": str(ROOT / "build/prefix/lib")}  # which a program that is moved does not find
    for program, folder in [("moved/capsule", "moved/share/capsule"), ("tree/bin/capsule", "tree/share/capsule")]:
        (tmp_path / program).parent.mkdir(parents=True)
        shutil.copy2(capsule_bin, tmp_path / program)
        shutil.copytree(share, tmp_path / folder)
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "link").symlink_to(tmp_path / program)
        for path in (tmp_path / program, tmp_path / "link"):
            result = start("sdk", "c", executable=str(path), env=libraries).communicate()
            assert result == (b"%s/sdk/c\n" % os.fsencode(tmp_path / folder), b"")


def test_the_program_of_the_build_folder_finds_the_sdks_of_the_source(run):
    assert run("sdk", "c").stdout == "%s\n" % (ROOT / "sdk" / "c")
