# SPDX-License-Identifier: MIT OR Apache-2.0
"""Files through a real guest: paths, the gate, overlays and global://, with the state on disk from one process to the next."""

import contextlib
import json
import os
import threading
import time
import uuid

import pytest

from conftest import manifest, snapshot

TOOLS = (
    "exists mkdir readdir stat unlink read read_length write write_and_fail watch uplink uplink_twice capability"
).split()
PATH_MAX, PAYLOAD_MAX = 4096, 10485760
EVERYTHING = {"fs_read": ["*"], "fs_write": ["*"]}
WATCH_S = 2  # how long a link is swapped under a reader


def capabilities(lists):
    lines = ["%s = %s" % (key, json.dumps(value)) for key, value in lists.items()]
    return "\n[capabilities]\n" + "\n".join(lines) + "\n"


@pytest.fixture
def workspace(tmp_path):
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def shared(home):
    folder = home / "shared"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def make(make_capsule, guest, request):
    """Make a capsule of the given capabilities."""

    def make_of(name="files", more="", **lists):
        text = manifest(name=name, tools=TOOLS, module="guest.wasm", more=capabilities(lists) + more)
        return make_capsule(text, guest("abi_fs.c"), name=name, module_name="guest.wasm")

    return make_of


class Caller:
    """Calls tools of one capsule, each in a process of its own."""

    def __init__(self, run, folder, workspace, *options):
        self.run, self.folder = run, folder
        self.options = ("--workspace", workspace, *options)

    def result(self, tool, arguments):
        return self.run("call", self.folder, tool, json.dumps(arguments), *self.options)

    def __call__(self, tool, **arguments):
        result = self.result(tool, arguments)
        assert (result.status, result.error) == (0, b"")
        return result.stdout[:-1] if result.stdout.endswith("\n") else result.stdout

    def failure(self, tool, **arguments):
        result = self.result(tool, arguments)
        assert (result.status, result.output) == (1, b"")
        return result.stderr


@pytest.fixture
def caller(run, make, workspace):
    """A capsule of the given capabilities, everything by default."""

    def caller_of(*options, more="", name="files", **lists):
        return Caller(run, make(name=name, more=more, **(lists or EVERYTHING)), workspace, *options)

    return caller_of


# What the functions do


def test_what_was_written_is_read_and_the_workspace_is_as_it_was(caller, workspace):  # abi:98 mv:208
    (workspace / "old").write_text("old")
    before = snapshot(workspace)
    call = caller()
    call("write", path="d/e.txt", contents="what was written")
    assert call("read", path="d/e.txt") == "what was written"
    assert call("exists", path="d/e.txt") == "true"
    assert snapshot(workspace) == before


@pytest.mark.parametrize("path, told", [("nothing", ""), ("", "true"), (".", "true"), ("/", "true"), ("there", "true")])
def test_whether_something_exists(caller, workspace, path, told):  # abi:99 mv:210
    (workspace / "there").write_text("")
    assert caller()("exists", path=path) == told


@pytest.mark.parametrize("tool", "exists readdir stat read write mkdir unlink".split())
@pytest.mark.parametrize("path", ["../../etc/passwd", "../../../../../../etc/passwd", "..", "a/../../b", "global://../x"])
def test_no_path_leads_out(caller, shared, tool, path):  # abi:100 mv:207
    assert "escapes root boundary" in caller(fs_read=["*", "global://"], fs_write=["*", "global://"]).failure(tool, path=path)


def test_a_grant_of_everything_is_below_the_workspace_all_the_same(caller):  # rt:165
    assert "escapes root boundary" in caller(fs_read=["/"]).failure("read", path="../../../../etc/passwd")


def test_a_leading_slash_is_the_workspace(caller, workspace):  # abi:101
    call = caller()
    assert "read_file failed" in call.failure("read", path="/etc/passwd")
    (workspace / "etc").mkdir()
    (workspace / "etc" / "passwd").write_text("ours")
    assert call("read", path="/etc/passwd") == "ours"


@pytest.mark.parametrize("options", [(), ("--overlay=off",)], ids=["overlay", "direct"])
def test_every_function_takes_a_leading_slash_off(caller, options):  # mv:231
    call = caller(*options)
    call("mkdir", path="/d")
    call("write", path="//d/a", contents="1")
    for spelling in ["d/a", "/d/a", "///d/./a", "workspace://d/a", "workspace:///d/a", "no/../d/a"]:
        assert call("exists", path=spelling) == "true"
        assert call("read", path=spelling) == "1"
        assert json.loads(call("stat", path=spelling))["size"] == 1
    assert json.loads(call("readdir", path="/d")) == ["a"]
    call("unlink", path="/d/a")
    assert call("exists", path="d/a") == ""


