# SPDX-License-Identifier: MIT OR Apache-2.0
"""Capsules and modules from elsewhere: each below $CAPSULE_FOREIGN_DIR does what the file beside it expects (docs/foreign.md).

When the variable is not set there are no such cases, and what remains are the tests of the harness itself, which give it folders
of their own."""

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

import foreign
from conftest import ROOT, manifest

TOP = os.environ.get("CAPSULE_FOREIGN_DIR")

if TOP is not None:
    CASES = foreign.find(TOP)

    def test_there_is_something_to_run():
        assert CASES, "$CAPSULE_FOREIGN_DIR, %r, has no capsule folder and no module below it" % TOP

    if CASES:

        @pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
        def test_it_does_what_is_expected(case, capsule_bin, environment):
            problems = foreign.Runner(capsule_bin, environment).problems(case)
            if problems:
                pytest.fail("\n".join(problems), pytrace=False)


# The harness itself, in a pytest of its own

GUESTS = ROOT / "tests" / "guests"


class Report:
    """How the cases ended: a message for each that failed, None for each that passed."""

    def __init__(self, status, output, results):
        self.status, self.output, self.results = status, output, results


@pytest.fixture
def top(tmp_path):
    folder = tmp_path / "foreign"
    folder.mkdir()
    return folder


@pytest.fixture
def run_all(top, tmp_path, capsule_bin):
    def run(folder=top):
        xml = tmp_path / "report.xml"
        env = dict(os.environ, CAPSULE_FOREIGN_DIR=str(folder), CAPSULE_BIN=capsule_bin)
        options = ["-q", "-p", "no:cacheprovider", "--junit-xml=%s" % xml, "-k", "expected or something_to_run"]
        command = [sys.executable, "-m", "pytest", *options, str(ROOT / "tests" / "test_foreign.py")]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=600, check=False)
        results = {}
        for case in ElementTree.parse(xml).getroot().iter("testcase"):
            failure = case.find("failure")
            name = re.sub(r"^test_it_does_what_is_expected\[(.*)\]$", r"\1", case.get("name"))
            results[name] = None if failure is None else failure.text
            assert case.find("skipped") is None
        return Report(done.returncode, done.stdout + done.stderr, results)

    return run


@pytest.fixture
def module(top):
    """Put a module into the folder, with its expectations: a list of calls, text as it is, or None for no file."""

    def put(name, expected=None, source="plugin.wat"):
        text = source if source.startswith("(") else (GUESTS / source).read_text()
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)
        if expected is not None:
            text = expected if isinstance(expected, str) else json.dumps(expected)
            (top / name).with_suffix(".expect.json").write_text(text)

    return put


@pytest.fixture
def capsule(top):
    """Put a capsule folder there, made of tools.wat, with its expectations."""

    def put(name, expected=None, tools=("hello", "fail", "spin", "trap", "keep", "json", "bytes"), more=""):
        folder = top / name
        folder.mkdir(parents=True)
        (folder / "Capsule.toml").write_text(manifest(tools=tools, more=more))
        (folder / "guest.wat").write_text((GUESTS / "tools.wat").read_text())
        if expected is not None:
            (folder / "expect.json").write_text(json.dumps(expected))

    return put


GOOD = [
    {"export": "echo", "input": "h\u00e9llo\n", "output": "h\u00e9llo\n"},
    {"export": "echo", "output": ""},
    {"export": "echo", "input": {"base64": "AP8="}, "output": {"base64": "AP8="}},
    {"export": "echo", "input": {"file": "data/in.bin"}, "output": {"contains": "middle"}},
    {"export": "echo", "input": '{"b":[1,true,null],"a":"x"}', "output": {"a": "x", "b": [1.0, True, None]}},
    {"export": "echo", "input": '"text"', "output": {"json": "text"}},
    {"export": "count", "repeat": 7, "output": 7},
    {"export": "setting", "input": "theme", "config": {"theme": "da=rk"}, "output": "da=rk"},
    {"export": "refuse", "error": "7"},
    {"export": "refuse", "status": 1},
    {"export": "spin", "limits": {"cpu_ms": 50}, "error": "the limit of 50 ms of CPU time is used up"},
    {"export": "spin", "limits": {"cpu_ms": 60000, "wall_ms": 50}, "error": "wall"},
    {"export": "echo", "input": "x", "env": {"LC_ALL": "C"}, "output": "x"},
]


