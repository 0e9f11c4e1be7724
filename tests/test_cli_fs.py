# SPDX-License-Identifier: MIT OR Apache-2.0
"""capsule fs: what a capsule wrote is seen, kept or dropped."""

import json
import resource
import shlex
import subprocess

import pytest

from conftest import TIMEOUT_S, manifest
from embedding import BUILD

WRITER = BUILD / "tests" / "overlay_writer"


@pytest.fixture
def workspace(tmp_path):
    folder = tmp_path / "work space"
    folder.mkdir()
    (folder / "old.txt").write_text("old")
    (folder / "gone.txt").write_text("gone")
    return folder


@pytest.fixture
def write(home, workspace):
    """Write as the capsule `scribe` does."""

    def write_all(*steps, capsule="scribe"):
        done = subprocess.run([WRITER, home, workspace, capsule, *steps], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        assert (done.returncode, done.stderr) == (0, "")

    return write_all


@pytest.fixture
def written(write):
    write("write", "old.txt", "newer", "write", "a/b.txt", "hello", "unlink", "gone.txt")


@pytest.fixture
def fs(run, workspace):
    def run_fs(verb, *arguments, capsule="scribe", **options):
        return run("fs", verb, capsule, *arguments, "--workspace", workspace, **options)

    return run_fs


def test_diff_is_a_line_a_change(fs, written, workspace):
    said = fs("diff")
    assert (said.status, said.stderr) == (0, "")
    assert said.stdout == "F  a\nA  a/b.txt  5 bytes\nD  gone.txt\nM  old.txt  5 bytes\n"
    assert (workspace / "old.txt").read_text() == "old"


def test_diff_as_json(fs, written):
    changes = json.loads(fs("diff", "--json").stdout)
    assert [(each["path"], each["status"], each["old_size"], each["new_size"], each["conflict"]) for each in changes] == [
        ("a", "folder", None, None, False),
        ("a/b.txt", "added", None, 5, False),
        ("gone.txt", "deleted", 4, None, False),
        ("old.txt", "modified", 3, 5, False),
    ]
    assert len(changes[3]["old_hash"]) == len(changes[3]["new_hash"]) == 64


def test_commit_makes_the_changes(fs, written, workspace):
    said = fs("commit")
    assert (said.status, said.stderr) == (0, "")
    assert said.stdout == "committed a\ncommitted a/b.txt\ncommitted old.txt\ncommitted gone.txt\n4 changes committed\n"
    assert (workspace / "a" / "b.txt").read_text() == "hello"
    assert (workspace / "old.txt").read_text() == "newer"
    assert not (workspace / "gone.txt").exists()
    assert fs("diff").stdout == "no changes\n"
    assert fs("commit", "--json").stdout == '{"committed":[],"conflicts":[],"failed":[]}\n'


def test_rollback_drops_them(fs, written, workspace):
    said = fs("rollback", "a", "./gone.txt")
    assert (said.status, said.stdout) == (0, "dropped a/b.txt\ndropped a\ndropped gone.txt\n3 changes dropped\n")
    assert json.loads(fs("rollback", "--json").stdout) == {"dropped": ["old.txt"]}
    assert (workspace / "old.txt").read_text() == "old"
    assert (workspace / "gone.txt").exists()


def test_a_conflict_is_explained_and_left(fs, written, workspace, home):
    (workspace / "old.txt").write_text("the user's")
    said = fs("diff", "old.txt")
    assert (said.status, said.stdout) == (0, "M! old.txt  5 bytes\n")
    said = fs("commit")
    assert said.status == 1
    assert "conflict  old.txt\n" in said.stdout
    assert "capsule fs rollback scribe PATH" in said.stderr
    assert (workspace / "old.txt").read_text() == "the user's"
    place = said.stderr.split("copy it from ")[1].split(", then commit")[0]
    assert place.startswith(str(home / "overlays"))
    # The way out works.
    (workspace / "old.txt").write_bytes(open(place + "/old.txt", "rb").read())
    assert fs("commit").status == 0
    assert (workspace / "old.txt").read_text() == "newer"


def test_the_advice_for_a_conflict_is_a_command_that_works(run, written, workspace, home):
    elsewhere = home.rename(home.parent / "it's home")
    (workspace / "old.txt").write_text("the user's")
    said = run("fs", "commit", "scribe", cwd=workspace, env={"ASTRID_HOME": str(elsewhere)})
    assert "capsule fs rollback scribe PATH. To take" in said.stderr
    said = run("fs", "commit", "scribe", "--workspace", workspace, "--home", elsewhere)
    assert said.status == 1
    command = shlex.split(said.stderr.split("To keep what the workspace has: capsule ")[1].split(". To take")[0])
    assert command == ["fs", "rollback", "scribe", "PATH", "--workspace", str(workspace), "--home", str(elsewhere)]
    said = run(*[word.replace("PATH", "old.txt") for word in command])
    assert (said.status, said.stdout) == (0, "dropped old.txt\n1 change dropped\n")


def test_what_can_not_be_written_fails_and_stays(fs, write, workspace):
    def allow_small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))

    write("write", "large", "x" * 5000, "write", "small", "y")
    said = fs("commit", preexec_fn=allow_small_files, restore_signals=False)  # SIGXFSZ stays ignored
    assert said.status == 1
    assert said.stdout == "committed small\nfailed    large  File too large\n1 change committed\n"
    assert "1 change could not be made and stays in the overlay" in said.stderr
    assert sorted(path.name for path in workspace.iterdir()) == ["gone.txt", "old.txt", "small"]
    assert fs("commit").status == 0
    assert (workspace / "large").stat().st_size == 5000