def test_dots_make_no_folder(caller, workspace):  # mv:230
    call = caller("--overlay=auto")
    call("write", path="nosuch/../b", contents="1")
    assert snapshot(workspace) == {"b": b"1"}


@pytest.mark.parametrize("options", [(), ("--overlay=off",)], ids=["overlay", "direct"])
@pytest.mark.parametrize("tool", "exists readdir stat read write mkdir unlink".split())
def test_a_link_that_leads_out_is_not_followed(caller, workspace, tmp_path, tool, options):  # abi:102
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("outside")
    (workspace / "absolute").symlink_to(tmp_path / "outside")
    (workspace / "relative").symlink_to("../outside")
    call = caller(*options)
    for link in ["absolute", "relative"]:
        assert "escapes root boundary" in call.failure(tool, path=link + "/file")
    assert snapshot(tmp_path / "outside") == {"file": b"outside"}


def test_a_link_inside_is_followed_and_judged_where_it_leads(caller, workspace):
    for name in ["open", "closed"]:
        (workspace / name).mkdir()
        (workspace / name / "file").write_text(name)
    (workspace / "to-open").symlink_to("open")
    (workspace / "open" / "to-closed").symlink_to("../closed")
    call = caller(fs_read=["workspace://open"])
    assert call("read", path="to-open/file") == "open"
    assert "security denied" in call.failure("read", path="open/to-closed/file")
    assert "security denied" in call.failure("read", path="closed/file")


def test_a_refusal_does_not_tell_what_is_there(caller, workspace):
    (workspace / "closed").mkdir()
    (workspace / "closed" / "link").symlink_to("secret-name")
    call = caller(fs_read=["workspace://open"])
    told = [call.failure(tool, path="closed/" + name) for tool in ["exists", "read"] for name in ["link", "lost"]]
    assert [text.replace("lost", "link") for text in told[::2]] == [text.replace("lost", "link") for text in told[1::2]]
    assert not any("secret-name" in text for text in told)


def test_what_is_not_declared_is_denied(caller, workspace):  # abi:103
    for folder in ["src", "src-evil"]:
        (workspace / folder).mkdir()
        (workspace / folder / "a").write_text(folder)
    none = caller(name="none", fs_write=["*"])
    for tool in "exists readdir stat read".split():
        assert "not declared in manifest" in none.failure(tool, path="src/a")
    some = caller(name="some", fs_read=["workspace://src"])
    assert some("read", path="src/a") == "src"
    assert "not declared in manifest" in some.failure("read", path="src-evil/a")


def test_reading_is_not_writing(caller, workspace):  # abi:104
    (workspace / "a").write_text("1")
    call = caller(fs_read=["*"])
    for tool in "write mkdir unlink".split():
        assert "security denied" in call.failure(tool, path="a")
    assert call("read", path="a") == "1"


def test_what_the_component_declares_counts_for_it(run, make_capsule, guest, workspace):
    (workspace / "a").write_text("1")
    text = manifest(name="own", module="guest.wasm", more='capabilities = { fs_read = ["*"] }\n') + "".join(
        '[[tool]]\nname = "%s"\ndescription = "d"\ninput_schema = { type = "object" }\n' % tool for tool in TOOLS
    )
    folder = make_capsule(text, guest("abi_fs.c"), name="own", module_name="guest.wasm")
    call = Caller(run, folder, workspace)
    assert call("read", path="a") == "1"
    assert "security denied" in call.failure("write", path="a", contents="2")


def test_names_are_listed_over_both_layers(caller, workspace):  # abi:105
    (workspace / "d").mkdir()
    for name in ["b", "a", "\u00e9"]:
        (workspace / "d" / name).write_text("")
    call = caller()
    assert json.loads(call("readdir", path="d")) == ["a", "b", "\u00e9"]
    call("write", path="d/c", contents="")
    call("write", path="d/a", contents="new")
    call("mkdir", path="own")
    assert json.loads(call("readdir", path="d")) == ["a", "b", "c", "\u00e9"]
    assert json.loads(call("readdir", path="")) == ["d", "own"]
    assert "readdir failed" in call.failure("readdir", path="d/a")
    assert "readdir failed" in call.failure("readdir", path="lost")