def test_good_cases_pass_under_their_paths(module, capsule, top, run_all):
    module("b.wat", GOOD)
    (top / "data").mkdir()
    (top / "data" / "in.bin").write_bytes(b"\xffmiddle\x00")
    module("deep/er/a.wat")
    capsule("deep/tools", [{"tool": "hello", "output": "Hello!"}, {"tool": "fail", "error": "no such person"}])
    capsule("bare")
    report = run_all()
    names = ["bare", "b.wat", "deep/er/a.wat", "deep/tools", "test_there_is_something_to_run"]
    assert report.results == dict.fromkeys(names)
    assert report.status == 0


def test_calls_of_a_capsule_share_its_state_and_cases_do_not(top, guest, run_all):
    source = ROOT / "examples" / "capsules" / "counter"
    for name in ["one", "two"]:
        (top / name).mkdir()
        (top / name / "Capsule.toml").write_bytes((source / "Capsule.toml").read_bytes())
        (top / name / "counter.wasm").write_bytes(guest(str(source / "counter.c")).read_bytes())
        calls = [{"tool": "count", "output": {"count": count}} for count in [1, 2]]
        (top / name / "expect.json").write_text(json.dumps(calls + [{"tool": "count", "repeat": 3, "output": {"count": 5}}]))
    assert run_all().results == dict.fromkeys(["test_there_is_something_to_run", "one", "two"])


@pytest.mark.parametrize(
    "call, tokens",
    [
        ({"export": "echo", "input": "one\ntwo", "output": "one\nthree"}, ["the output differs", " one\n-three\n+two"]),
        ({"export": "echo", "input": '{"a":1,"b":2}', "output": {"a": 1, "b": 3}}, ['- "b": 3', '+ "b": 2']),
        ({"export": "echo", "input": '{"a":1}', "output": {"a": True}}, ['- "a": true', '+ "a": 1']),
        ({"export": "echo", "input": "[1]", "output": [1, 2]}, ["- 2"]),
        ({"export": "echo", "input": "{}", "output": []}, ["-[]", "+{}"]),
        ({"export": "echo", "input": '{"a":1,"a":1}', "output": {"a": 1}}, ["the output is not JSON", "key `a` stands twice"]),
        ({"export": "echo", "input": "no JSON", "output": 5}, ["the output is not JSON", "no JSON"]),
        ({"export": "echo", "input": "x\n", "output": "x"}, ["the output differs"]),
        ({"export": "echo", "input": "abc", "output": {"contains": "d"}}, ["the output does not contain\n  d\nit is\n  abc"]),
        ({"export": "echo", "input": {"base64": "/w=="}, "output": {"base64": "/g=="}}, ["-\\xfe", "+\\xff"]),
        ({"export": "refuse", "output": "x"}, ["status 1 instead of 0"]),
        ({"export": "refuse"}, ["status 1 instead of 0"]),
        ({"export": "refuse", "error": "nine"}, ["the error does not contain\n  nine\nit is\n  capsule: `refuse`"]),
        ({"export": "echo", "error": "x"}, ["status 0 instead of 1"]),
        ({"export": "ecko", "output": ""}, ["status 1 instead of 0", "ecko"]),
        ({"export": "count", "repeat": 2, "output": 3}, ["-3\n+2"]),
        ({"export": "spin", "limits": {"cpu_ms": 50}}, ["status 1 instead of 0", "50 ms of CPU time"]),
    ],
)
def test_a_wrong_expectation_is_a_failure_with_what_differs(module, run_all, call, tokens):
    module("a.wat", [{"export": "echo"}, call])
    report = run_all()
    assert report.status == 1
    message = report.results["a.wat"]
    assert message.startswith("a.expect.json: call 2 (`%s`): " % call["export"])
    for token in tokens:
        assert token in message


