# SPDX-License-Identifier: MIT OR Apache-2.0
"""docs/embedding.md: its programs are compiled and run, its fragments are compiled, its commands are run, and it names nothing that
the headers do not have."""

import os
import re
import shlex
import shutil
import sys

import pytest

from conftest import ROOT
from embedding import (
    EMBED,
    compile_program,
    execute,
    installed,
    library_flags,
    package,
    python_environment,
    sanitizer_flags,
)
from test_library import declared

__all__ = ["installed", "package"]  # fixtures

PAGE = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")
HELLO = ROOT / "examples" / "capsules" / "hello"

# What a fragment may take for granted. Functions stand for themselves, anything else becomes the body of one.
CONTEXT = """\
#define _POSIX_C_SOURCE 200809L
#include <capsule/capsule.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
%s
int main(void)
{
	return 0;
}
"""
BODY = """\
extern void fragment(struct capsule_runtime *runtime, struct capsule_error *error, int my_fd);
void fragment(struct capsule_runtime *runtime, struct capsule_error *error, int my_fd)
{
%s}
"""


def blocks(language):
    return re.findall(r"^```%s\n(.*?)^```$" % language, PAGE, re.DOTALL | re.MULTILINE)


def test_there_is_something_to_compile():
    assert len(blocks("c")) >= 4 and len(blocks("sh")) >= 2 and len(blocks("python")) >= 1


def test_the_program_is_that_of_the_examples():
    programs = [block for block in blocks("c") if "int main(" in block]
    assert len(programs) == 1
    assert (EMBED / "smallest.c").read_text(encoding="utf-8").endswith(programs[0])


@pytest.mark.parametrize("number", range(len(blocks("c"))))
def test_what_it_shows_compiles(number, tmp_path):
    block = blocks("c")[number]
    if "int main(" not in block:
        block = CONTEXT % (BODY % block if block.startswith("\t") else block)
    (tmp_path / "app.c").write_text(block, encoding="utf-8")
    flags = ["-Wno-unused-parameter", "-Wno-unused-function", *library_flags()]
    compile_program(tmp_path / "app.c", tmp_path / "app", *flags)


@pytest.mark.parametrize("command", blocks("sh"))
def test_its_commands_make_a_program(command, package, tmp_path):
    if sanitizer_flags():  # the compiler that is called `cc` must know how the library was built
        wrapper = tmp_path / "bin" / "cc"
        wrapper.parent.mkdir()
        wrapper.write_text('#!/bin/sh\nexec %s "$@" %s\n' % (shutil.which("cc"), shlex.join(sanitizer_flags())), encoding="utf-8")
        wrapper.chmod(0o755)
        package["PATH"] = "%s:%s" % (wrapper.parent, package["PATH"])
    assert execute(ROOT / "examples" / "build.sh").returncode == 0
    (tmp_path / "app.c").write_text((EMBED / "smallest.c").read_text(encoding="utf-8"), encoding="utf-8")
    made = execute("sh", "-c", command, cwd=tmp_path, env=package)
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    done = execute(tmp_path / "app", HELLO, "greet", '{"name":"Ada"}', env=package)
    assert (done.returncode, done.stdout, done.stderr) == (0, '{"greeting":"Hello, Ada!"}\n', "")


def test_its_python_runs(environment):
    assert execute(ROOT / "examples" / "build.sh").returncode == 0
    env = dict(python_environment(environment), PYTHONPATH=str(EMBED))
    for block in blocks("python"):
        done = execute(sys.executable, "-c", block, cwd=ROOT, env=env)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("{'greeting': 'Hello, Ada!'}\n") and "did you mean `greet`?" in done.stdout


def test_it_names_only_what_there_is():
    functions = set(re.findall(r"\b(capsule_\w+)\(", PAGE))
    assert functions and functions <= set(declared())
    header = (ROOT / "include" / "capsule" / "runtime.h").read_text(encoding="utf-8")
    struct = re.search(r"struct capsule_runtime_options \{(.*?)^\};", header, re.DOTALL | re.MULTILINE).group(1)
    members = set(re.findall(r"\b(\w+);", re.sub(r"/\*.*?\*/", "", struct, flags=re.DOTALL)))
    assert set(re.findall(r"\boptions\.(\w+)", PAGE)) <= members
    statuses = set(re.findall(r"ROW\((\w+)", (ROOT / "include" / "capsule" / "error.h").read_text(encoding="utf-8")))
    assert set(re.findall(r"\bCAPSULE_(E\w+)", PAGE)) <= statuses


def test_what_it_links_to_is_there():
    for target in re.findall(r"\]\(([^)#:]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target


def test_all_programs_are_named():
    for path in sorted(EMBED.iterdir()):
        if path.suffix in (".c", ".py"):
            assert "(%s)" % os.path.relpath(path, ROOT / "docs") in PAGE, path.name
