# SPDX-License-Identifier: MIT OR Apache-2.0
"""A capsule kept loaded over several calls, some of which fail: what the command cannot show, since its first failure ends it.
Done with examples/embed/session.c, which is built with everything else."""

import os
import pathlib
import subprocess

from conftest import ROOT, TIMEOUT_S


def program(name):
    build = pathlib.Path(os.environ.get("CAPSULE_BUILD_DIR", ROOT / "build"))
    return build / "examples" / name


def session(path, *lines, cpu_ms=None, environment=None):
    """Call the tools of the capsule (or the exports of the module) at `path`, a line each: "NAME INPUT". Gives a line each:
    "ok ANSWER" or "failed REASON"."""
    options = [] if cpu_ms is None else ["-c", str(cpu_ms)]
    text = "".join(line + "\n" for line in lines).encode()
    command = [program("session"), *options, path]
    done = subprocess.run(command, input=text, capture_output=True, timeout=TIMEOUT_S, env=environment, check=False)
    assert done.stderr == b""
    return done.stdout.decode().splitlines()