def test_every_call_that_fails_is_told(capsule, run_all):
    capsule("a", [{"tool": "hello", "output": "Hi!"}, {"tool": "hello", "output": "Hello!"}, {"tool": "trap"}])
    message = run_all().results["a"]
    assert re.findall(r"^expect.json: call (\d)", message, re.MULTILINE) == ["1", "3"]
    assert "-Hi!\n+Hello!" in message
    assert "unreachable" in message and "fall_over" in message


def test_a_guest_that_hangs_does_not_hold_up_the_others(capsule, module, run_all):
    capsule("a", [{"tool": "spin", "limits": {"cpu_ms": 50}, "output": "x"}])
    module("b.wat", [{"export": "echo"}])
    report = run_all()
    assert "timeout" in report.results["a"] and report.results["b.wat"] is None


EXPORT = '{"export":"echo",%s}'


@pytest.mark.parametrize(
    "text, message",
    [
        ("[\n {'export'", "a.expect.json:2:3: Expecting property name enclosed in double quotes"),
        ("", "a.expect.json:1:1: Expecting value"),
        ("[NaN]", "a.expect.json: NaN is not JSON"),
        ("[" * 100000, "a.expect.json: is nested too deep, or has too long a number"),
        ("[%s]" % ("9" * 5000), "a.expect.json: is nested too deep, or has too long a number"),
        ("{}", "a.expect.json: must be a list of calls, at least one"),
        ("[]", "a.expect.json: must be a list of calls, at least one"),
        ("[%s]" % ",".join(["{}"] * 1001), "a.expect.json: has 1001 calls, over 1000"),
        (" " * (1024 * 1024 + 1), "a.expect.json: is over 1048576 bytes"),
        ("[5]", "call 1: must be an object"),
        ('[{"export":"echo"},{}]', "call 2: needs one of the keys `tool` and `export`"),
        ('[{"export":"a","tool":"a"}]', "call 1: needs one of the keys `tool` and `export`"),
        ('[{"export":"a","export":"b"}]', "a.expect.json: key `export` stands twice"),
        ('[{"tool":"a"}]', "call 1: a module has exports: write `export`"),
        ('[{"export":""}]', "call 1: `export` must be a text that is not empty, without NUL"),
        ('[{"export":7}]', "call 1: `export` must be a text that is not empty, without NUL"),
        (
            EXPORT % '"outcome":"x"',
            "call 1: unknown key `outcome`; there are: config, env, error, export, input, limits, output, repeat, status, tool",
        ),
        (EXPORT % '"output":"x","error":"x"', "call 1: `error` and `output` exclude each other"),
        (EXPORT % '"error":""', "call 1: `error` must be a text that is not empty, without NUL"),
        (EXPORT % '"input":5', 'call 1: `input` must be a text, {"base64": text} or {"file": path}'),
        (EXPORT % '"input":{"base64":"A","file":"b"}', 'call 1: `input` must be a text, {"base64": text} or {"file": path}'),
        (EXPORT % '"input":{"base64":"%%"}', "call 1: `input`: `base64` is no base64"),
        (EXPORT % '"input":{"base64":1}', "call 1: `base64` must be a text"),
        (EXPORT % '"input":"\\ud800"', "call 1: `input` has half of a surrogate pair"),
        (EXPORT % '"input":{"file":"../a"}', "call 1: `input`: the file `../a` must stand beside the expectations or below"),
        (EXPORT % '"input":{"file":"/a"}', "call 1: `input`: the file `/a` must stand beside the expectations or below"),
        (EXPORT % '"input":{"file":"gone"}', "call 1: `input`: the file `gone` cannot be read: "),
        (EXPORT % '"output":{"contains":""}', "call 1: `output`: `contains` is empty, which every answer contains"),
        (EXPORT % '"output":{"contains":1}', "call 1: `contains` must be a text"),
        (EXPORT % '"config":{"a":1}', "call 1: `config` must be an object with texts as values"),
        (EXPORT % '"config":{"a=b":"c"}', "call 1: `config`: `a=b` is no name of a setting, or there is a NUL in it"),
        (EXPORT % '"env":{"ASTRID_HOME":"x"}', "call 1: `env`: ASTRID_HOME is set by the harness"),
        (EXPORT % '"repeat":0', "call 1: `repeat` must be a number from 1 to 10000000"),
        (EXPORT % '"repeat":true', "call 1: `repeat` must be a number from 1 to 10000000"),
        (EXPORT % '"status":"1"', "call 1: `status` must be a number from 0 to 255"),
        (EXPORT % '"limits":5', "call 1: `limits` must be an object"),
        (EXPORT % '"limits":{"cpu":5}', "call 1: `limits`: unknown key `cpu`; there are: cpu_ms, wall_ms"),
        (EXPORT % '"limits":{"wall_ms":0}', "call 1: `wall_ms` must be a number from 1 to 86400000"),
    ],
)
def test_malformed_expectations_are_told_with_their_place(top, module, text, message):
    module("a.wat", "[%s]" % text if text.startswith('{"export"') else text)
    case = foreign.find(top)[0]
    problems = foreign.Runner("/nowhere/capsule", {}).problems(case)  # nothing is run
    assert len(problems) == 1
    assert problems[0].startswith(message if message.startswith("a.expect") else "a.expect.json: " + message)


