# SPDX-License-Identifier: MIT OR Apache-2.0
"""The pages that a reader follows step by step: what they show is what happens."""

import pathlib
import re
import subprocess

import pytest

from conftest import ROOT, need
from console import Shell, links, replay
from peers import need_installed

README = (ROOT / "README.md").read_text(encoding="utf-8")
GUEST_C = (ROOT / "docs" / "guest-c.md").read_text(encoding="utf-8")


@pytest.fixture
def shell(capsule_bin, environment):
    """Makes a shell in a folder, with the program under test on its path and a home of its own."""
    need("clang")
    need("wasm-ld")
    path = "%s:%s" % (pathlib.Path(capsule_bin).parent, environment["PATH"])
    return lambda folder: Shell(folder, dict(environment, PATH=path, NO_COLOR="1"))


def test_the_tour_goes_as_it_is_written(shell):
    need_installed()  # an example has a server of these
    subprocess.run([ROOT / "examples" / "build.sh"], check=True)
    assert replay(README, shell(ROOT)) >= 8


def test_the_way_to_a_tool_in_c_goes_as_it_is_written(shell, tmp_path):
    need("make")
    assert replay(GUEST_C, shell(tmp_path)) >= 12


def test_what_it_links_to_is_there():
    for target in links(README):
        assert (ROOT / target).exists(), target
    for target in links(GUEST_C):
        assert (ROOT / "docs" / target).exists(), target


def test_the_targets_that_it_names_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`make (\w+)`|^make (\w+)", README, re.MULTILINE)):
        assert re.search(r"^%s:" % "".join(target), makefile, re.MULTILINE), target
