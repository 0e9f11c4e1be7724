# SPDX-License-Identifier: MIT OR Apache-2.0
"""MCP servers and the client of others, installed by tools/setup: capsules around the servers, and the client's word on them."""

import json
import os
import shutil
import subprocess

import pytest

from conftest import ROOT, TIMEOUT_S, need

INSTALLED = ROOT / "build" / "peers"
INSPECTOR = ROOT / "build" / "inspector" / "node_modules" / ".bin" / "mcp-inspector"
PACKAGES = "node_modules/@modelcontextprotocol"

MANIFEST = """[package]
name = "%(name)s"
version = "1.0.0"

[capabilities]
host_process = ["node"]
%(grants)s

[[mcp_server]]
id = "%(server)s"
type = "stdio"
command = "node"
args = %(args)s
%(more)s
"""


def link_or_copy(source, target):
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def need_installed(path=INSTALLED / PACKAGES):
    """Without it, and without a Node.js that runs it, the test is skipped, in CI it fails."""
    need("node")
    if path.exists():
        return
    if os.environ.get("CI") == "true":
        pytest.fail("%s is missing: run tools/setup" % path)
    pytest.skip("%s is missing: run tools/setup" % path)


def put_packages(folder):
    """Copy what was installed beside a manifest, as npm would lay it there."""
    need_installed(INSTALLED / PACKAGES)
    shutil.copytree(INSTALLED / "node_modules", folder / "node_modules", symlinks=True, copy_function=link_or_copy)


def program(server):
    """The file that is the server."""
    return "%s/server-%s/dist/index.js" % (PACKAGES, server)


def make_peer(folder, server, words=(), grants="", more=""):
    """A capsule called `server` with that server in it."""
    folder.mkdir()
    put_packages(folder)
    args = json.dumps(["./" + program(server), *words])
    text = MANIFEST % {"name": folder.name, "server": server, "args": args, "grants": grants, "more": more}
    (folder / "Capsule.toml").write_text(text)
    return folder


def ask_theirs(command, roots=(), env=None):
    """What the official client is told by the server that `command` starts."""
    need_installed()
    script = (ROOT / "tests" / "peers" / "ask.mjs").read_text()
    words = [need("node"), "--input-type=module", "-e", script, "--", "--ask", json.dumps(list(roots)), *map(str, command)]
    asked = subprocess.run(words, cwd=INSTALLED, env=env, capture_output=True, timeout=TIMEOUT_S, check=False)
    assert asked.returncode == 0, asked.stderr.decode()
    return json.loads(asked.stdout)


def inspect(command, method, *words):
    """What the inspector is told by the server that `command` starts."""
    need_installed(INSPECTOR)
    asked = [need("node"), INSPECTOR, "--cli", *command, "--method", method, *words]
    done = subprocess.run(list(map(str, asked)), capture_output=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)
