# SPDX-License-Identifier: MIT OR Apache-2.0
"""Compiling by the whole program: hostile modules end at a limit and leave nothing behind, several processes fill one cache, and a
cache that is of no use costs a warning and nothing else."""

import ctypes
import json
import os
import pathlib
import resource
import select
import signal
import subprocess
import time

import pytest

import hostile_modules as hostile
from conftest import TIMEOUT_S, manifest

PR_SET_CHILD_SUBREAPER = 36
SECONDS = "raise compile_cpu_ms (--compile-seconds)"
MEMORY = "raise compile_bytes (--compile-mib)"
LIMITS = [SECONDS, MEMORY]
INVALID = "it is no valid module: "
LOADS = None


def children(pid):
    """The processes that `pid` has started or got from those which ended, also those that nobody has waited for yet."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            state = stat.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(state[1]) == pid:
            found.append(int(stat.parent.name))
    return found


@pytest.fixture
def orphans():
    """What is left of programs that have ended becomes a child of this process. Gives a function that lists such children."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = set(children(os.getpid()))
    assert libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    yield lambda: sorted(set(children(os.getpid())) - before)
    assert libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) == 0


@pytest.fixture
def folder(make_capsule):
    def make(module, name="capsule"):
        return make_capsule(manifest(module="guest.wasm", tools=["work"]), module, name, "guest.wasm")

    return make


def assert_sound(run, home):
    """Whole entries and nothing else are in the cache."""
    kept = home / "cache" / "capsules"
    assert all(path.suffix == ".code" for path in kept.iterdir())
    result = run("cache", "verify", "--json")
    assert result.status == 0, result.stdout
    return json.loads(result.stdout)["entries"]


# ---- Hostile modules ----

