# SPDX-License-Identifier: MIT OR Apache-2.0
"""Programs that guests start, by guests and programs that mean harm: requests that are none, files that are no programs,
output without end, and ways out of a sandbox."""

import os
import shutil
import socket

import pytest

from events import Failed, load, make, session
from test_processes import (
    GRANTS, begin, cancel, end_of, home, kill, logs, one, request, running, shell, spawn, start, wait_until, workspace,
)

__all__ = ["home", "load", "make", "one", "session", "workspace"]  # fixtures

MIB = 1 << 20


@pytest.mark.parametrize(
    "text",
    [
        r'{"cmd":"sh\u0000x","args":[]}',
        r'{"cmd":"sh","args":["a\u0000b"]}',
        r'{"cmd":"sh","cmd":"pwd","args":[]}',
        r'{"cmd":["sh"],"args":[]}',
        r'{"cmd":"sh","args":{"0":"a"}}',
        r'{"cmd":"sh","args":[1]}',
        r'{"cmd":"sh","args":["\ud800"]}',
        r'{"cmd":"","args":[]}',
        r'{"cmd":"sh","args":[]} x',
        "",
    ],
)
def test_what_is_no_request_starts_nothing(one, text):
    s = one()
    for verb in ("spawn", "start"):
        with pytest.raises(Failed, match="failed to parse process request|Security Check Failed"):
            s.steps("one", [verb, text])
    assert start(s, ":") == 1


@pytest.mark.parametrize("verb", ["logs", "kill"])
@pytest.mark.parametrize(
    "text",
    [
        '{"id":1,"id":1}',
        '{"id":1.0}',
        '{"id":1e0}',
        '{"id":"1"}',
        '{"id":-1}',
        '{"id":-0}',
        '{"id":0}',
        '{"id":2}',
        '{"id":18446744073709551615}',
        '{"id":18446744073709551616}',
        '{"id":18446744073709551617}',
        '{"id":4294967297}',
        '{"id":null}',
        '{"id":[1]}',
        '{"Id":1}',
        "1",
        "[1]",
        "null",
        "{}",
        "",
        '{"id":1}' + " " * 300,
        '{"id":1}}',
    ],
)
def test_what_is_no_number_of_a_program_hits_none(one, verb, text):  # hs:9
    s = one()
    assert start(s, "exec sleep 1000") == 1
    with pytest.raises(Failed, match="failed to parse (read logs|kill) request|no background process|exceeds maximum"):
        s.steps("one", [verb, text])
    assert logs(s, 1)["running"]


@pytest.mark.parametrize(
    "text, reason",
    [
        ('{"id":1,"id":1}', "failed to parse kill request"),  # hs:8
        ('{"id":18446744073709551615}', "no background process with id 18446744073709551615"),  # hs:10
    ],
)
def test_a_number_that_can_not_be_killed_is_told(one, text, reason):
    s = one()
    assert start(s, "exec sleep 1000") == 1
    with pytest.raises(Failed, match=reason):
        s.steps("one", ["kill", text])
    assert logs(s, 1)["running"]


# ---- Files that are no programs ----


@pytest.mark.parametrize("kind", ["fifo", "socket", "folder", "link out", "link to itself", "no right", "gone", "device"])
def test_what_is_no_program_is_not_started(one, workspace, kind):
    x = workspace.parent / "x"
    if kind == "fifo":
        os.mkfifo(x, 0o755)
    elif kind == "socket":
        socket.socket(socket.AF_UNIX).bind(str(x))
    elif kind == "folder":
        x.mkdir()
    elif kind == "link out":
        x.symlink_to("/etc")
    elif kind == "link to itself":
        x.symlink_to("x")
    elif kind == "no right":
        x.write_text("#!/bin/sh\n")
    elif kind == "device":
        x.symlink_to("/dev/zero")
    answer = spawn(one(grants=GRANTS.replace('"pwd"', '"%s"' % x)), str(x))
    assert (answer["stdout"], answer["exit_code"]) == ("", 1)
    assert "Cannot resolve binary" in answer["stderr"]


def test_a_program_can_not_write_into_its_own_file(one, tmp_path):
    tool = tmp_path / "opt" / "tool"
    tool.parent.mkdir()
    shutil.copy("/bin/sh", tool)
    before = tool.read_bytes()
    s = one(grants=GRANTS.replace('"pwd"', '"%s"' % tool))
    script = "exec 9</proc/self/exe; exec /bin/sh -c 'echo evil >/proc/self/fd/9'"  # nobody executes it any more then
    answer = spawn(s, str(tool), "-c", script)
    assert "Read-only file system" in answer["stderr"]
    assert tool.read_bytes() == before


