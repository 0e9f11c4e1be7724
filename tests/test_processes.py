# SPDX-License-Identifier: MIT OR Apache-2.0
"""Programs that guests start, in real sandboxes: what they get, see and may do, what they answer, and how they end."""

import json
import pathlib
import shutil
import socket
import time

import pytest

from events import Failed, load, make, session

__all__ = ["load", "make", "session"]  # fixtures

GRANTS = """
[capabilities]
host_process = ["sh", "pwd", "env", "missing-program", "python3"]
fs_read = ["workspace://"]
fs_write = ["workspace://"]
ipc_publish = ["*.*", "*.*.*", "*.*.*.*"]
"""
PATIENCE_S = 60  # for what comes at once unless the machine is stuck
CANCELLED = {"stdout": "", "stderr": "process cancelled", "exit_code": -1}


def request(cmd, *args):
    return json.dumps({"cmd": cmd, "args": list(args)})


def spawn(session, *words):
    (answer,) = session.steps("one", ["spawn", request(*words)])
    return json.loads(answer)


def shell(session, script, *args):
    return spawn(session, "sh", "-c", script, *args)


def start(session, script):
    (answer,) = session.steps("one", ["start", request("sh", "-c", script)])
    return json.loads(answer)["id"]


def logs(session, number):
    (answer,) = session.steps("one", ["logs", json.dumps({"id": number})])
    return json.loads(answer)


def kill(session, number):
    (answer,) = session.steps("one", ["kill", json.dumps({"id": number})])
    return json.loads(answer)


@pytest.fixture
def workspace(tmp_path):
    folder = tmp_path / "w"
    folder.mkdir()
    return folder


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def one(session, load, workspace, home):
    """A session with a capsule `one` that may start some programs."""

    def loaded(*interceptors, grants=GRANTS, more="", options=(), scripts=None, **how):
        s = session("workspace=%s" % workspace, "home=%s" % home, *options, **how)
        s.subscribe("turns", "turn.*")
        s.subscribe("ids", "my.id")
        load(s, "one", *interceptors, grants=grants, more=more, **(scripts or {}))
        return s

    return loaded


def wait_until(session, condition):
    """Turn the loop of the session until `condition()` is true; what it gave."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        session.publish("turn.now", {})
        value = condition()
        if value:
            return value
    pytest.fail("it did not happen within %d s" % PATIENCE_S)


def begin(session, name, script, capsule="one"):
    """Begin a call that runs `script`; the number of the call."""
    steps = [["caller"], ["publish", "my.id", "$"], ["spawn", request("sh", "-c", script)]]
    session.start_steps(name, capsule, *steps)
    (event,) = session.take("ids", 1)
    payload = event["payload"]
    return payload.get("data", payload)["call_id"]


def cancel(session, *ids):
    session.publish("tool.v1.request.cancel", {"type": "tool_cancel_request", "call_ids": list(ids)})


def end_of(session, name):
    """What the program of the call `name` gave."""
    return json.loads(json.loads(session.do("wait", name))[-1])


def running(text):
    """The processes of this machine that have `text` among their words."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes()
            if text.encode() in words:
                found.append(int(folder.name))
        except OSError:
            pass
    return found


# ---- Whether it may ----


def test_a_program_that_is_not_granted_is_refused(one):  # hs:98
    s = one(grants='[capabilities]\nhost_process = ["git"]\n')
    told = "Security Check Failed: capsule 'one' denied: host process 'rm' not declared in manifest"
    for step in ("spawn", "start"):
        with pytest.raises(Failed, match=told) as refused:
            s.steps("one", [step, request("rm")])
        assert 'add "rm" to host_process in [capabilities]' in str(refused.value)


def test_a_grant_is_for_that_word_alone(one):  # hs:99
    s = one(grants='[capabilities]\nhost_process = ["git"]\n')
    assert spawn(s, "git", "--version")["stdout"].startswith("git version")
    for cmd in ("gitx", shutil.which("git"), "git --version", "./git", "GIT"):
        with pytest.raises(Failed, match="Security Check Failed"):
            spawn(s, cmd)


