# SPDX-License-Identifier: MIT OR Apache-2.0
"""Servers that misbehave, against the whole of it: a program that embeds the runtime, sandboxes, real children. Whatever a server does,
the runtime goes on, says what happened, and has as many children and descriptors afterwards as before."""

import json
import os
import pathlib
import platform
import select
import shutil
import signal

import pytest

from conftest import ROOT, need
from embedding import build_option
from events import Failed, session  # noqa: F401  a fixture

BAD = ROOT / "tests" / "peers" / "bad.py"
GROWTH_KIB = 64 * 1024  # what a bad server may cost this program at most
GIVE_UP_MS = 60000

MANIFEST = """[package]
name = "%(name)s"
version = "1.0.0"

[capabilities]
host_process = ["%(command)s"]
%(grants)s

[[mcp_server]]
id = "s"
type = "stdio"
command = "%(command)s"
args = ["./bad.py", "%(sort)s"]
%(more)s
"""


def make_bad(folder, sort, more="", command="python3", grants=""):
    folder.mkdir()
    shutil.copy(BAD, folder / "bad.py")
    text = MANIFEST % {"name": folder.name, "sort": sort, "more": more, "command": command, "grants": grants}
    (folder / "Capsule.toml").write_text(text)
    return folder


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def children(pid):
    return pathlib.Path("/proc/%d/task/%d/children" % (pid, pid)).read_text().split()


