# SPDX-License-Identifier: MIT OR Apache-2.0
"""capsule approve: what is shown, what is asked, what a receipt holds and what voids it."""

import json

import pytest

from conftest import manifest

MODULE = "(module)"
RIGHTS = '[capabilities]\nfs_write = ["workspace://notes"]\n'


@pytest.fixture
def workspace(tmp_path):
    folder = tmp_path / "w"
    (folder / ".astrid" / "capsules").mkdir(parents=True)
    return folder


@pytest.fixture
def make(workspace):
    """Make a capsule of the workspace; gives its folder."""

    def make_in_workspace(name="notes", text=None):
        folder = workspace / ".astrid" / "capsules" / name
        folder.mkdir()
        (folder / "Capsule.toml").write_text(text if text is not None else manifest("notes", more=RIGHTS))
        (folder / "guest.wat").write_text(MODULE)
        return folder

    return make_in_workspace


@pytest.fixture
def capsule(make):
    return make()


@pytest.fixture
def look(run):
    """What --json tells of a capsule, without asking."""

    def look_at(folder, *arguments):
        result = run("approve", folder, "--json", *arguments, start_new_session=True)
        assert result.stderr == ""
        answer = json.loads(result.stdout)
        assert result.status == (0 if answer["approved"] else 3)
        return answer

    return look_at


@pytest.fixture
def approve(run):
    def approve_it(folder, *arguments):
        result = run("approve", folder, "--yes", *arguments, start_new_session=True)
        assert (result.status, result.stderr) == (0, "")
        return result.stdout

    return approve_it


def receipt(home):
    (file,) = (home / "trust").iterdir()
    return file


def test_without_a_terminal_it_shows_everything_and_refuses(run, capsule, home, workspace):
    result = run("approve", capsule, start_new_session=True)
    assert result.status == 2
    assert "no terminal to ask on" in result.stderr and "--yes" in result.stderr
    assert "`workspace://notes`: %s/notes" % workspace in result.stdout
    assert "\nfiles (2)\n" in result.stdout and "  guest.wat\n" in result.stdout
    assert result.stdout.endswith("\nnot approved\n  not approved yet\n")
    assert not home.exists()


def test_yes_writes_a_receipt_that_holds(run, approve, capsule, home, workspace):
    assert approve(capsule).endswith("approved: it may be run until one of its files or rights changes\n")
    result = run("approve", capsule, start_new_session=True)
    assert (result.status, result.stderr) == (0, "")
    assert result.stdout.endswith("\napproved\n")
    kept = json.loads(receipt(home).read_text())
    assert (kept["version"], kept["id"], kept["dir"]) == (1, "notes", str(capsule))
    assert [file["name"] for file in kept["files"]] == ["Capsule.toml", "guest.wat"]
    assert kept["rights"] == ["fs_write workspace://notes -> %s/notes" % workspace]
    assert kept["by"] and kept["when"].endswith("Z")
    assert receipt(home).stat().st_mode & 0o777 == 0o600
    assert (home / "trust").stat().st_mode & 0o777 == 0o700


def test_json_only_looks_and_yes_approves(look, capsule, home, workspace):
    answer = look(capsule)
    assert set(answer) == {"id", "dir", "approved", "changes", "files", "rights"}
    assert (answer["id"], answer["dir"], answer["approved"]) == ("notes", str(capsule), False)
    assert answer["changes"] == ["not approved yet"]
    assert answer["rights"] == ["fs_write workspace://notes -> %s/notes" % workspace]
    assert not home.exists()
    assert look(capsule, "--yes")["approved"] is True
    assert look(capsule)["changes"] == []


def test_a_changed_file_voids_it_and_is_named(approve, look, capsule):
    approve(capsule)
    (capsule / "guest.wat").write_text("(module (memory 1))")
    assert look(capsule)["changes"] == ["guest.wat changed"]
    (capsule / "guest.wat").unlink()
    assert look(capsule)["changes"] == ["guest.wat is gone"]
    assert {"name": "guest.wat", "blake3": None} in look(capsule)["files"]
    (capsule / "guest.wat").write_text(MODULE)
    assert look(capsule)["approved"] is True


def test_a_changed_right_voids_it_and_is_told(approve, look, capsule, workspace):
    approve(capsule)
    (capsule / "Capsule.toml").write_text(manifest("notes", more='[capabilities]\nnet = ["example.com"]\n'))
    assert look(capsule)["changes"] == [
        "Capsule.toml changed",
        "may no longer write workspace://notes -> %s/notes" % workspace,
        "may now reach example.com",
    ]


def test_a_link_in_the_workspace_that_leads_elsewhere_now_voids_it(approve, look, capsule, workspace):
    approve(capsule)
    (workspace / "src").mkdir()
    (workspace / "notes").symlink_to("src")
    assert look(capsule)["changes"] == [
        "may no longer write workspace://notes -> %s/notes" % workspace,
        "may now write workspace://notes -> %s/src" % workspace,
    ]


def test_another_workspace_is_another_right(approve, look, capsule, tmp_path):
    approve(capsule)
    (tmp_path / "other").mkdir()
    changes = look(capsule, "--workspace", tmp_path / "other")["changes"]
    assert "may now write workspace://notes -> %s/other/notes" % tmp_path in changes


def test_revoke_takes_it_away_once(run, approve, look, capsule, home):
    approve(capsule)
    result = run("approve", capsule, "--revoke")
    assert (result.status, result.stderr) == (0, "")
    assert list((home / "trust").iterdir()) == []
    assert look(capsule)["changes"] == ["not approved yet"]
    result = run("approve", capsule, "--revoke")
    assert result.status == 1 and "there is no receipt for %s" % capsule in result.stderr


