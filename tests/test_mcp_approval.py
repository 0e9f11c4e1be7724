# SPDX-License-Identifier: MIT OR Apache-2.0
"""A capsule of a workspace with an MCP server is approved as a whole, and is started as it was approved only."""

import re

import pytest

MANIFEST = """\
[package]
name = "srv"
version = "1.0.0"

[capabilities]
host_process = ["./server.py"]

[[mcp_server]]
id = "a"
type = "stdio"
command = "./server.py"
"""

# Ends when a file "stop" appears in its working folder.
SERVER = """\
#!/usr/bin/python3
import json, os, sys, threading, time

def watch():
    while not os.path.exists("stop"):
        time.sleep(0.02)
    os.unlink("stop")
    os._exit(3)

threading.Thread(target=watch, daemon=True).start()
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    result = {}
    if message["method"] == "initialize":
        version = message["params"]["protocolVersion"]
        result = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}}
    elif message["method"] == "tools/list":
        result = {"tools": [{"name": "t", "inputSchema": {"type": "object"}}]}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""


@pytest.fixture
def workspace(tmp_path):
    return tmp_path / "w"


@pytest.fixture
def capsule(run, workspace):
    """A capsule of a workspace that was approved."""
    folder = workspace / ".astrid" / "capsules" / "srv"
    folder.mkdir(parents=True)
    (folder / "Capsule.toml").write_text(MANIFEST)
    (folder / "server.py").write_text(SERVER)
    (folder / "server.py").chmod(0o755)
    (folder / "helper.py").write_text("pass\n")
    result = run("approve", folder, "--yes", start_new_session=True)
    assert (result.status, result.stderr) == (0, "")
    assert re.search(r"^  [0-9a-f]{64}  the whole folder$", result.stdout, re.MULTILINE)
    return folder


def read_until(stream, text):
    """Lines up to the one with `text` in it; a program that ends or hangs fails the test by its own limits."""
    for line in iter(stream.readline, b""):
        if text in line.decode():
            return
    pytest.fail("%s was not said" % text)


def test_any_change_of_the_folder_is_noticed(run, capsule, workspace):
    (capsule / "helper.py").write_text("evil\n")
    result = run("list", "--workspace", workspace)
    assert "something in the folder changed" in result.stdout
    (capsule / "helper.py").write_text("pass\n")
    assert "something in the folder changed" not in run("list", "--workspace", workspace).stdout


def test_server_is_not_started_again_in_a_folder_that_changed(start, capsule, workspace, home):
    process = start("run", "--workspace", workspace)
    read_until(process.stdout, "ready  srv 1.0.0 (tools 1)")
    (capsule / "helper.py").write_text("evil\n")
    (home / "state" / "srv" / "stop").touch()
    read_until(process.stderr, "it exited with status 3")
    read_until(process.stderr, "something in the capsule's folder changed since it was approved")
    process.terminate()
    process.wait(timeout=60)
