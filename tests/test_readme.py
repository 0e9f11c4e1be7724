# SPDX-License-Identifier: MIT OR Apache-2.0
"""The tour of the README, word for word: each command of its console blocks runs in the checkout, with a home of its own, and
says what stands below it. A line of "..." stands for any lines, "..." within a line for anything."""

import pathlib
import re
import subprocess

import pytest

from conftest import ROOT, TIMEOUT_S, need

README = (ROOT / "README.md").read_text(encoding="utf-8")


def steps(page=README):
    """The commands of a page in their order, each with the text that it should print."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```$", page, re.DOTALL | re.MULTILINE):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            while command.endswith("\\"):
                more, _, output = output.partition("\n")
                command = command[:-1] + " " + more.strip()
            found.append((command, output))
    return found


def as_pattern(text):
    """What matches `text` with its ellipses."""
    pattern = re.escape(text)
    pattern = re.sub(r"^\\\.\\\.\\\.\n", "(?:.*\n)*?", pattern, flags=re.MULTILINE)
    return pattern.replace(re.escape("..."), ".*")


@pytest.fixture
def shell(capsule_bin, environment):
    need("clang")
    need("wasm-ld")
    path = "%s:%s" % (pathlib.Path(capsule_bin).parent, environment["PATH"])
    env = dict(environment, PATH=path, NO_COLOR="1")
    subprocess.run([ROOT / "examples" / "build.sh"], check=True)

    def run_line(command):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_S,
            check=False,
        )
        return done.stdout.decode()

    return run_line


def test_the_tour_goes_as_it_is_written(shell):
    assert len(steps()) >= 8
    for command, expected in steps():
        said = shell(command)
        said += "\n" if said and not said.endswith("\n") else ""  # an answer of exec ends where the guest ended it
        assert re.fullmatch(as_pattern(expected), said), "$ %s\n%s\ninstead of\n%s" % (command, said, expected)


def test_what_it_links_to_is_there():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_targets_that_it_names_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`make (\w+)`|^make (\w+)", README, re.MULTILINE)):
        assert re.search(r"^%s:" % "".join(target), makefile, re.MULTILINE), target