def test_stat(caller, workspace):  # abi:106
    (workspace / "file").write_text("12345")
    os.utime(workspace / "file", ns=(10**18, 1234567890 * 10**9 + 999))
    call = caller()
    assert call("stat", path="file") == '{"isDir":false,"mtime":1234567890,"size":5}'
    assert json.loads(call("stat", path=""))["isDir"] is True
    assert "stat failed" in call.failure("stat", path="lost")


def test_unlink_hides_until_it_is_committed(caller, workspace):  # abi:107
    (workspace / "old").write_text("old")
    call = caller()
    call("unlink", path="old")
    assert call("exists", path="old") == ""
    assert json.loads(call("readdir", path="")) == []
    assert "unlink failed" in call.failure("unlink", path="old")
    call("write", path="new", contents="new")
    call("unlink", path="new")
    assert call("exists", path="new") == ""
    assert snapshot(workspace) == {"old": b"old"}
    call.options += ("--overlay=auto",)
    call("exists", path="old")
    assert snapshot(workspace) == {}


def test_mkdir_may_be_repeated(caller, workspace):  # abi:108
    call = caller("--overlay=auto")
    call("mkdir", path="x/y/z")
    call("mkdir", path="x/y/z")
    assert (workspace / "x" / "y" / "z").is_dir()
    assert "mkdir failed" in call.failure("mkdir", path="")
    assert "unlink failed" in call.failure("unlink", path="")
    assert "unlink failed" in call.failure("unlink", path="x")


def test_files_that_are_too_large(caller, workspace):  # abi:109 mv:211
    call = caller()
    with open(workspace / "large", "wb") as file:
        file.truncate(PAYLOAD_MAX)
    assert call("read_length", path="large") == str(PAYLOAD_MAX)
    with open(workspace / "large", "wb") as file:
        file.truncate(PAYLOAD_MAX + 1)
    told = call.failure("read", path="large")
    assert "too large" in told
    assert "10485761 bytes > 10485760 bytes" in told
    with open(workspace / "large", "wb") as file:
        file.truncate(11 << 20)
    assert "too large" in call.failure("read", path="large")
    assert "exceeds maximum allowed limit" in call.failure("write", path="a", contents=PAYLOAD_MAX + 1)
    call("write", path="a", contents=PAYLOAD_MAX)
    assert call("read_length", path="a") == str(PAYLOAD_MAX)


def test_a_path_that_is_too_long(caller):  # abi:110
    assert "exceeds maximum allowed limit" in caller().failure("read", path=PATH_MAX + 1)


def test_a_component_that_is_too_long(caller):
    assert "read_file failed" in caller().failure("read", path=256)


@pytest.mark.parametrize("path", [[255, 254], [97, 255]])
@pytest.mark.parametrize("tool", "exists readdir stat read write mkdir unlink".split())
def test_a_path_that_is_no_text(caller, tool, path):  # mv:212
    told = caller().failure(tool, path=path)
    assert "path" in told and "not valid UTF-8" in told


def test_a_path_with_a_zero_byte(caller, workspace):
    (workspace / "a").write_text("1")
    assert "read_file failed" in caller().failure("read", path="a\0b")


def test_an_empty_file(caller, workspace):
    (workspace / "empty").write_text("")
    call = caller()
    assert call("read", path="empty") == ""
    call("write", path="mine")
    assert call("exists", path="mine") == "true"
    assert json.loads(call("stat", path="mine"))["size"] == 0


# global://


def test_the_global_folder_needs_a_grant_of_its_own(caller, shared, workspace):  # abi:111 mv:209 rt:166
    (shared / "f").write_text("content")
    call = caller(name="granted", fs_read=["global://"], fs_write=["global://"])
    assert call("read", path="global://f") == "content"
    call("write", path="global://new", contents="at once")
    assert (shared / "new").read_text() == "at once"
    assert "write_file failed" in call.failure("write", path="global://no/parents", contents="")
    other = caller(name="other", fs_read=["workspace://", "*"], fs_write=["*"])
    assert "security denied" in other.failure("read", path="global://f")
    assert "security denied" in other.failure("write", path="global://f")


def test_the_global_folder_may_be_missing(caller):  # abi:112
    assert "global://" in caller(fs_read=["global://", "*"]).failure("read", path="global://f")


# What becomes of writes


