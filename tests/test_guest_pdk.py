# SPDX-License-Identifier: MIT OR Apache-2.0
"""A module written with somebody else's plug-in kit, the Extism PDK for AssemblyScript from npm, answers through
`capsule exec`."""

import json

import pytest

import kits
from conftest import ROOT


@pytest.fixture(scope="module")
def module():
    """The compiled guest, made in the folder of the kit's example, with what that brings."""
    script = "npx --no-install asc guest.ts --outFile guest.wasm --use abort=guest/onAbort --optimize --debug\n"
    return kits.build("assemblyscript", {"guest.ts": ROOT / "tests" / "guests" / "pdk.ts"}, script, "guest.wasm")


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
