# SPDX-License-Identifier: MIT OR Apache-2.0
"""A module written with somebody else's plug-in kit, the Extism PDK for AssemblyScript from npm, answers through
`capsule exec`."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile

import pytest

from conftest import ROOT, need

SOURCE = ROOT / "tests" / "pdk"
FILES = ["guest.ts", "package.json", "package-lock.json"]


def npm(folder, *arguments):
    made = subprocess.run([need("npm"), *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.fail("npm %s in %s:\n%s%s" % (" ".join(arguments), folder, made.stdout, made.stderr))


@pytest.fixture(scope="module")
def module():
    """The compiled guest: kept in the build folder under the hash of what it is made from."""
    content = hashlib.sha256()
    for name in FILES:
        content.update((SOURCE / name).read_bytes())
    kept = ROOT / "build" / "pdk" / content.hexdigest()[:16]
    if not (kept / "guest.wasm").exists():
        need("npm")
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            for name in FILES:
                shutil.copy(SOURCE / name, folder)
            npm(folder, "ci", "--no-audit", "--no-fund", "--ignore-scripts")
            npm(folder, "run", "build")
            kept.mkdir(exist_ok=True)
            os.replace(os.path.join(folder, "guest.wasm"), kept / "guest.wasm")
    return kept / "guest.wasm"


def test_bytes_go_in_and_come_out(run, module):
    data = bytes(range(256)) * 3 + b"end"
    result = run("exec", module, "echo", "-", input=data)
    assert (result.status, result.output, result.error) == (0, data, b"")


def test_it_reads_text_and_configuration(run, module):
    assert json.loads(run("exec", module, "count_vowels", "Hello, World!").stdout) == {"count": 3, "theme": "none"}
    result = run("exec", module, "count_vowels", "Hello, World!", "--config", "theme=dark")
    assert json.loads(result.stdout) == {"count": 3, "theme": "dark"}


def test_its_variables_are_kept_from_call_to_call(run, module):
    assert run("exec", module, "remember", "x", "--calls", "3").stdout == "x,x,x"


def test_its_log_is_shown(run, module):
    result = run("exec", module, "tell", "a story")
    assert (result.status, result.stdout) == (0, "")
    assert "warn: told: a story" in result.stderr


def test_where_it_gave_up_is_told_by_its_own_function_names(run, module):
    result = run("exec", module, "give_up", "abc")
    assert (result.status, result.stdout) == (1, "")
    assert "unreachable" in result.stderr
    assert "guest/give_up" in result.stderr
    assert "Index out of range" in result.stderr  # what it logged before