def test_a_program_that_was_replaced_is_told(one, tmp_path):
    tool = tmp_path / "opt" / "tool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho old")
    tool.chmod(0o755)
    s = one(grants=GRANTS.replace('"pwd"', '"%s"' % tool))
    assert spawn(s, str(tool))["stdout"] == "old\n"
    tool.unlink()
    tool.symlink_to("/usr/bin/env")
    assert "behind a link now" in spawn(s, str(tool))["stderr"]


# ---- Output ----


def test_both_streams_at_once_are_read_to_the_end(one):
    script = "head -c 12000000 /dev/zero | tr '\\0' o & head -c 12000000 /dev/zero | tr '\\0' e >&2; wait"
    answer = shell(one(), script)
    assert answer["stdout"] == "o" * 10 * MIB
    assert answer["stderr"] == "e" * 10 * MIB
    assert answer["stdout_truncated"] == answer["stderr_truncated"] == 12000000 - 10 * MIB


def test_a_flood_leaves_the_loop_to_others(one):
    s = one()
    number = start(s, "yes & yes >&2")
    for _ in range(50):
        assert shell(s, "echo here")["stdout"] == "here\n"
    assert kill(s, number)["killed"]


# ---- Ways not to end ----


@pytest.mark.parametrize("how", ["kill", "cancel", "unload"])
def test_stopped_programs_end(one, workspace, how):
    s = one()
    mark = "stopped-%s" % how
    script = "trap '' INT TERM HUP; (setsid sh -c 'kill -STOP $$' %s & ); touch ready; kill -STOP $$; : %s" % (mark, mark)
    if how == "cancel":
        number = begin(s, "call", script)
        wait_until(s, lambda: (workspace / "ready").exists())
        cancel(s, number)
        assert end_of(s, "call")["exit_code"] == -1
    else:
        number = start(s, script)
        wait_until(s, lambda: (workspace / "ready").exists())
        if how == "kill":
            assert kill(s, number)["killed"]
        else:
            s.do("unload", "one")
    wait_until(s, lambda: not running(mark))


# ---- Ways out ----


@pytest.mark.parametrize(
    "script",
    [
        "cat /proc/1/environ",
        "readlink /proc/1/fd/3",
        "exec 9</proc/1/fd/3",
        "cat /proc/1/mem",
        "readlink /proc/1/exe",
        "ls /proc/1/root/",
        "cat /proc/1/maps",
        "kill -9 1; kill -STOP 1; exit 1",
        "exec 9<>/dev/tty",
        "mount -t tmpfs none /tmp",
        "unshare -Ur true",
        "chroot / true",
        "touch /usr/x",
        "touch /etc/x",
        "touch /x",
        "mkdir /home/x",
        "cat /etc/shadow",
        ": >>/proc/sys/kernel/core_pattern",  # opened and not written
        ": >>/proc/self/oom_score_adj",
        "nsenter -t 1 -m true",
    ],
)
def test_ways_out_are_closed(one, script):
    answer = shell(one(), "{ %s; } 2>/dev/null" % script)
    assert answer["stdout"] == ""
    assert answer["exit_code"] != 0


def test_only_its_own_descriptors_are_open(one):
    answer = shell(one(), "ls /proc/$$/fd; cd /proc && ls -d [0-9]*")
    assert answer["stdout"].split() == ["0", "1", "2", "1", "2"]  # descriptors, then processes: it and who looks after it


def test_setuid_programs_gain_nothing(one):
    answer = shell(one(), "grep -E '^(NoNewPrivs|CapEff|CapBnd|Seccomp):' /proc/self/status")
    assert answer["stdout"].split() == ["CapEff:", "0" * 16, "CapBnd:", "0" * 16, "NoNewPrivs:", "1", "Seccomp:", "2"]


def test_long_words_are_told(one):
    s = one()
    assert shell(s, "echo ${#1}", "sh", "x" * (128 * 1024 - 1))["stdout"] == "131071\n"
    for args in (["x" * (128 * 1024)], ["x" * 100000] * 11, ["x"] * 4097, ["x" * (9 * MIB)]):
        with pytest.raises(Failed, match="a word may have|words, 4096 are the most|exceeds maximum"):
            shell(s, ":", *args)
    many = shell(s, "echo $#", "sh", *["y" * 200] * 4000)
    assert many["stdout"] == "4000\n"