def test_malformed_expectations_fail_their_case(capsule, module, top, run_all):
    module("a.wat", "[")
    (top / "a.expect.json").write_bytes(b'["\xff"]')
    capsule("b", [{"export": "echo"}])
    capsule("c", [{"tool": "hello", "config": {"a": "b"}}])
    report = run_all()
    assert report.status == 1
    assert report.results["a.wat"] == "a.expect.json: is not UTF-8 at byte 2"
    assert report.results["b"] == "expect.json: call 1: a folder has tools: write `tool`"
    expected = "expect.json: call 1: `config` is for exports; the settings of a capsule stand in [env] of its manifest"
    assert report.results["c"] == expected


UNKNOWN_IMPORT = '(module (import "nowhere" "at_all" (func)) (func (export "f")))'


def test_without_expectations_it_must_load(capsule, module, top, run_all):
    module("broken.wat", source="(module")
    module("unknown.wat", source=UNKNOWN_IMPORT)
    module("fine.wat")
    capsule("folder", more='[[tool]]\nname = "x"\n')
    report = run_all()
    assert report.results["broken.wat"].startswith("capsule inspect: status 1\n  capsule: ")
    assert report.results["unknown.wat"] == "it imports `at_all` of `nowhere`, which does not exist here"
    assert report.results["folder"].startswith("capsule check: status 1\n") and "description" in report.results["folder"]
    assert report.results["fine.wat"] is None


def test_expectations_without_a_module_fail(top, module, run_all):
    module("a.wat", [{"export": "echo"}])
    (top / "b.expect.json").write_text("[]")
    (top / "expect.json").write_text("[]")
    report = run_all()
    assert report.results["a.wat"] is None
    assert report.results["b.expect.json"] == "b.expect.json: there is no capsule or module beside it"
    assert report.results["expect.json"] == "expect.json: there is no capsule or module beside it"


def test_a_module_in_a_capsule_folder_is_part_of_it(capsule, run_all):
    capsule("a")
    assert list(run_all().results) == ["test_there_is_something_to_run", "a"]


def test_a_folder_with_nothing_in_it_fails(run_all):
    report = run_all()
    assert report.status == 1
    assert "has no capsule folder and no module below it" in report.results["test_there_is_something_to_run"]


def test_a_folder_that_does_not_exist_fails(top, run_all):
    report = run_all(top / "nowhere")
    assert report.status != 0 and "No such file or directory" in report.output


def test_without_the_variable_no_case_is_collected_and_none_skipped(tmp_path):
    env = {name: value for name, value in os.environ.items() if name != "CAPSULE_FOREIGN_DIR"}
    options = ["-q", "-p", "no:cacheprovider", "--collect-only"]
    command = [sys.executable, "-m", "pytest", *options, str(ROOT / "tests" / "test_foreign.py")]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0
    assert "test_it_does_what_is_expected" not in done.stdout and "test_good_cases" in done.stdout