def test_writes_are_committed_after_a_call_that_succeeds(caller, workspace):
    call = caller("--overlay", "files=auto")
    call("write", path="d/a", contents="1")
    assert snapshot(workspace) == {"d": None, "d/a": b"1"}
    assert "as it was asked to" in call.failure("write_and_fail", path="d/b", contents="2")
    assert snapshot(workspace) == {"d": None, "d/a": b"1"}


def test_conflicts_are_told_and_nothing_is_lost(run, caller, workspace):
    (workspace / "a").write_text("one")
    (workspace / "b").write_text("one")
    call = caller()
    call("write", path="a", contents="of the capsule")
    call("write", path="b", contents="of the capsule")
    (workspace / "a").write_text("of somebody else")
    result = run("call", call.folder, "exists", '{"path":"a"}', "--workspace", workspace, "--overlay=auto")
    assert (result.status, result.stdout) == (0, "true\n")
    assert "files: warn: changed in the workspace meanwhile, so it stays in the overlay: a\n" in result.stderr
    assert snapshot(workspace) == {"a": b"of somebody else", "b": b"of the capsule"}
    assert call("read", path="a") == "of the capsule"


def test_without_an_overlay_writes_are_made_at_once(caller, workspace, home):
    call = caller("--overlay=off")
    call("write", path="d/a", contents="1")
    assert snapshot(workspace) == {"d": None, "d/a": b"1"}
    assert snapshot(home) == {}


def test_a_capsule_that_starts_programs_writes_at_once(run, caller, workspace):
    call = caller(host_process=["true"], **EVERYTHING)
    call("write", path="a", contents="1")
    assert snapshot(workspace) == {"a": b"1"}
    call.options += ("--overlay=files=manual",)
    assert "files: warn: it may start programs" in call.result("write", {"path": "a"}).stderr


