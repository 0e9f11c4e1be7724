# SPDX-License-Identifier: MIT OR Apache-2.0
"""A server that misbehaves as its first word says. What it keeps lies in its working folder."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

SORT = sys.argv[1]
PAGES, OF_A_PAGE = 200, 50
lists = 0


def say(**message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def text(words):
    return {"content": [{"type": "text", "text": words}]}


def tool(name, description="Does something."):
    return {"name": name, "description": description, "inputSchema": {"type": "object"}}


def forever(*_):
    while True:
        signal.pause()


def stubborn():
    """Nothing but SIGKILL ends it, nor what it started."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def list_tools(cursor):
    global lists
    lists += 1
    if SORT == "pages":
        page = int(cursor or 0)
        tools = [tool("t%d" % (page * OF_A_PAGE + i)) for i in range(OF_A_PAGE)]
        return {"tools": tools, **({"nextCursor": str(page + 1)} if page + 1 < PAGES else {})}
    if SORT == "cursor":
        return {"tools": [tool("t")], "nextCursor": "again"}
    more = {"changes": ["grown"] if lists > 1 else [], "hooks": ["astrid_hook_intercept"]}
    return {"tools": [tool(name) for name in ["act", "lists", "environment", *more.get(SORT, [])]]}


def long_line():
    piece = b"x" * (1 << 20)
    for _ in range(100):
        os.write(1, piece)
    os.write(1, b"\n")


def flood():
    for i in range(20000):
        sys.stdout.write('{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":%d}}\n' % i)
    sys.stdout.flush()
    for _ in range(20000):
        sys.stderr.write("noise " * 20 + "\n")
    sys.stderr.flush()


def act(number):
    if SORT == "long":
        long_line()
    elif SORT == "flood":
        flood()
    elif SORT == "closes":
        os.close(1)
        forever()
    elif SORT == "mute-call":
        return
    elif SORT == "exits":
        os._exit(7)
    elif SORT == "changes":
        for _ in range(100):
            say(method="notifications/tools/list_changed")
    elif SORT == "banner":
        print("Server listening on port 1\r\n\r", flush=True)
    say(id=number, result=text("done"))


def answer(number, method, params):
    if method == "initialize":
        capabilities = {"tools": {"listChanged": True}, "logging": {}}
        told = {"capabilities": capabilities, "serverInfo": {"name": "bad", "version": "1"}}
        say(id=number, result={"protocolVersion": params["protocolVersion"], **told})
    elif method == "tools/list":
        say(id=number, result=list_tools(params.get("cursor")))
    elif method == "tools/call" and params["name"] == "lists":
        say(id=number, result=text(str(lists)))
    elif method == "tools/call" and params["name"] == "environment":
        say(id=number, result=text(json.dumps(dict(os.environ))))
    elif method == "tools/call" and params["name"] == "astrid_hook_intercept":
        say(id=number, result=text(json.dumps({"payload": {"from": "server"}})))
    elif method == "tools/call":
        act(number)
    else:
        say(id=number, result={})


def begin():
    if SORT == "banner":
        print("Server listening on port 1", flush=True)
    elif SORT == "mute":
        forever()
    elif SORT == "leaves":
        sys.stdin.readline()
        print("no licence found", file=sys.stderr, flush=True)
        os._exit(3)
    elif SORT == "once" and pathlib.Path("was-here").exists():
        os._exit(9)
    elif SORT == "sleeper":
        stubborn()
        forever()
    elif SORT == "parent":
        stubborn()
        subprocess.Popen([sys.executable, __file__, "sleeper"])
    pathlib.Path("was-here").touch()


def serve():
    begin()
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" in asked:
            answer(asked["id"], asked["method"], asked.get("params") or {})
    if SORT == "parent":
        time.sleep(3600)


serve()
