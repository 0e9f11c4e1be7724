# SPDX-License-Identifier: MIT OR Apache-2.0
"""Guests written with other people's kits (examples/kits), built with the commands of docs/guest-other.md, word for word.

What was built is kept in the user's cache, outside the build folder, under the hash of all that it is made from."""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

from conftest import ROOT, need

PAGE = (ROOT / "docs" / "guest-other.md").read_text(encoding="utf-8")
KITS = {"rust": "Rust", "assemblyscript": "AssemblyScript", "go": "Go"}  # folder: heading
BUILD_S = 900  # a first build on a machine that is busy with others
MADE = {".wasm", "node_modules", "target"}  # what builds leave in the folders


def section(kit):
    """The part of the page about a kit."""
    return re.search(r"^## %s\n(.*?)(?=^## |\Z)" % KITS[kit], PAGE, re.DOTALL | re.MULTILINE).group(1)


def commands(kit):
    """What the page says to build it with."""
    return re.search(r"^```sh\n(.*?)^```$", section(kit), re.DOTALL | re.MULTILINE).group(1)


def first_line(*command):
    """What a program says of its version; None if there is no such program."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def rust():
    """The version of a Rust that has the standard library for the target, or None."""
    compiler = os.environ.get("RUSTC", "rustc")
    libraries = first_line(compiler, "--print", "target-libdir", "--target", "wasm32-unknown-unknown")
    if libraries is None or first_line("cargo", "--version") is None or not any(pathlib.Path(libraries).glob("libstd-*.rlib")):
        return None
    return first_line(compiler, "--version")


def go():
    version = first_line("go", "version")
    numbers = re.search(r"\bgo1\.(\d+)", version or "")
    return version if numbers and int(numbers.group(1)) >= 24 else None


# Neither Rust's library for wasm32 nor Go is part of the set-up: those kits are tested where they are. npm is needed.
VERSIONS = {"rust": rust(), "assemblyscript": "locked", "go": go()}
HERE = [kit for kit in KITS if VERSIONS[kit] is not None]


def files(kit):
    """The files that a kit is made from: name below its folder and path."""
    folder = ROOT / "examples" / "kits" / kit
    paths = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {str(name): path for name, path in paths.items() if not MADE & {*name.parts, name.suffix}}


def build(kit, more=None, script=None, module="hello.wasm"):
    """The module that a kit makes of its files and `more` (name: path) by the page's commands, and `script` after them."""
    made_from, script = {**files(kit), **(more or {})}, commands(kit) + (script or "")
    content = hashlib.sha256("\0".join([kit, VERSIONS[kit], script, module]).encode())
    for name, path in made_from.items():
        content.update(b"\0%s\0%d\0" % (name.encode(), path.stat().st_size) + path.read_bytes())
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "capsule-guests"
    kept = cache / ("%s-%s.wasm" % (kit, content.hexdigest()[:16]))
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as work:
            os.replace(build_in(pathlib.Path(work), kit, made_from, script) / module, kept)
    return kept


def build_in(work, kit, made_from, script):
    """Do the work in a copy; gives its folder."""
    if kit == "assemblyscript":
        need("npm")
    folder = work / "examples" / "kits" / kit
    for name, path in made_from.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / name)
    command = ["bash", "-euc", script]
    made = subprocess.run(
        command, cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=BUILD_S, check=False
    )
    if made.returncode != 0:
        pytest.fail("%s could not be built:\n%s" % (kit, made.stdout.decode("utf-8", "replace")), pytrace=False)
    return folder