HOSTILE = {
    "nested ifs": (hostile.nested_ifs, (200000,), LIMITS),
    "ifs on locals": (hostile.ifs_on_locals, (100000,), LIMITS),
    "nested loops": (hostile.nested_loops, (500000,), LIMITS),
    "a long sum": (hostile.long_sum, (2000000,), LIMITS),
    "a deep sum": (hostile.deep_sum, (1000000,), LIMITS),
    "a large branch table": (hostile.branch_table, (1000000,), [INVALID]),
    "many functions": (hostile.many_functions, (900000,), LIMITS),
    "many types": (hostile.many_types, (100000,), LIMITS),
    "too many types": (hostile.equal_types, (1100000,), [INVALID]),
    "many exports": (hostile.many_exports, (600000,), [INVALID, *LIMITS]),
    "many globals": (hostile.many_globals, (500000,), [LOADS, *LIMITS]),
    "large data": (hostile.large_data, (20000000,), [LOADS, *LIMITS]),
    "many segments": (hostile.many_segments, (100000,), LIMITS),
    "large elements": (hostile.large_elements, (100000, 50), [LOADS, *LIMITS]),
    "a table over its limit": (hostile.large_elements, (1000000, 1), ["tables of 100000 elements are the most", *LIMITS]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_module_ends_at_a_limit_and_leaves_nothing(run, folder, home, orphans, name):
    make, arguments, ends = HOSTILE[name]
    path = folder(make(*arguments))
    began = time.monotonic()
    result = run("call", path, "work", "--compile-seconds", 1, "--compile-mib", 128)
    assert time.monotonic() - began < 60
    if result.status == 0:
        assert LOADS in ends
    else:
        assert result.status == 1
        assert result.stderr.startswith("capsule: WASM module guest.wasm: ")
        assert any(text is not None and text in result.stderr for text in ends), result.stderr
    assert not orphans()
    assert_sound(run, home)


def test_what_failed_at_a_limit_compiles_within_a_higher_one(run, folder, home):
    path = folder(hostile.many_segments(10000))
    result = run("call", path, "work", "--compile-mib", 64)
    assert (result.status, MEMORY in result.stderr) == (1, True)
    assert "guest.wasm" not in [entry["name"] for entry in assert_sound(run, home)]
    assert run("call", path, "work", "--compile-mib", 512).status == 0
    assert "guest.wasm" in [entry["name"] for entry in assert_sound(run, home)]
    assert run("call", path, "work", "--compile-mib", 64).status == 0  # it is there now


# ---- Programs that end while they compile ----


def await_end(pid):
    """Wait until a process is gone, or has ended and waits for this one."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([watched], [], [], TIMEOUT_S)[0]
    finally:
        os.close(watched)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_the_compiler_ends_with_the_program(start, folder, home, orphans, number):
    process = start("call", folder(hostile.ifs_on_locals(100000)), "work")
    until = time.monotonic() + TIMEOUT_S
    compilers = []
    while not compilers and time.monotonic() < until:
        compilers = children(process.pid)
    assert len(compilers) == 1
    process.send_signal(number)
    status = process.wait(timeout=TIMEOUT_S)
    assert status == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -signal.SIGKILL}[number]
    await_end(compilers[0])
    if compilers[0] in orphans():
        os.waitpid(compilers[0], 0)
    assert orphans() == []
    assert not list((home / "cache" / "capsules").glob(".*"))


# ---- One cache, several processes ----


def test_two_processes_on_an_empty_cache_both_answer(start, run, folder, home):
    path = folder(hostile.harmless(functions=6000))
    both = [start("call", path, "work") for _ in range(2)]
    for process in both:
        assert process.communicate(timeout=TIMEOUT_S) == (b"\n", b"")
        assert process.returncode == 0
    entries = assert_sound(run, home)
    assert sorted(entry["name"] for entry in entries) == ["(kernel)", "guest.wasm"]
    without_compiler = run("call", path, "work", env={"CAPSULE_LIBEXEC_DIR": "/nowhere"})
    assert (without_compiler.status, without_compiler.stderr) == (0, "")


# ---- Caches that are of no use ----


def open_to_others(cache):
    cache.mkdir(parents=True, mode=0o755)
    cache.chmod(0o755)
    return "is open to others (mode 755): whoever can write there can run code here; chmod 700 it"


def of_somebody_else(cache):
    cache.mkdir(parents=True, mode=0o700)
    if os.geteuid() != 0:  # only root can give something away
        return None
    os.chown(cache, 12345, -1)
    return "belongs to user 12345, not to this one (0): name another, or give it away"


def a_file(cache):
    cache.parent.mkdir(parents=True)
    cache.write_text("")
    return "is a file or a link, expected a folder: remove it, or name another"


def a_link(cache):
    (cache.parent / "elsewhere").mkdir(parents=True)
    cache.symlink_to("elsewhere")
    return "is a file or a link, expected a folder: remove it, or name another"


def below_a_file(cache):
    cache.parent.parent.mkdir()
    cache.parent.write_text("")
    return "Not a directory"


@pytest.mark.parametrize("make", [open_to_others, of_somebody_else, a_file, a_link, below_a_file])
def test_a_cache_that_is_of_no_use_costs_a_warning(run, make_capsule, guest, home, make):
    path = make_capsule(manifest(tools=["greet"]), guest("tools.wat"))
    cache = home / "cache" / "capsules"
    says = make(cache)
    usual = run("call", path, "greet", "--memory-store", "--no-cache")
    result = run("call", path, "greet")
    quiet = run("call", path, "greet", "--log", "error")
    assert (usual.status, usual.stderr) == (0, "")
    assert (result.status, result.stdout) == (quiet.status, quiet.stdout) == (0, usual.stdout)
    assert quiet.stderr == ""
    if says is None:
        return
    assert result.stderr.count("\n") == 1
    assert says in result.stderr and str(cache) in result.stderr
    assert not (cache.is_dir() and list(cache.iterdir()))


def fill_the_disk():
    """For a process to come: no file can have a byte, and the signal for trying is ignored."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def test_a_full_disk_costs_a_warning(run, make_capsule, guest, home):
    path = make_capsule(manifest(tools=["greet"]), guest("tools.wat"))
    result = run("call", path, "greet", preexec_fn=fill_the_disk)
    assert result.status == 0
    assert "can't take" in result.stderr and "File too large" in result.stderr
    assert list((home / "cache" / "capsules").iterdir()) == []


# ---- Helpers ----


def test_helpers_of_the_working_folder_are_not_run(environment, folder, capsule_bin, tmp_path):
    """Called by a name that is found in $PATH, in a folder that looks like that of the program."""
    bait = tmp_path / "bait"
    (bait / "libexec").mkdir(parents=True)
    (bait / "capsule").write_text("")
    for name in ("capsule-launch", "capsule-compile"):
        (bait / "libexec" / name).write_text("#!/bin/sh\ntouch %s/taken\n" % bait)
        (bait / "libexec" / name).chmod(0o755)
    path = "%s:%s" % (pathlib.Path(capsule_bin).parent, os.environ["PATH"])
    command = ["capsule", "call", str(folder(hostile.harmless())), "work", "--no-cache"]
    result = subprocess.run(command, cwd=bait, env=dict(environment, PATH=path), capture_output=True, timeout=TIMEOUT_S, check=False)
    assert (result.returncode, result.stderr) == (0, b"")
    assert not (bait / "taken").exists()