def test_without_a_grant_nothing_starts(one):
    s = one(grants="")
    with pytest.raises(Failed, match="Security Check Failed: .* not declared in manifest"):
        spawn(s, "sh")


def test_a_grant_of_the_component_counts(one):
    s = one(grants='[component.capabilities]\nhost_process = ["sh"]\n')
    assert shell(s, "echo hi")["stdout"] == "hi\n"


# ---- What is asked ----


def test_arguments_may_be_missing_but_not_null(one):  # hs:102
    s = one()
    (answer,) = s.steps("one", ["spawn", json.dumps({"cmd": "sh"})])  # a shell without input ends at once
    assert json.loads(answer) == {"stdout": "", "stderr": "", "exit_code": 0}
    for broken in ({"cmd": "sh", "args": None}, {"args": []}, {"cmd": "sh", "args": "x"}, {"cmd": "sh", "args": [1]}):
        for step in ("spawn", "start"):
            with pytest.raises(Failed, match="failed to parse process request"):
                s.steps("one", [step, json.dumps(broken)])


def test_escapes_reach_the_program_decoded(one):  # hs:103
    s = one()
    word = "a\"b\\c\nd\te\u20ac"
    assert shell(s, "printf %s \"$1\"", "sh", word)["stdout"] == word


# ---- What it answers ----


def test_output_and_exit_code(one):  # hs:101
    assert shell(one(), "echo hi; echo er >&2; exit 3") == {"stdout": "hi\n", "stderr": "er\n", "exit_code": 3}


def test_a_program_that_is_not_there_is_an_answer(one):  # hs:104
    answer = spawn(one(), "missing-program")
    assert answer["exit_code"] == 1
    assert "missing-program" in answer["stderr"]
    assert answer["stdout"] == ""


def test_a_signal_shows_in_the_exit_code(one):  # hs:105
    assert shell(one(), "kill -9 $$")["exit_code"] == 137


def test_output_is_made_text(one):  # hs:106
    assert shell(one(), "printf 'f\\377o'")["stdout"] == "f\ufffdo"


def test_without_sandboxes_nothing_runs(one):  # hs:107
    s = one(inside=["bwrap", "--dev-bind", "/", "/", "--ro-bind", "/dev/null", shutil.which("bwrap"), "--"])
    with pytest.raises(Failed, match="failed to spawn command: .*install the package `bubblewrap`"):
        shell(s, "echo hi")
    with pytest.raises(Failed, match="failed to spawn background process: .*install the package `bubblewrap`"):
        start(s, "echo hi")


def test_output_beyond_10_mib_is_counted(one):
    answer = shell(one(), "head -c 10485770 /dev/zero | tr '\\0' x")
    assert len(answer["stdout"]) == 10485760
    assert (answer["stdout_truncated"], answer["exit_code"]) == (10, 0)
    assert "stderr_truncated" not in answer


def test_helpers_of_the_sdk(session, load, workspace):
    s = session("workspace=%s" % workspace)
    load(s, "one", grants=GRANTS, tools=("do", "programs"))
    ran, number, told, ended = json.loads(s.do("call", "one", "programs", "{}"))
    assert (ran["stdout"], ran["exit_code"], number) == ('a"b-7\n', 3, 1)
    assert (told["running"], told["exit_code"], ended["killed"]) == (True, None, True)


# ---- How it ends early ----


def test_an_unload_ends_what_is_waited_for(one, workspace):  # hs:109
    s = one(options=["unload_grace_ms=60000"])
    begin(s, "a", "echo x; touch began; exec sleep 321.09")
    wait_until(s, (workspace / "began").exists)
    s.do("unload-as", "u", "one")
    assert end_of(s, "a") == CANCELLED
    s.do("wait", "u")
    wait_until(s, lambda: not running("321.09"))