def peak_kib(pid):
    status = pathlib.Path("/proc/%d/status" % pid).read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def programs_in(folder):
    """The processes that run bad.py of that folder, {word: pid}; not what wraps them."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if len(words) > 2 and words[1] == str(folder / "bad.py").encode():
                found[words[2].decode()] = int(entry.name)
        except OSError:  # it ended meanwhile
            pass
    return found


def wait_gone(handles):
    """Until these processes, held by descriptors, have ended."""
    for handle in handles:
        assert select.select([handle], [], [], GIVE_UP_MS / 1000)[0], "it still runs"
        os.close(handle)


@pytest.fixture
def world(session, tmp_path):  # noqa: F811
    """A runtime with small limits; give it a bad server, and it tells at the end whether anything of that is left."""
    options = ["mcp_handshake_ms=10000", "mcp_stop_ms=200", "restart_ms=1", "call_wall_ms=60000"]

    class World:
        def __init__(self):
            self.session = None
            self.pid = 0

        def start(self, *more):
            self.session = session("home=%s" % (tmp_path / "home"), *options, *more)
            self.pid = self.session.process.pid
            # What the first load keeps for good: the store, what is known of bubblewrap.
            self.session.do("load", make_bad(tmp_path / "good", "good"))
            self.act("good")
            self.session.do("unload", "good")
            self.before = (descriptors(self.pid), children(self.pid), peak_kib(self.pid))
            return self.session

        def act(self, capsule, name="act", verb="call"):
            result = json.loads(self.session.do(verb, capsule, name, "{}"))
            assert result["success"] is True
            return result["content"][0]["text"]

        def again(self, capsule, name="act"):
            """When the server is there again."""
            return self.act(capsule, name, "call-again")

        def servers(self, capsule):
            return json.loads(self.session.do("servers", capsule))[0]

        def check(self):
            assert (descriptors(self.pid), children(self.pid)) == self.before[:2]
            if build_option("b_sanitize") == "none":  # they keep what was freed
                assert peak_kib(self.pid) - self.before[2] < GROWTH_KIB

    made = World()
    yield made
    if made.session is not None and made.session.process.poll() is None:
        made.check()


@pytest.fixture
def bad(world, tmp_path):
    """Load a bad server in a runtime with small limits."""

    def load(sort, *options, **more):
        world.start(*options)
        world.session.do("load", make_bad(tmp_path / "bad", sort, **more))
        return world

    return load


def failure(world, capsule="bad", name="act"):
    with pytest.raises(Failed) as failed:
        world.session.do("call", capsule, name, "{}")
    return str(failed.value)


# ---- What it writes ----


def test_banner_on_standard_output_is_passed_over(bad, tmp_path):  # mv:88 mv:89
    world = bad("banner")
    assert world.act("bad") == "done" and world.act("bad") == "done"
    assert world.servers("bad")["bad_lines"] >= 1
    world.session.do("unload", "bad")


def test_endless_line_ends_the_server_and_costs_no_memory(bad):  # mv:90
    world = bad("long")
    assert "exceeds 16777216 bytes" in failure(world)
    assert world.again("bad", "lists") == "1"
    world.session.do("unload", "bad")


def test_flood_of_notifications_and_noise_loses_no_answer(bad):
    world = bad("flood")
    assert world.act("bad") == "done" and world.act("bad") == "done"
    # Both share one bound, so of either kind there may be none.
    logged = [text for text in world.session.logged() if "server s: " in text]
    assert 0 < len(logged) < 1000
    world.session.do("unload", "bad")


# ---- What it does not do ----


def test_server_that_never_answers_ends_the_load_in_time(world, tmp_path):
    world.start("mcp_handshake_ms=300")
    with pytest.raises(Failed) as failed:
        world.session.do("load", make_bad(tmp_path / "bad", "mute"))
    assert "MCP handshake failed for capsule:bad:s" in str(failed.value)


def test_exit_in_the_handshake_is_told_with_its_last_words(world, tmp_path):
    world.start()
    with pytest.raises(Failed) as failed:
        world.session.do("load", make_bad(tmp_path / "bad", "leaves"))
    assert "MCP handshake failed for capsule:bad:s" in str(failed.value)
    assert "it exited with status 3" in str(failed.value) and "no licence found" in str(failed.value)


def test_failed_load_is_forgotten_when_the_server_is_mended(world, tmp_path):  # mv:135
    world.start()
    folder = make_bad(tmp_path / "bad", "leaves")
    with pytest.raises(Failed):
        world.session.do("load", folder)
    shutil.rmtree(folder)
    world.session.do("load", make_bad(folder, "good"))
    assert world.act("bad") == "done"
    world.session.do("unload", "bad")


def test_call_without_an_answer_ends_in_time(bad):  # mv:112
    world = bad("mute-call", "mcp_call_ms=1000")
    assert "Tool call failed: capsule:bad:s:act - request timeout after 1s" in failure(world)
    assert world.act("bad", "lists") == "1"
    world.session.do("unload", "bad")


def test_server_that_closes_its_output_and_lives_is_started_again(bad):
    world = bad("closes")
    assert "Tool call failed: capsule:bad:s:act - Transport closed" in failure(world)
    assert world.again("bad", "lists") == "1"
    assert world.servers("bad")["restarts"] == 1
    world.session.do("unload", "bad")


# ---- Its lists ----


def test_tools_that_change_during_a_call_are_asked_for_once_or_twice(bad):  # mv:118
    world = bad("changes")
    assert world.act("bad") == "done"
    assert int(world.act("bad", "lists")) <= 3  # the first, and two for a hundred notices
    assert world.act("bad", "grown") == "done"
    world.session.do("unload", "bad")


def test_ten_thousand_tools_of_two_hundred_pages_are_had(bad):
    world = bad("pages")
    tools = json.loads(world.session.do("tools", "bad"))
    assert [tool["name"] for tool in tools] == ["t%d" % number for number in range(10000)]
    assert tools[9999]["origin"] == {"server": "capsule:bad:s", "tool": "t9999"}
    assert world.act("bad", "t9999") == "done"
    world.session.do("unload", "bad")


def test_cursor_that_comes_again_ends_the_list(world, tmp_path):
    world.start()
    with pytest.raises(Failed, match="the server gave the same cursor again"):
        world.session.do("load", make_bad(tmp_path / "bad", "cursor"))


# ---- Where it is started ----


def test_program_for_this_machine_that_is_no_server_fails_in_the_handshake(world, tmp_path):  # rt:194
    world.start()
    folder = make_bad(tmp_path / "bad", "good", command="./bin")
    triple = folder / "bin" / ("%s-unknown-linux-gnu" % platform.machine())
    triple.parent.mkdir()
    triple.write_text("#!/bin/sh\necho it ran >&2\nexit 4\n")
    triple.chmod(0o755)
    with pytest.raises(Failed) as failed:
        world.session.do("load", folder)
    assert "MCP handshake failed for capsule:bad:s" in str(failed.value)
    assert "it exited with status 4" in str(failed.value) and "it ran" in str(failed.value)


def test_without_bubblewrap_no_server_is_started(session, tmp_path):  # noqa: F811  mv:52
    hidden = ["bwrap", "--dev-bind", "/", "/", "--ro-bind", "/dev/null", need("bwrap"), "--"]
    made = session("home=%s" % (tmp_path / "home"), inside=hidden)
    with pytest.raises(Failed, match="the program bwrap is not in .*; install the package `bubblewrap`"):
        made.do("load", make_bad(tmp_path / "bad", "good"))
    assert not (tmp_path / "home" / "state" / "bad" / "was-here").exists()


@pytest.mark.parametrize("name", ["LD_PRELOAD", "ld_anything", "NPM_CONFIG_REGISTRY", "Node_Options", "env"])
def test_setting_that_decides_what_runs_reaches_no_server(session, tmp_path, name):  # noqa: F811  mv:57 mv:58
    made = session("home=%s" % (tmp_path / "home"))
    settings = '[env]\nSAFE_VAR = { type = "string", default = "s" }\nLDFLAGS = { type = "string", default = "f" }\n'
    made.do("load", make_bad(tmp_path / "good", "good", more=settings))
    result = json.loads(made.do("call", "good", "environment", "{}"))
    seen = json.loads(result["content"][0]["text"])
    assert (seen["SAFE_VAR"], seen["LDFLAGS"]) == ("s", "f") and "CARGO_HOME" not in seen
    more = settings + '%s = { type = "string", default = "x" }\n' % name
    with pytest.raises(Failed, match="`%s` has the name of a variable that decides" % name):
        made.do("load", make_bad(tmp_path / "bad", "good", more=more))
    assert programs_in(tmp_path / "bad") == {}


def test_server_of_another_type_is_left_out_with_a_warning(session, tmp_path):  # noqa: F811  mv:16
    made = session("home=%s" % (tmp_path / "home"))
    folder = make_bad(tmp_path / "bad", "good")
    text = (folder / "Capsule.toml").read_text().replace('"stdio"', '"wasm-ipc"')
    (folder / "Capsule.toml").write_text(text)
    made.do("load", folder)
    assert json.loads(made.do("servers", "bad")) == [] and json.loads(made.do("tools", "bad")) == []
    assert programs_in(folder) == {}
    said = [line for line in made.logged() if "the MCP server `s` is not started: its type is `wasm-ipc`" in line]
    assert len(said) == 1


def test_server_without_a_command_says_so(session, tmp_path):  # noqa: F811  mv:1
    made = session("home=%s" % (tmp_path / "home"))
    folder = make_bad(tmp_path / "bad", "good")
    text = (folder / "Capsule.toml").read_text().replace('command = "python3"\n', "")
    (folder / "Capsule.toml").write_text(text)
    with pytest.raises(Failed, match="Unsupported entry point: MCP server requires a 'command' field"):
        made.do("load", folder)


# ---- Beside a module ----

MODULE = """#include <capsule_guest.h>
CAPSULE_TOOL(other) { guest_put_text(out, "a", "b"); }
"""
HOOK = """#include <capsule_guest.h>
CAPSULE_INTERCEPTOR(act)
{
	guest_begin_object(out);
	guest_put_object(out, "payload");
	guest_put_text(out, "from", "module");
	guest_end(out);
	guest_end(out);
}
"""
BESIDE = """
[[component]]
file = "guest.wasm"