def test_nothing_is_kept_with_a_store_in_memory(caller, workspace, home, tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    call = caller("--memory-store")
    arguments = json.dumps({"path": "d/a", "contents": "1"})
    result = call.run("call", call.folder, "write", arguments, *call.options, env={"TMPDIR": str(folder)})
    assert result.status == 0
    assert (snapshot(folder), snapshot(workspace), snapshot(home)) == ({}, {}, {})
    assert call("exists", path="d/a") == ""


def test_overlays_of_capsules_and_workspaces_are_apart(run, caller, workspace, tmp_path):
    one, two = caller(name="one"), caller(name="two")
    one("write", path="a", contents="of one")
    assert two("exists", path="a") == ""
    (tmp_path / "elsewhere").mkdir()
    assert Caller(run, one.folder, tmp_path / "elsewhere")("exists", path="a") == ""
    assert one("read", path="a") == "of one"


def test_without_a_workspace_the_capsule_loads_and_files_fail(run, caller, tmp_path, workspace):
    call = caller()
    call.options = ("--workspace", tmp_path / "lost")
    assert call("capability", request='{"source_uuid":"x","capability":"y"}') == '{"allowed":false}'
    told = call.failure("read", path="a")
    assert "there is no workspace" in told and "lost" in told


@pytest.mark.parametrize("value", ["sometimes", "files=sometimes", "=auto", "Bad_Id=auto"])
def test_an_overlay_that_is_none(caller, value):
    result = caller("--overlay", value).result("exists", {"path": ""})
    assert result.status in (1, 2)
    assert result.output == b"" and result.stderr != ""


# Hostile surroundings


def test_the_home_is_closed_wherever_it_is(run, make, workspace):
    home = workspace / ".astrid"
    (home / "secrets").mkdir(parents=True)
    (home / "secrets" / "key").write_text("secret")
    (home / "shared").mkdir()
    (home / "shared" / "f").write_text("shared")
    (workspace / "to-home").symlink_to(".astrid")
    folder = make(fs_read=["*", "workspace://.astrid", "global://", str(home), "/"], fs_write=["*", str(home), "/"])
    call = Caller(run, folder, workspace, "--home", home, "--overlay=off")
    for path in [".astrid/secrets/key", "to-home/secrets/key", ".astrid/capsule.db", ".astrid"]:
        for tool in ["read", "write", "exists", "stat", "unlink", "readdir"]:
            assert "security denied" in call.failure(tool, path=path)
    assert call("read", path="global://f") == "shared"
    assert (home / "secrets" / "key").read_text() == "secret"


@pytest.mark.parametrize("options", [(), ("--overlay=off",)], ids=["overlay", "direct"])
def test_what_is_no_file_is_not_opened(caller, workspace, options):
    os.mkfifo(workspace / "fifo")
    call = caller(*options)
    for tool in ["read", "write"]:
        assert tool + "_file failed" in call.failure(tool, path="fifo")
    assert "read_file failed" in call.failure("read", path="")


def test_a_folder_of_ten_thousand_entries(caller, workspace):
    (workspace / "d").mkdir()
    names = sorted("entry-%05d" % i for i in range(10000))
    for name in names:
        (workspace / "d" / name).touch()
    assert json.loads(caller()("readdir", path="d")) == names


@contextlib.contextmanager
def swapping(link, good, bad):
    """Let `link` lead to `good` and to `bad` by turns."""
    over, swaps = threading.Event(), [0]

    def swap():
        fresh = link.with_name(link.name + "-fresh")
        while not over.is_set():
            for target in [good, bad]:
                fresh.symlink_to(target)
                fresh.rename(link)
                swaps[0] += 1

    link.symlink_to(good)
    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield swaps
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("options", [(), ("--overlay=off",)], ids=["overlay", "direct"])
def test_a_link_that_is_swapped_shows_nothing_from_outside(caller, workspace, tmp_path, options):
    for folder, content in [("in/a", "inside"), ("shut", "outside"), ("../out", "outside")]:
        (workspace / folder).mkdir(parents=True)
        (workspace / folder / "file").write_text(content)
    call = caller(*options, fs_read=["workspace://in"])
    refused = 0
    for link, bad in [("in/link", "../shut"), ("in/link", tmp_path / "out"), ("link", "shut")]:
        good = "a" if link.startswith("in/") else "in/a"
        until = time.monotonic() + WATCH_S
        (workspace / "in" / "link").unlink(missing_ok=True)
        with swapping(workspace / link, good, bad) as swaps:
            while time.monotonic() < until:
                result = call.result("watch", {"path": link + "/file", "contents": "inside", "times": 1000000})
                assert "seen:" not in result.stderr and "outside" not in result.stdout
                assert result.status == 1  # sooner or later it meets the other one
                assert any(text in result.stderr for text in ["security denied", "escapes root", "changed while"])
                refused += 1
        assert swaps[0] > 100
    assert refused > 10


# Uplinks and other capsules

UPLINKS = "".join('[[uplink]]\nname = "%s"\nplatform = "%s"\nprofile = "chat"\n' % pair for pair in [("n", "discord"), ("n", "irc")])


def test_an_uplink_is_registered(caller):  # abi:132
    call = caller(more=UPLINKS)
    assert uuid.UUID(call("uplink", name="n", platform=" Discord ", profile="CHAT")).version == 4
    assert uuid.UUID(call("uplink", name="n", platform="discord", profile="human")).version == 4
    told = call.failure("uplink_twice", name="n", platform=" Discord ", other="discord", profile="chat")
    assert "duplicate uplink" in told
    assert uuid.UUID(call("uplink_twice", name="n", platform="discord", other="irc", profile="chat"))
    assert "invalid uplink profile" in call.failure("uplink", name="n", platform="discord", profile=" chat")


@pytest.mark.parametrize("name, platform", [("n", "matrix"), ("m", "discord"), ("", "")])
def test_an_uplink_that_is_not_declared(caller, name, platform):
    told = caller(more=UPLINKS).failure("uplink", name=name, platform=platform, profile="chat")
    assert "security denied" in told


@pytest.mark.parametrize(
    "request_text",
    [
        json.dumps({"source_uuid": str(uuid.uuid4()), "capability": "allow_prompt_injection"}),
        json.dumps({"source_uuid": "no uuid", "capability": "allow_prompt_injection"}),
        json.dumps({"source_uuid": str(uuid.UUID(int=0)), "capability": "allow_prompt_injection"}),
        json.dumps({"source_uuid": str(uuid.uuid4()), "capability": "everything"}),
    ],
)
def test_a_capsule_that_is_not_there_may_nothing(caller, request_text):
    assert caller()("capability", request=request_text) == '{"allowed":false}'


@pytest.mark.parametrize("request_text", ["", "no JSON", "[]", "{}", '{"source_uuid":1,"capability":"x"}'])
def test_a_question_that_is_none(caller, request_text):
    assert "invalid capability check request" in caller().failure("capability", request=request_text)