def test_what_stands_in_the_way_is_a_conflict(fs, write, workspace):
    write("write", "place/x", "1", "write", "y", "2")
    (workspace / "place").write_text("a file")  # where the capsule made a folder
    said = fs("commit", "--json")
    assert said.status == 1
    assert json.loads(said.stdout) == {"committed": ["y"], "conflicts": ["place", "place/x"], "failed": []}


def test_several_paths_are_one_answer(fs, written):
    changes = json.loads(fs("diff", "a/b.txt", "a", "gone.txt", "--json").stdout)
    assert [each["path"] for each in changes] == ["a", "a/b.txt", "gone.txt"]
    said = fs("commit", "gone.txt", "none", "--json")
    assert said.status == 1
    assert json.loads(said.stdout)["committed"] == ["gone.txt"]
    assert "no change at `none`" in said.stderr


@pytest.mark.parametrize("path", ["..", "a/../..", "/etc/passwd", "/"])
def test_paths_that_lead_out_are_refused(fs, written, path):
    said = fs("rollback", path)
    assert said.status == 1
    assert "leads out of the workspace" in said.stderr


def test_absolute_paths_inside_are_fine(fs, written, workspace):
    assert fs("diff", workspace / "old.txt").stdout == "M  old.txt  5 bytes\n"


def test_the_capsule_is_named_by_folder_or_id(fs, run, written, make_capsule, workspace):
    folder = make_capsule(manifest("scribe"), name="elsewhere")
    assert "old.txt" in fs("diff", capsule=folder).stdout
    (workspace / "scribe").mkdir()
    (workspace / "scribe" / "Capsule.toml").write_text(manifest("another"))
    said = run("fs", "diff", "scribe", cwd=workspace)  # the folder here, not the id
    assert said.status == 1
    assert "the capsule `another` has no overlay of" in said.stderr
    said = fs("diff", capsule="nobody")
    assert said.status == 1
    assert "the capsule `nobody` has no overlay of" in said.stderr
    assert fs("diff", capsule="No/Folder").status == 1


def test_looking_makes_nothing(fs, home, workspace):
    assert fs("diff").status == 1
    assert not home.exists()
    assert sorted(path.name for path in workspace.iterdir()) == ["gone.txt", "old.txt"]


def test_an_overlay_in_use_names_who_has_it(fs, written, home, workspace):
    with subprocess.Popen([WRITER, home, workspace, "scribe", "hold"], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        said = fs("commit")
        holder.kill()
    assert said.status == 1
    assert "in use by process %d (overlay_writer)" % holder.pid in said.stderr
    assert fs("diff").status == 0


def test_names_reach_a_terminal_cleaned(terminal, write, workspace):
    write("write", "evil\x1b[2Jname", "x")
    status, seen = terminal("fs", "diff", "scribe", "--workspace", workspace)
    assert status == 0
    assert b"\x1b[2J" not in seen
    assert b"evil" in seen


def test_wrong_usage(run):
    assert run("fs").status == 2
    assert run("fs", "diff").status == 2
    assert run("fs", "undo", "scribe").status == 2