def test_a_cancelled_call_keeps_what_was_written(one, workspace):  # hs:110
    s = one()
    call = begin(s, "a", "echo part; touch began; exec sleep 322")
    wait_until(s, (workspace / "began").exists)
    cancelled = time.monotonic()
    cancel(s, call)
    assert end_of(s, "a") == {"stdout": "part\n", "stderr": "", "exit_code": -1}
    assert time.monotonic() - cancelled < 2.5


def test_a_tool_request_is_cancelled_by_its_id(one, workspace):
    steps = [["spawn", request("sh", "-c", "echo part; touch began; exec sleep 323")], ["publish", "my.id", "$"]]
    s = one(("tool.v1.execute.it", "act"), scripts={"act": steps})
    s.post("tool.v1.execute.it", {"type": "tool_execute_request", "call_id": "x", "tool_name": "it", "arguments": {}})
    wait_until(s, (workspace / "began").exists)
    cancel(s, "y")
    cancel(s, "x")
    (event,) = s.take("ids", 1)
    assert event["payload"]["data"] == {"stdout": "part\n", "stderr": "", "exit_code": -1}


def test_a_cancel_hits_its_call_alone(one, make, workspace):  # hs:111 hs:112
    s = one()
    s.do("load", make("two", grants=GRANTS))
    first = begin(s, "a", "touch a; exec sleep 324")
    begin(s, "b", "trap 'echo hit' INT; touch b; while ! [ -e go ]; do sleep 0.01; done", capsule="two")
    wait_until(s, lambda: (workspace / "a").exists() and (workspace / "b").exists())
    cancel(s)
    cancel(s, "zzz")
    assert s.do("done", "a") == "no"
    cancel(s, first)
    assert end_of(s, "a")["exit_code"] == -1
    (workspace / "go").touch()
    assert end_of(s, "b") == {"stdout": "", "stderr": "", "exit_code": 0}


def test_what_ignores_the_signal_is_killed_after_two_seconds(one, workspace):  # hs:113
    s = one()
    call = begin(s, "a", "trap '' INT; touch began; while :; do sleep 0.01; done")
    wait_until(s, (workspace / "began").exists)
    begun = time.monotonic()
    cancel(s, call)
    assert end_of(s, "a")["exit_code"] == -1
    assert 1.7 <= time.monotonic() - begun <= 2.3 + 1  # a machine under load is late, never early


# ---- In the background ----


def test_numbers_count_from_one(one):  # hs:116
    s = one()
    assert [start(s, ":"), start(s, ":")] == [1, 2]


def test_eight_run_at_once(one, workspace):  # hs:117
    s = one()
    numbers = [start(s, "while ! [ -e go ]; do sleep 0.01; done") for _ in range(8)]
    with pytest.raises(Failed, match=r"background process limit reached \(max 8\)"):
        start(s, ":")
    (workspace / "go").touch()
    wait_until(s, lambda: not logs(s, numbers[0])["running"])
    assert start(s, ":") == 9


def test_the_exit_code_is_remembered(one):  # hs:118
    s = one()
    number = start(s, "echo hello")
    told = [logs(s, number)]
    wait_until(s, lambda: not told[-1]["running"] or told.append(logs(s, number)))
    assert "".join(one_read["stdout"] for one_read in told) == "hello\n"
    assert (told[-1]["running"], told[-1]["exit_code"]) == (False, 0)
    assert logs(s, number) == {"stdout": "", "stderr": "", "running": False, "exit_code": 0}


def test_one_that_runs(one):  # hs:119
    s = one()
    assert logs(s, start(s, "exec sleep 60")) == {"stdout": "", "stderr": "", "running": True, "exit_code": None}


