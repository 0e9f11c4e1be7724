# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the tests of events share: a program that embeds the runtime and does what it is told (event_session.c), and capsules whose guest
does what a script in the manifest says (guests/abi_events.c)."""

import json
import os
import subprocess

import pytest

from conftest import manifest
from embedding import BUILD

GRANTS = """
[capabilities]
ipc_publish = ["*", "*.*", "*.*.*", "*.*.*.*", "*.*.*.*.*"]
ipc_subscribe = ["*", "*.*"]
fs_read = ["workspace://"]
fs_write = ["workspace://"]
"""


class Failed(Exception):
    """What an operation ended with: `status` is an enum capsule_status."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class Session:
    """The program, spoken to line by line."""

    def __init__(self, *options, inside=(), env=None):
        """`inside`: the words of a program that runs another one, to start it with."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [*inside, BUILD / "tests" / "event_session", *options]
        env = {**os.environ, "CAPSULE_LIBEXEC_DIR": str(BUILD / "libexec"), **(env or {})}
        self.process = subprocess.Popen(list(map(str, command)), text=True, env=env, **pipes)

    def ask(self, *words):
        self.process.stdin.write("\t".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line.endswith("\n"):
            status = self.process.wait(timeout=120)
            pytest.fail("event_session ended with status %d: %s" % (status, self.process.stderr.read()))
        return json.loads(line)

    def do(self, *words):
        told = self.ask(*words)
        if told["status"] != 0:
            raise Failed(told["status"], told["error"])
        return told["result"]

    def end(self):
        """Free the runtime, whatever is under way."""
        self.process.stdin.close()
        try:
            assert self.process.wait(timeout=120) == 0, self.process.stderr.read()
            assert self.process.stderr.read() == ""
        finally:
            self.process.kill()
            self.process.stdout.close()
            self.process.stderr.close()

    def steps(self, capsule, *steps):
        """Have `capsule` do these, a list each; what each gave."""
        return json.loads(self.do("call", capsule, "do", json.dumps({"steps": steps})))

    def start_steps(self, name, capsule, *steps):
        self.do("call-as", name, capsule, "do", json.dumps({"steps": steps}))

    def publish(self, topic, payload):
        """Publish and wait until all have it; what came of it."""
        return json.loads(self.do("publish", topic, json.dumps(payload)))

    def post(self, topic, payload):
        self.do("post", topic, json.dumps(payload))

    def subscribe(self, name, pattern, *options):
        self.do("subscribe", name, pattern, *options)

    def take(self, name, count):
        """`count` events of a subscription, and those that came with them."""
        return self.ask("take", name, count)

    def logged(self):
        return [record["text"] for record in self.ask("log")]

    def stats(self):
        stats = json.loads(self.do("stats"))
        ended = stats["delivered"] + stats["failed"] + stats["vetoed"] + sum(stats["dropped"].values())
        assert stats["matched"] == ended + stats["pending"]
        return stats


@pytest.fixture
def session(tmp_path_factory):
    """Start the program with options of the runtime, `NAME=VALUE`."""
    running = []
    cache = tmp_path_factory.getbasetemp() / "compiled"

    def start(*options, **how):
        running.append(Session("cache=%s" % cache, *options, **how))
        return running[-1]

    yield start
    for one in running:
        one.end()


def toml(value):
    """A text of TOML."""
    return json.dumps(value)


def script(**scripts):
    """[env] with a script for each action, or for `run`."""
    lines = ["[env]"]
    for name, steps in scripts.items():
        lines.append("%s = { type = \"string\", default = %s }" % (toml(name), toml(json.dumps(steps))))
    return "\n".join(lines) + "\n"


def interceptor(event, action, **more):
    lines = ["[[interceptor]]", "event = %s" % toml(event), "action = %s" % toml(action)]
    lines += ["%s = %s" % (key, toml(value)) for key, value in more.items()]
    return "\n".join(lines) + "\n"


@pytest.fixture
def make(make_capsule, guest):
    """Make a capsule folder: interceptors (event, action, more) and scripts by action. `run`: its loop's script."""

    def make_one(name, *interceptors, run=None, grants=GRANTS, more="", tools=("do", "do.it"), **scripts):
        module = guest("abi_events.c", "-DRUN") if run is not None else guest("abi_events.c")
        if run is not None:
            scripts["run"] = run
        parts = [grants, more, *(interceptor(event, action, **(rest[0] if rest else {})) for event, action, *rest in interceptors)]
        if scripts:
            parts.append(script(**scripts))
        text = manifest(name=name, module="guest.wasm", tools=tools, more="".join(parts))
        return make_capsule(text, module, name=name, module_name="guest.wasm")

    return make_one


@pytest.fixture
def load(make):
    """Make a capsule and load it into a session."""

    def make_and_load(session, name, *interceptors, **more):
        return session.do("load", make(name, *interceptors, **more))

    return make_and_load
