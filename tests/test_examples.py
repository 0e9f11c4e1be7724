# SPDX-License-Identifier: MIT OR Apache-2.0
"""The example capsules, how they are built, the embedding programs, and the demo."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from conftest import ROOT, TIMEOUT_S, need
from embedding import EMBED, compile_program, execute, library_flags, program, python_environment, session

EXAMPLES = ROOT / "examples"
CAPSULES = EXAMPLES / "capsules"
NAMES = sorted(path.parent.name for path in CAPSULES.glob("*/Capsule.toml"))
MIB = 1024 * 1024


@pytest.fixture(scope="session", autouse=True)
def built():
    need("clang")
    need("wasm-ld")
    made = execute(EXAMPLES / "build.sh")
    assert (made.returncode, made.stdout + made.stderr) == (0, "")


@pytest.fixture
def answer(run):
    """Call a tool of an example; gives the value that it answered."""

    def call(name, tool, *arguments, **options):
        result = run("call", CAPSULES / name, tool, *arguments, **options)
        assert (result.status, result.error) == (0, b"")
        return json.loads(result.stdout)

    return call


# The capsules that take part in events


def test_events_pass_those_who_decide_before_the_others(run):
    """A card number is taken out, a word is denied, and the loop answers what is left."""
    said = ["hi 4111111111111111", "rm -rf"]
    operands = [word for text in said for word in ("--publish", "user.v1.prompt=" + json.dumps({"text": text}))]
    result = run("run", EXAMPLES / "events", *operands)
    assert re.findall(r"user\.v1\.reply  (.*)  from answer", result.stdout) == ['{"text":"You wrote: hi ****************"}']
    assert "`user.v1.prompt`: policy/judge denied it: that would remove files" in result.stderr
    assert result.status == 1


def test_a_message_that_cannot_be_answered_does_not_end_the_loop(run):
    bad = ["5", '{"text":5}', "{}", '{"type":"custom","data":7}']
    lines = "".join('{"topic":"user.v1.prompt","payload":%s}\n' % payload for payload in [*bad, '{"text":"you"}'])
    result = run("run", EXAMPLES / "events" / "answer", "--stdin", input=lines)
    (reply,) = [json.loads(line)["event"] for line in result.stdout.splitlines()]
    assert (reply["topic"], reply["payload"]["data"]) == ("user.v1.reply", {"text": "You wrote: you"})
    assert result.stderr.count("answer: warn: not answered: ") == len(bad)
    assert result.status == 0


# The capsules


def test_there_are_four():
    assert NAMES == ["counter", "hello", "notes", "spinner"]


@pytest.mark.parametrize("name", NAMES)
def test_its_manifest_has_no_problem(run, name):
    result = run("check", CAPSULES / name, "--json")
    assert (result.status, json.loads(result.stdout)) == (0, [])


@pytest.mark.parametrize("name", NAMES)
def test_its_module_imports_what_exists(run, name):
    result = run("inspect", CAPSULES / name, "--json")
    module = json.loads(result.stdout)
    assert all(entry["known"] for entry in module["imports"])
    assert "astrid_tool_call" in [entry["name"] for entry in module["exports"]]


@pytest.mark.parametrize("name", NAMES)
def test_its_tools_are_those_of_its_source(run, name):
    listed = [tool["name"] for tool in json.loads(run("tools", CAPSULES / name, "--json").stdout)]
    source = (CAPSULES / name / (name + ".c")).read_text()
    assert listed == re.findall(r"^CAPSULE_TOOL\((\w+)\)", source, re.MULTILINE)


@pytest.mark.parametrize("name", ["Ada", "", "Zoë \U0001f600", 'quote " and \\ and \n and \x01', "x" * MIB])
def test_hello_greets_anybody(answer, name):
    assert answer("hello", "greet", "-", input=json.dumps({"name": name})) == {"greeting": "Hello, %s!" % name}


@pytest.mark.parametrize(
    "arguments, text",
    [
        ("{}", "greet: argument `name` is missing; a string is expected"),
        ('{"name":5}', "greet: argument `name`: a string is expected, got a number"),
        ('{"Name":"Ada"}', "greet: argument `name` is missing; a string is expected"),
        ("[]", "greet: the arguments: an object is expected, got an array"),
    ],
)
def test_hello_tells_what_it_needs(run, arguments, text):
    result = run("call", CAPSULES / "hello", "greet", arguments)
    assert (result.status, result.stdout, result.stderr) == (1, "", "capsule: tool `greet`: %s\n" % text)


@pytest.mark.parametrize("value", [None, {}, {"a": [1, {"b": "}"}]}, {"text": "\u00e9\u4e00\U0001f600"}, "y" * (9 * MIB)])
def test_hello_repeats_its_arguments(answer, value):
    assert answer("hello", "echo", "-", input=json.dumps(value)) == value


def test_the_counter_counts_over_processes(answer):
    assert [answer("counter", "count") for _ in range(3)] == [{"count": 1}, {"count": 2}, {"count": 3}]
    assert answer("counter", "reset") == {"count": 0}
    assert answer("counter", "count") == {"count": 1}


def test_the_spinner_is_stopped(run):
    result = run("call", CAPSULES / "spinner", "spin", "--cpu-ms", "100")
    assert (result.status, result.output) == (1, b"")
    assert "timeout" in result.stderr and "100 ms" in result.stderr and "spin" in result.stderr


def test_the_spinner_answers_otherwise(answer):
    assert answer("spinner", "ping") == {"pong": True}


def test_the_spinner_may_not_fetch_and_is_told_what_would_allow_it(run):
    result = run("call", CAPSULES / "spinner", "fetch")
    assert (result.status, result.output) == (1, b"")
    assert "astrid_http_request" in result.stderr and "net = [" in result.stderr


@pytest.fixture
def notes(run):
    """Call a tool of notes; gives what it answered, or the text of its failure."""

    def call(tool, arguments):
        result = run("call", CAPSULES / "notes", tool, json.dumps(arguments))
        if result.status != 0:
            assert (result.status, result.output) == (1, b"")
            return result.stderr.removeprefix("capsule: tool `%s`: " % tool).rstrip("\n")
        return json.loads(result.stdout)

    return call


def test_notes_are_kept_found_and_removed(notes):
    source = {"name": "a book", "page": 3}
    assert notes("add", {"title": "Soup", "text": "leek, potato", "tags": ["food", "soon"], "source": source}) == {"id": 1}
    assert notes("add", {"title": "Leek", "tags": ["food"]}) == {"id": 2}
    note = notes("get", {"id": 1})
    assert note.pop("added_ms") > 1600000000000
    assert note == {"title": "Soup", "text": "leek, potato", "tags": ["food", "soon"], "source": source}
    soup, leek = {"id": 1, "title": "Soup"}, {"id": 2, "title": "Leek"}
    assert notes("list", {}) == [soup, leek]
    assert notes("list", {"tag": "soon"}) == [soup]
    assert notes("list", {"limit": 1}) == [soup]
    assert notes("search", {"words": ["leek", "potato"]}) == [soup]
    assert notes("search", {"words": [], "tags": ["food"]}) == [soup, leek]
    assert notes("remove", {"id": 1}) == {"removed": "Soup"}
    assert notes("list", {}) == [leek]
    assert notes("add", {"title": "New"}) == {"id": 3}


@pytest.mark.parametrize(
    "tool, arguments, text",
    [
        ("add", {}, "add: argument `title` is missing; a string is expected"),
        ("add", {"title": ""}, "add: argument `title` must have 1 to 200 bytes, not 0"),
        ("add", {"title": "x" * 201}, "add: argument `title` must have 1 to 200 bytes, not 201"),
        ("add", {"title": "x", "tags": ["a", 1]}, "add: argument `tags[1]`: a string is expected, got a number"),
        ("add", {"title": "x", "tags": [""]}, "add: argument `tags[0]` must not be empty"),
        ("add", {"title": "x", "source": {"page": 1}}, "add: argument `source.name` is missing; a string is expected"),
        ("add", {"title": "x", "source": {"name": "b", "page": 0}}, "add: argument `source.page` must be 1 or more"),
        ("add", {"title": "x", "source": "b"}, "add: argument `source`: an object is expected, got a string"),
        ("get", {"id": 7}, "there is no note 7; the tool `list` tells which there are"),
        ("get", {"id": 0}, "get: argument `id` must be between 1 and 9999999999"),
        ("get", {"id": "1"}, "get: argument `id`: a whole number is expected, got a string"),
        ("list", {"limit": 101}, "list: argument `limit` must be between 1 and 100, not 101"),
        ("search", {"words": "x"}, "search: argument `words`: an array is expected, got a string"),
        ("remove", {"id": 7}, "there is no note 7; the tool `list` tells which there are"),
    ],
)
def test_notes_tell_what_they_do_not_take_and_keep_nothing(notes, tool, arguments, text):
    assert notes(tool, arguments) == text
    assert notes("list", {}) == []
    assert notes("add", {"title": "first"}) == {"id": 1}


# The SDK's header, as hello uses it


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 4095, 4096, 65536])
def test_arguments_of_any_size_are_decoded(answer, size):
    assert answer("hello", "echo", "-", input=json.dumps("z" * size)) == "z" * size


@pytest.mark.parametrize(
    "text, name",
    [
        (r'"\u0041da"', "Ada"),
        (r'"\ud83d\ude00"', "\U0001f600"),
        (r'"a\/b\b\f\n\r\t\"\\"', 'a/b\b\f\n\r\t"\\'),
    ],
)
def test_escapes_are_understood(answer, text, name):
    assert answer("hello", "greet", r'{"other":{"name":"no"},"\u006eame" : %s}' % text) == {"greeting": "Hello, %s!" % name}


def test_a_broken_request_is_an_error_of_the_guest(run):
    wrong = ["", "{}", '{"name":"greet","arguments":[256]}', '{"name":"greet","arguments":[1,', '{"name":"x","arguments":[]}']
    for request in wrong:
        result = run("exec", CAPSULES / "hello" / "hello.wasm", "astrid_tool_call", request)
        assert (result.status, result.output) == (1, b"")
        assert re.search("no `name`|not an array of bytes|Unknown tool: x", result.stderr)


# Building


def test_what_is_fresh_is_left_alone(tmp_path):
    source, module = tmp_path / "guest.c", tmp_path / "guest.wasm"
    source.write_text('#include <capsule_guest.h>\nCAPSULE_EXPORT(nothing)\n{\n\treturn 0;\n}\n')
    for _ in range(2):
        assert execute(EXAMPLES / "build.sh", source, module).returncode == 0
        made = os.stat(module)
        os.utime(source, ns=(made.st_mtime_ns - 10**9, made.st_mtime_ns - 10**9))
    assert execute(EXAMPLES / "build.sh", source, module).returncode == 0
    assert os.stat(module).st_ino == made.st_ino
    os.utime(source, ns=(made.st_mtime_ns + 10**9, made.st_mtime_ns + 10**9))
    assert execute(EXAMPLES / "build.sh", source, module).returncode == 0
    assert os.stat(module).st_ino != made.st_ino


def test_a_source_that_does_not_compile_leaves_nothing_behind(tmp_path):
    (tmp_path / "guest.c").write_text("int broken(\n")
    made = execute(EXAMPLES / "build.sh", tmp_path / "guest.c", tmp_path / "guest.wasm")
    assert made.returncode == 1 and "guest.c could not be compiled" in made.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["guest.c"]


def test_without_a_linker_it_says_what_to_install(tmp_path):
    for tool in ["bash", "dirname", "mktemp", "grep", "sort", "cat", "clang"]:
        os.symlink(shutil.which(tool), tmp_path / tool)
    (tmp_path / "guest.c").write_text("int nothing;\n")
    command = [shutil.which("bash"), EXAMPLES / "build.sh", tmp_path / "guest.c", tmp_path / "guest.wasm"]
    made = execute(*command, env={"PATH": str(tmp_path)})
    assert made.returncode == 1
    assert "wasm-ld" in made.stderr and "apt-get install clang lld" in made.stderr


# Embedding programs


@pytest.mark.parametrize("name", sorted(path.stem for path in EMBED.glob("*.c")))
def test_a_stranger_compiles_it_without_a_warning(name, tmp_path):
    compile_program(EMBED / (name + ".c"), tmp_path / name, *library_flags())
    assert program(name).exists(), "not built with everything else"


def test_the_smallest_program_calls_a_tool(environment):
    done = execute(program("smallest"), CAPSULES / "hello", "greet", '{"name":"Ada"}', env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, '{"greeting":"Hello, Ada!"}\n', "")


@pytest.mark.parametrize(
    "arguments, reason",
    [
        (["/nonexistent", "greet"], "/nonexistent"),
        ([CAPSULES / "hello", "great"], "did you mean `greet`?"),
        ([CAPSULES / "hello", "greet"], "argument `name` is missing"),
        ([CAPSULES / "hello", "greet", "{"], "arguments"),
    ],
)
def test_the_smallest_program_tells_what_fails(environment, arguments, reason):
    done = execute(program("smallest"), *arguments, env=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("smallest: ") and reason in done.stderr


def test_a_session_keeps_its_capsule_loaded(environment):
    lines = session(CAPSULES / "counter", "count", "count", "nope", "reset", "count", environment=environment)
    assert lines[:2] + lines[3:] == ['ok {"count":1}', 'ok {"count":2}', 'ok {"count":0}', 'ok {"count":1}']
    assert lines[2].startswith("failed") and "nope" in lines[2]


def test_one_capsule_answers_while_another_spins(environment):
    done = execute(program("side_by_side"), CAPSULES, "300", env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(re.match(r"hello answered (\d+) times meanwhile", done.stdout).group(1)) >= 10
    assert re.search(r"spinner was stopped after (3\d\d|4\d\d) ms of processor time", done.stdout)
    assert "timeout" in done.stdout


MCP_SERVER = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if "id" in asked:
        result = {}
        if asked["method"] == "initialize":
            result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}}
        elif asked["method"] == "tools/list":
            result = {"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]}
        elif asked["method"] == "tools/call":
            result = {"content": [{"type": "text", "text": asked["params"]["arguments"]["text"]}]}
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"""