def test_the_last_mebibyte_is_kept(one, workspace):  # hs:120
    s = one()
    number = start(s, "head -c 500 /dev/zero | tr '\\0' a; head -c 1048576 /dev/zero | tr '\\0' b; touch done")
    wait_until(s, (workspace / "done").exists)
    wait_until(s, lambda: not running("head -c 1048576"))
    s.do("settle")
    told = logs(s, number)
    assert told["stdout"] == "b" * 1048576
    assert told["stdout_truncated"] == 500


def test_a_kill_ends_the_whole_group(one, workspace):  # hs:121
    s = one()
    number = start(s, "echo out; sleep 325.1 & touch began; sleep 325.1")
    wait_until(s, (workspace / "began").exists)
    assert kill(s, number) == {"killed": True, "exit_code": None, "stdout": "out\n", "stderr": ""}
    wait_until(s, lambda: not running("325.1"))


def test_a_kill_of_one_that_ended(one, workspace):  # hs:122
    s = one()
    number = start(s, "touch done; exit 4")
    wait_until(s, (workspace / "done").exists)
    wait_until(s, lambda: not running("touch done; exit 4"))
    s.do("settle")
    assert kill(s, number) == {"killed": False, "exit_code": 4, "stdout": "", "stderr": ""}


def test_numbers_that_are_not_known(one):  # hs:123 hs:124
    s = one()
    number = start(s, "exec sleep 60")
    kill(s, number)
    for step in ("logs", "kill"):
        for unknown in (999, number):
            with pytest.raises(Failed, match="no background process with id %d" % unknown):
                s.steps("one", [step, json.dumps({"id": unknown})])
        with pytest.raises(Failed, match="failed to parse (read logs|kill) request"):
            s.steps("one", [step, '{"id":"1"}'])


@pytest.mark.parametrize("how", ["unload", "end"])
def test_none_outlives_its_capsule(one, workspace, session, how):  # hs:125
    s = one()
    start(s, "(setsid sleep 326.1 &); touch began; exec sleep 326.1")
    wait_until(s, (workspace / "began").exists)
    if how == "unload":
        s.do("unload", "one")
        wait_until(s, lambda: not running("326.1"))
        return
    s.process.stdin.close()
    s.process.wait(timeout=PATIENCE_S)
    end = time.monotonic() + PATIENCE_S
    while running("326.1") and time.monotonic() < end:
        pass
    assert not running("326.1")


def test_a_character_is_not_split_between_reads(one, workspace):  # hs:134
    s = one()
    number = start(s, "printf 'a\\342\\202'; while ! [ -e go ]; do sleep 0.01; done; printf '\\254b'; touch done")
    assert wait_until(s, lambda: logs(s, number)["stdout"]) == "a"
    (workspace / "go").touch()
    assert wait_until(s, lambda: logs(s, number)["stdout"]) == "\u20acb"


# ---- What it sees ----


def test_the_environment_has_nothing_of_the_runtime(one):  # hs:126
    hidden = {name: "x" for name in ("ASTRID_SOCKET_PATH", "ASTRID_SESSION_TOKEN", "ASTRID_HOME", "MY_API_KEY")}
    names = [line.split("=")[0] for line in spawn(one(env=hidden), "env")["stdout"].splitlines()]
    assert not [name for name in names if name.startswith("ASTRID") or name in hidden]
    assert {"PATH", "HOME", "TMPDIR", "LANG"} <= set(names)


def test_it_writes_into_the_workspace_and_nowhere_else(one, workspace):  # hs:127
    s = one()
    answer = shell(s, "echo mine >made; echo x >/usr/made; echo x >/made; mkdir -p /opt/made")
    assert answer["exit_code"] != 0 and answer["stderr"].count("Read-only file system") >= 2
    assert (workspace / "made").read_text() == "mine\n"
    assert s.steps("one", ["read", "workspace://made"]) == ["mine\n"]