def test_yes_and_revoke_exclude_each_other(run, capsule):
    result = run("approve", capsule, "--yes", "--revoke")
    assert result.status == 2 and "choose one" in result.stderr


def test_two_folders_with_one_id_have_a_receipt_each(approve, look, make, home):
    one, two = make("one"), make("two")
    approve(one)
    assert look(two)["changes"] == ["not approved yet"]
    approve(two)
    assert len(list((home / "trust").iterdir())) == 2
    assert look(one)["approved"] and look(two)["approved"]


def test_a_copy_of_an_approved_folder_is_not_approved(approve, look, capsule, home, make):
    approve(capsule)
    copy = make("copy")
    assert look(copy)["changes"] == ["not approved yet"]


def test_a_link_to_a_folder_means_the_folder(approve, look, capsule, tmp_path):
    (tmp_path / "link").symlink_to(capsule)
    approve(tmp_path / "link")
    assert look(capsule)["approved"] is True


@pytest.mark.parametrize(
    "damage, reason",
    [
        (lambda text: b"", "does not hold"),
        (lambda text: text[: len(text) // 2], "does not hold"),
        (lambda text: b"null", 'it has no "version"'),
        (lambda text: b"\xff" + text, "does not hold"),
        (lambda text: text.replace(b'"version":1', b'"version":9'), "it is of format 9, this program reads 1"),
        (lambda text: text.replace(b'"by":', b'"by":"x",\n"by":'), "does not hold"),
        (lambda text: text.replace(b'{"version"', b'{"more":1,"version"'), "other members"),
        (lambda text: text.replace(b'"blake3":"', b'"blake3":"0'), "has no hash"),
        (lambda text: text.replace(b'"dir":"/', b'"dir":"/x/'), "that of another folder"),
        (lambda text: text + b" " * (5 << 20), "larger than"),
    ],
)
def test_a_damaged_receipt_does_not_hold_and_is_replaced(approve, look, capsule, home, damage, reason):
    approve(capsule)
    receipt(home).write_bytes(damage(receipt(home).read_bytes()))
    assert reason in "\n".join(look(capsule)["changes"])
    approve(capsule)
    assert look(capsule)["approved"] is True


def test_a_receipt_that_is_a_link_does_not_hold(approve, look, capsule, home, tmp_path):
    approve(capsule)
    file = receipt(home)
    file.rename(tmp_path / "moved")
    file.symlink_to(tmp_path / "moved")
    assert "it is a symbolic link" in look(capsule)["changes"][0]
    approve(capsule)
    assert not file.is_symlink() and look(capsule)["approved"] is True


def test_a_receipt_that_others_can_write_does_not_hold(approve, look, capsule, home):
    approve(capsule)
    receipt(home).chmod(0o666)
    assert "nobody else can write" in look(capsule)["changes"][0]


def test_a_home_that_others_can_read_is_taken_and_one_that_they_can_write_is_not(run, look, capsule, home):
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    assert look(capsule, "--yes")["approved"] is True
    home.chmod(0o777)
    assert "can be written by others" in look(capsule)["changes"][0]
    result = run("approve", capsule, "--yes")
    assert result.status == 1 and "chmod go-w" in result.stderr


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "link"])
def test_files_outside_of_the_folder_cannot_be_approved(run, make, workspace, name):
    folder = make("leads-out", manifest("notes", more='[[skill]]\nname = "s"\nfile = "%s"\n' % name))
    (folder.parent / "outside").write_text("x")
    (folder / "link").symlink_to("../outside")
    result = run("approve", folder, "--yes")
    assert (result.status, result.stdout) == (1, "")
    assert name in result.stderr and "folder" in result.stderr


def test_a_folder_without_a_manifest_is_refused(run, tmp_path):
    result = run("approve", tmp_path, "--yes")
    assert (result.status, result.stdout) == (1, "")
    assert "has no Capsule.toml" in result.stderr


def answer(typed):
    """A `talk` that types once, when it is asked."""
    done = []

    def talk(_, seen):
        if b"[y/N] " in seen and not done:
            done.append(True)
            return typed
        return None

    return talk


@pytest.mark.parametrize("typed", [b"y\n", b"Yes\n"])
def test_yes_on_a_terminal_approves(terminal, look, capsule, typed):
    status, seen = terminal("approve", capsule, talk=answer(typed), start_new_session=True)
    assert status == 0
    assert b"not approved yet" in seen and seen.index(b"guest.wat") < seen.index(b"[y/N] ")
    assert look(capsule)["approved"] is True


@pytest.mark.parametrize("typed", [b"n\n", b"\n", b"yy\n", b"y" * 200 + b"\n", b"\x04"])
def test_anything_else_on_a_terminal_does_not(terminal, look, capsule, home, typed):
    status, seen = terminal("approve", capsule, talk=answer(typed), start_new_session=True)
    assert status == 3
    assert b"nothing was approved" in seen
    assert look(capsule)["approved"] is False
    assert not home.exists()


def test_what_holds_is_not_asked_about(terminal, approve, capsule):
    approve(capsule)
    status, seen = terminal("approve", capsule, start_new_session=True)
    assert status == 0 and b"[y/N]" not in seen


def test_names_cannot_steer_the_terminal(run, make):
    folder = make("odd", manifest("notes", more='[[skill]]\nname = "s"\nfile = "a\\u001b[2J\\nb"\n'))
    result = run("approve", folder, "--yes")
    assert result.status == 0, result.stderr
    assert "\x1b" not in result.stdout
    assert "a?[2J?b\n" in result.stdout


def test_home_is_named_relative_to_the_current_folder(run, capsule, tmp_path):
    result = run("approve", capsule, "--yes", "--home", "here", cwd=tmp_path)
    assert (result.status, result.stderr) == (0, "")
    assert (tmp_path / "here" / "trust").is_dir()
