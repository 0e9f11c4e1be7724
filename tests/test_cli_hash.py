# SPDX-License-Identifier: MIT OR Apache-2.0
"""capsule hash: digests that other programs give too, and lines that a manifest takes."""

import hashlib
import json
import os
import re
import shutil

import pytest

MANIFEST = """\
[package]
name = "tools"
version = "1.0.0"

[capabilities]
host_process = ["./server"]

[[mcp_server]]
id = "s"
type = "stdio"
command = "./server"
args = ["./lib/a.py"]
%s
"""


@pytest.fixture
def capsule(tmp_path):
    """A capsule with a server, and the paths of its files."""
    folder = tmp_path / "tools"
    (folder / "lib" / "deep").mkdir(parents=True)
    (folder / "server").write_text("#!/bin/sh\nexec cat\n")
    (folder / "server").chmod(0o755)
    (folder / "lib" / "a.py").write_text("pass\n")
    (folder / "lib" / "a=b \"c\".py").write_text("pass\n")
    (folder / "lib" / "deep" / ".hidden").write_text("x")
    (folder / "lib" / "link").symlink_to("../server")
    (folder / "Capsule.toml").write_text(MANIFEST % "")
    return folder


def blake3(run, tmp_path, content):
    """The BLAKE3 of bytes, 64 digits."""
    path = tmp_path / "content"
    path.write_bytes(content)
    return re.fullmatch(r'hash = "blake3:([0-9a-f]{64})"\n', run("hash", path).stdout).group(1)


def listing(run, tmp_path, folder, prefix=b""):
    """The listing of docs/mcp.md, of which the digest of a folder is the BLAKE3."""
    entries = b""
    for name in sorted(os.listdir(os.fsencode(folder))):
        path = os.path.join(os.fsencode(folder), name)
        if os.path.islink(path):
            entries += b"l %s %s\0" % (blake3(run, tmp_path, os.readlink(path)).encode(), prefix + name)
        elif os.path.isdir(path):
            entries += b"d %s\0" % (prefix + name) + listing(run, tmp_path, path, prefix + name + b"/")
        else:
            kind = b"x" if os.stat(path).st_mode & 0o100 else b"f"
            with open(path, "rb") as file:
                entries += b"%s %s %s\0" % (kind, blake3(run, tmp_path, file.read()).encode(), prefix + name)
    return entries


def test_sha256_of_a_file_is_that_of_others(run, capsule):
    expected = hashlib.sha256((capsule / "server").read_bytes()).hexdigest()
    result = run("hash", capsule / "server", "--sha256")
    assert (result.status, result.stderr) == (0, "")
    assert result.stdout == 'hash = "sha256:%s"\nintegrity = ["server=sha256:%s"]\n' % (expected, expected)


def test_blake3_of_nothing_is_that_of_its_specification(run, tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    assert run("hash", tmp_path / "empty").stdout == (
        'hash = "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"\n')


def test_folder_is_its_documented_listing(run, capsule, tmp_path):
    (capsule / "lib-2").mkdir()  # `-` is less than `/`, and still comes behind what is in lib
    assert run("hash", capsule / "lib").stdout == (
        'integrity = ["lib=tree:%s"]\n' % blake3(run, tmp_path, listing(run, tmp_path, capsule / "lib")))
    assert run("hash", capsule).stdout == "tree:%s\n" % blake3(run, tmp_path, listing(run, tmp_path, capsule))


def test_what_is_no_part_of_a_capsule_has_no_line_for_one(run, tmp_path, capsule):
    (tmp_path / "folder").mkdir()
    assert re.fullmatch(r"tree:[0-9a-f]{64}\n", run("hash", tmp_path / "folder").stdout)
    assert "integrity" not in run("hash", capsule / "Capsule.toml").stdout
    assert json.loads(run("hash", tmp_path / "folder", "--json").stdout)["capsule"] is None


def test_json_says_where_it_lies(run, capsule):
    digest = re.search(r"tree:\w+", run("hash", capsule / "lib").stdout).group()
    assert json.loads(run("hash", capsule / "lib" / ".." / "lib", "--json").stdout) == {
        "digest": digest, "file": str(capsule / "lib"), "folder": True, "capsule": str(capsule), "path": "lib"}


def lines_for(run, capsule):
    """What pins the whole server of the capsule."""
    names = ["lib", "lib/a.py", "lib/a=b \"c\".py"]
    entries = [re.search(r"^integrity = \[(.*)\]$", run("hash", capsule / name).stdout, re.MULTILINE).group(1) for name in names]
    program = run("hash", capsule / "server").stdout.splitlines()[0]
    return "%s\nintegrity = [%s]" % (program, ", ".join(entries))


def test_lines_hold_in_a_manifest_until_something_changes(run, capsule):
    (capsule / "Capsule.toml").write_text(MANIFEST % lines_for(run, capsule))
    result = run("check", capsule)
    assert (result.status, result.stdout) == (0, "no problems found in 1 manifest\n")
    (capsule / "lib" / "deep" / ".hidden").write_text("y")
    (capsule / "server").write_text("#!/bin/sh\nexec evil\n")
    result = run("check", capsule)
    assert result.status == 1
    assert "Binary hash mismatch for ./server: expected blake3:" in result.stdout
    assert "integrity: `lib` is not what the manifest says: expected tree:" in result.stdout
    assert "`lib/a.py` is not" not in result.stdout


def test_copy_of_a_folder_has_the_same_digest(run, capsule, tmp_path):
    before = run("hash", capsule).stdout
    shutil.copytree(capsule, tmp_path / "copy", symlinks=True)
    assert run("hash", tmp_path / "copy").stdout == before


@pytest.mark.parametrize("make, why", [
    (lambda path: None, "No such file or directory"),
    (os.mkfifo, "it is no regular file and no folder"),
])
def test_what_has_no_digest_is_told(run, tmp_path, make, why):
    make(tmp_path / "x")
    result = run("hash", tmp_path / "x")
    assert (result.status, result.stdout) == (1, "")
    assert why in result.stderr


def test_folder_has_no_sha256(run, capsule):
    result = run("hash", capsule / "lib", "--sha256")
    assert (result.status, result.stdout) == (1, "")
    assert "it is a folder, whose digest begins with `tree:`" in result.stderr


def test_fifo_in_a_folder_is_named(run, capsule):
    os.mkfifo(capsule / "lib" / "deep" / "pipe")
    result = run("hash", capsule)
    assert result.status == 1
    assert "`lib/deep/pipe` is no file, folder or link" in result.stderr


def test_name_that_no_manifest_can_hold_is_told(run, capsule):
    path = os.fsencode(capsule) + b"/lib/\xff"
    with open(path, "wb"):
        pass
    result = run("hash", os.fsdecode(path))
    assert result.status == 1
    assert "rename it" in result.stderr