def test_grants_of_files_are_those_of_the_guest(one, workspace):
    for name in ("open", "shut"):
        (workspace / name).mkdir()
        (workspace / name / "f").write_text(name)
    s = one(grants='[capabilities]\nhost_process = ["sh"]\nfs_read = ["workspace://open"]\n')
    answer = shell(s, "cat open/f shut/f; echo x >open/new")
    assert answer["stdout"] == "open"
    assert "shut/f" in answer["stderr"] and "open/new" in answer["stderr"]


def test_tmp_is_its_own(one, tmp_path):  # hs:128
    name = "/tmp/%s-made" % tmp_path.name
    assert shell(one(), "echo x >\"$1\" && cat \"$1\"", "sh", name)["stdout"] == "x\n"
    assert not pathlib.Path(name).exists()


def test_a_workspace_below_tmp_is_there(session, load, tmp_path_factory):  # hs:129
    folder = pathlib.Path("/tmp") / ("w-%s" % tmp_path_factory.getbasetemp().name)
    folder.mkdir()
    try:
        s = session("workspace=%s" % folder)
        load(s, "one", grants=GRANTS)
        assert shell(s, "echo x >made && cat made")["stdout"] == "x\n"
        assert (folder / "made").read_text() == "x\n"
    finally:
        shutil.rmtree(folder)


ABOVE = """
[capabilities]
host_process = ["sh", "python3"]
fs_read = ["%s"]
"""


def test_the_home_is_closed(one, home, tmp_path):  # hs:130
    files = [home / "sessions" / "system.token", home / "keys" / "runtime.key"]
    for file in files:
        file.parent.mkdir(parents=True)
        file.write_text("secret")
    (tmp_path / "beside").write_text("open")
    s = one(grants=ABOVE % tmp_path)  # even of one that may read the folder above
    answer = shell(s, "cat ../beside; cat \"$@\"", "sh", *map(str, files))
    assert (answer["stdout"], answer["exit_code"]) == ("open", 1)


def test_the_home_is_closed_when_a_link_leads_to_it(session, load, workspace, tmp_path):
    key = tmp_path / "real" / "home" / "keys" / "runtime.key"
    key.parent.mkdir(parents=True)
    key.write_text("secret")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    s = session("workspace=%s" % workspace, "home=%s" % (tmp_path / "link" / "home"))
    load(s, "one", grants=ABOVE % tmp_path)
    answer = shell(s, 'cat "$1"; ls -A "$2"', "sh", str(key), str(tmp_path / "real" / "home"))
    assert answer["stdout"] == "state\n"
    assert "No such file" in answer["stderr"]


def test_the_socket_is_not_there(one, home, tmp_path):  # hs:131
    path = home / "sessions" / "system.sock"
    path.parent.mkdir(parents=True)
    connect = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        answer = spawn(one(grants=ABOVE % tmp_path), "python3", "-c", connect, str(path))
    assert answer["exit_code"] == 1
    assert "Error" in answer["stderr"]


def test_it_begins_in_the_workspace_without_input(one, workspace):  # hs:133
    s = one()
    assert spawn(s, "pwd")["stdout"] == "%s\n" % workspace
    assert shell(s, "read line; echo $?")["stdout"] == "1\n"


def test_it_begins_in_the_workspace_whatever_it_sees_of_it(one, workspace):
    (workspace / "shut").touch()
    s = one(grants='[capabilities]\nhost_process = ["sh"]\n')
    assert shell(s, "pwd; ls")["stdout"] == "%s\n" % workspace


def test_a_network_takes_a_grant(one):
    look = ["python3", "-c", "import socket; print(sorted(name for _, name in socket.if_nameindex()))"]
    assert spawn(one(), *look)["stdout"] == "['lo']\n"


def test_what_a_word_means_is_said_at_load(one):
    s = one()
    told = s.logged()
    assert any(text.startswith("`sh` of host_process is /") for text in told), told
    assert any(text.startswith("`missing-program` of host_process can't be started: ") for text in told), told