def test_a_program_talks_to_an_mcp_server(environment, tmp_path):
    (tmp_path / "server.py").write_text(MCP_SERVER)
    words = (tmp_path, "echo", '{"text":"hello"}', "python3", "./server.py")
    done = execute(program("mcp"), *words, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    tools, answer, ping, lines = done.stdout.splitlines()
    assert json.loads(tools.removeprefix("tools: "))[0]["origin"] == {"server": "capsule:command:server", "tool": "echo"}
    assert json.loads(answer.removeprefix("answer: "))["content"] == [{"type": "text", "text": "hello"}]
    assert (ping, lines) == ("ping: {}", "9 lines were exchanged")
    done = execute(program("mcp"), tmp_path, "echo", "{}", "no-such-program-at-all", env=environment)
    assert done.returncode == 1 and "Cannot resolve binary" in done.stderr


def test_a_program_publishes_subscribes_and_watches(environment):
    done = execute(program("events"), CAPSULES.parent, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    prompt, denied, call, flood, stats = done.stdout.strip().split("\n\n")
    assert prompt.splitlines()[1:] == [
        "redact rewrote it",
        'got user.v1.prompt {"type":"custom","data":{"text":"My card is ****************"}}, 0 lost before it',
        '{"matched":3,"delivered":3,"failed":0,"vetoed":0,"dropped":0}',
    ]
    assert denied.splitlines()[1:] == [
        "policy denied it: that would remove files",
        '{"matched":3,"delivered":2,"failed":0,"vetoed":1,"dropped":0}',
    ]
    assert "denied by interceptor `judge_call` of capsule 'policy': counters are not reset here" in call
    # All are published before the guest gets a slice.
    assert 'told astrid.v1.event_bus.lagged {"type":"custom","data":{"lagged_count":16}}' in flood
    assert "16 of them had no room" in flood
    counts = json.loads(stats)
    assert counts["dropped"]["overflow"] == 16 and counts["pending"] == 0
    assert counts["matched"] == counts["delivered"] + counts["failed"] + counts["vetoed"] + sum(counts["dropped"].values())


@pytest.fixture
def polling(environment):
    """The program with a poll loop of its own, at work; its input stays open."""
    command = [program("poll_loop"), "-c", "2000", *(CAPSULES / name for name in NAMES)]
    pipes = {name: subprocess.PIPE for name in ("stdin", "stdout", "stderr")}
    with subprocess.Popen(command, env=environment, text=True, bufsize=1, **pipes) as process:
        yield process
        process.kill()


def test_a_poll_loop_waits_for_input_and_answers_at_once(polling):
    polling.stdin.write("spinner spin\n")
    for i in range(20):  # each after the answer of the one before, and all of them before the spinner's
        polling.stdin.write('hello greet {"name":"%d"}\n' % i)
        assert polling.stdout.readline() == '%d ok {"greeting":"Hello, %d!"}\n' % (i + 2, i)
    polling.stdin.write("hello nope\nnobody greet\n\ncounter count\ncounter count")
    output, error = polling.communicate(timeout=TIMEOUT_S)
    assert (polling.returncode, error) == (0, "")
    answers = dict(re.findall(r"^(\d+) ((?:ok|failed) .*)$", output, re.MULTILINE))
    assert sorted(map(int, answers)) == [1, 22, 23, 24, 25, 26]
    assert answers["1"].startswith("failed") and "timeout" in answers["1"]
    assert answers["22"].startswith("failed") and "nope" in answers["22"]
    assert answers["23"] == answers["24"] == "failed expected CAPSULE TOOL [ARGUMENTS], with a capsule that is loaded"
    assert (answers["25"], answers["26"]) == ('ok {"count":1}', 'ok {"count":2}')


def test_a_poll_loop_has_many_calls_under_way(environment):
    lines = "".join("counter count\nhello echo %d\n" % i for i in range(500))
    command = [program("poll_loop"), *(CAPSULES / name for name in NAMES)]
    done = execute(*command, env=environment, input=lines)
    assert (done.returncode, done.stderr) == (0, "")
    answers = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert answers == {str(i + 1): "ok %d" % (i // 2) if i % 2 else 'ok {"count":%d}' % (i // 2 + 1) for i in range(1000)}


def test_a_poll_loop_refuses_a_line_without_end(environment):
    done = execute(program("poll_loop"), CAPSULES / "hello", env=environment, input="x" * 100000)
    assert (done.returncode, done.stdout) == (1, "")
    assert "a line is too long" in done.stderr


def test_threads_get_their_answers_from_the_one_that_owns_the_runtime(environment):
    done = execute(program("second_thread"), CAPSULES / "hello", "greet", '{"name":"Ada"}', "8", "100", env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, '8 threads, 800 answers\n{"greeting":"Hello, Ada!"}\n', "")


def test_threads_that_get_an_error_end_in_order(environment):
    done = execute(program("second_thread"), CAPSULES / "hello", "greet", "{}", "3", env=environment)
    assert (done.returncode, done.stdout) == (1, "3 threads, 0 answers\n")
    assert re.fullmatch(r"(second_thread: worker \d: .*argument `name` is missing.*\n){3}", done.stderr)


def python(environment, *arguments):
    return execute(sys.executable, *arguments, env=python_environment(environment), cwd=EMBED)


def test_python_calls_a_tool(environment):
    done = python(environment, "capsule_ctypes.py", CAPSULES / "hello", "greet", '{"name":"Zo\u00eb"}')
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, {"greeting": "Hello, Zo\u00eb!"}, "")


def test_python_raises_what_fails(environment):
    for arguments, reason in [(("hello", "great"), "did you mean `greet`?"), (("nowhere", "x"), "nowhere")]:
        done = python(environment, "capsule_ctypes.py", CAPSULES / arguments[0], arguments[1])
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("capsule_ctypes.py: ") and reason in done.stderr


PYTHON = """
import sys, threading
from capsule_ctypes import CapsuleError, Runtime

def fails(function, *arguments):
    try:
        function(*arguments)
    except (CapsuleError, ValueError) as error:
        return str(error)
    raise AssertionError("it did not fail")

def elsewhere(runtime, capsule, said):
    said.append(fails(capsule.call, "count"))
    runtime.adopt()
    said.append(capsule.call("count"))

for _ in range(3):
    with Runtime(memory_store=True, call_cpu_ms=100, home="/nonexistent") as runtime:
        counter, spinner = runtime.load(sys.argv[1] + "/counter"), runtime.load(sys.argv[1] + "/spinner")
        assert [tool["name"] for tool in counter.tools] == ["count", "reset"], counter.tools
        assert [counter.call("count") for _ in range(3)] == [{"count": 1}, {"count": 2}, {"count": 3}]
        assert "100 ms" in fails(spinner.call, "spin")
        said = []
        thread = threading.Thread(target=elsewhere, args=(runtime, counter, said))
        thread.start()
        thread.join()
        assert "belongs to another thread" in said[0] and said[1] == {"count": 4}, said
        runtime.adopt()
        spinner.close()
        assert fails(spinner.call, "ping") == "the capsule is closed"
        assert counter.call("reset") == {"count": 0}
    assert fails(counter.call, "count") == "the runtime is closed"
assert "principal" in fails(lambda: Runtime(principal=""))
print("all as it should be")
"""


def test_python_loads_calls_and_closes(environment):
    done = python(environment, "-c", PYTHON, CAPSULES)
    assert (done.returncode, done.stdout, done.stderr) == (0, "all as it should be\n", "")


# The demo


def test_the_demo_shows_all_of_it(environment, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    env = dict(environment, CAPSULE_BUILD_DIR=str(program("side_by_side").parent.parent), TMPDIR=str(scratch))
    done = execute(EXAMPLES / "demo.sh", env=env, cwd="/")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "$ capsule call examples/capsules/hello greet '{\"name\":\"Ada\"}'\n{\"greeting\":\"Hello, Ada!\"}\n" in done.stdout
    assert '{"count":1}' in done.stdout and '{"count":2}' in done.stdout
    assert list(scratch.iterdir()) == []


def test_the_demo_fails_when_something_is_not_as_it_should_be(environment, tmp_path):
    (tmp_path / "examples").mkdir()
    for name in ["capsule", "examples/side_by_side"]:
        (tmp_path / name).write_text("#!/bin/sh\necho something else\n")
        (tmp_path / name).chmod(0o755)
    env = dict(environment, CAPSULE_BUILD_DIR=str(tmp_path))
    done = execute(EXAMPLES / "demo.sh", env=env)
    assert done.returncode == 1
    shown = len(re.findall(r"^\$ ", done.stdout, re.MULTILINE))
    assert shown >= 6
    assert done.stdout.count("^ not as it should be") == shown