[[interceptor]]
event = "a.b.c"
action = "act"
mode = "rewrite"
"""


@pytest.mark.parametrize("source, asked", [(MODULE, "server"), (HOOK, "module")], ids=["server", "module"])
def test_server_is_asked_where_the_module_has_no_hook(world, tmp_path, guest, source, asked):  # mv:237
    world.start()
    folder = make_bad(tmp_path / "bad", "hooks", more=BESIDE)
    shutil.copy(guest(source), folder / "guest.wasm")
    world.session.do("load", folder)
    world.session.subscribe("all", "a.b.c")
    world.session.publish("a.b.c", {"from": "nobody"})
    events = world.session.take("all", 1)
    assert json.dumps(events).count(asked) == 1
    world.session.do("unload", "bad")


# ---- Its end ----


def test_server_that_ends_at_each_start_is_given_up_after_five(bad, tmp_path):  # mv:238
    world = bad("once")  # which ends after the first start, too: by our hand
    os.kill(programs_in(tmp_path / "bad")["once"], signal.SIGKILL)
    world.session.do("turn", "bad", "failed")
    told = world.servers("bad")
    assert told["restarts"] == 5 and "given up after 5 attempts: " in told["reason"] and "status 9" in told["reason"]
    assert world.session.do("health", "bad") == "failed"
    world.session.do("unload", "bad")
    shutil.rmtree(tmp_path / "home" / "state" / "bad")
    world.session.do("load", tmp_path / "bad")
    assert world.act("bad") == "done"
    world.session.do("unload", "bad")


def test_end_in_a_call_is_told_and_the_next_start_serves(bad):  # mv:115
    world = bad("exits")
    told = failure(world)
    assert "Tool call failed: capsule:bad:s:act - Transport closed" in told and "it exited with status 7" in told
    assert world.again("bad", "lists") == "1"
    world.session.do("unload", "bad")


def test_killed_server_takes_what_it_started_along(bad, tmp_path):
    world = bad("parent")
    running = programs_in(tmp_path / "bad")
    assert set(running) == {"parent", "sleeper"}
    grandchild = os.pidfd_open(running["sleeper"])
    os.kill(running["parent"], signal.SIGKILL)
    wait_gone([grandchild])
    world.session.do("turn", "bad", "waiting")
    assert world.again("bad") == "done"
    world.session.do("unload", "bad")
    assert programs_in(tmp_path / "bad") == {}


def test_killed_grandchild_is_nothing_to_the_server(bad, tmp_path):
    world = bad("parent")
    grandchild = programs_in(tmp_path / "bad")["sleeper"]
    handle = os.pidfd_open(grandchild)
    os.kill(grandchild, signal.SIGKILL)
    wait_gone([handle])
    assert world.act("bad") == "done" and world.servers("bad")["restarts"] == 0
    world.session.do("unload", "bad")


def test_stubborn_server_and_what_it_started_end_with_an_unload(bad, tmp_path):  # mv:133
    world = bad("parent")
    handles = [os.pidfd_open(pid) for pid in programs_in(tmp_path / "bad").values()]
    assert len(handles) == 2
    world.session.do("unload", "bad")
    wait_gone(handles)


def test_killed_runtime_leaves_no_server_behind(bad, tmp_path):
    world = bad("parent")
    handles = [os.pidfd_open(pid) for pid in programs_in(tmp_path / "bad").values()]
    assert len(handles) == 2
    world.session.process.kill()
    world.session.process.wait()
    wait_gone(handles)
    assert programs_in(tmp_path / "bad") == {}
    world.session.end = world.session.process.stdout.close  # there is nothing to end
