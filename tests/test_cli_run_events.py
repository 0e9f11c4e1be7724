# SPDX-License-Identifier: MIT OR Apache-2.0
"""capsule run: events are shown, published from operands and from standard input, answered, and counted."""

import json
import os
import re
import signal
import subprocess

import pytest

from conftest import TIMEOUT_S

ALL = """
[capabilities]
ipc_publish = ["told.*"]

[[interceptor]]
event = "a.*"
action = "see"

[[interceptor]]
event = "a.*"
action = "check"
mode = "guard"

[[interceptor]]
event = "a.fix"
action = "fix"
mode = "rewrite"

[[interceptor]]
event = "b.fall"
action = "fall"

[[interceptor]]
event = "c.tell"
action = "tell"

[[interceptor]]
event = "told.*"
action = "see"
"""

LOOP = """
[capabilities]
ipc_publish = ["answers.*", "astrid.v1.response.*", "done.*"]
ipc_subscribe = ["ask.*"]
"""

STATE_LINES = re.compile(r"^(ready |failed|unloaded) ")


@pytest.fixture
def capsules(guest, tmp_path):
    """A folder with the interceptors, and with the loop that answers if it is asked for."""

    def make(loop=False, more="", events=ALL):
        made = [("all", "events.c", events + more)] + ([("loop", "event_loop.c", LOOP)] if loop else [])
        for name, source, rest in made:
            folder = tmp_path / "set" / name
            folder.mkdir(parents=True)
            text = f'[package]\nname = "{name}"\nversion = "1.0.0"\n[[component]]\nfile = "guest.wasm"\n'
            (folder / "Capsule.toml").write_text(text + rest)
            (folder / "guest.wasm").write_bytes(guest(source).read_bytes())
        return tmp_path / "set"

    return make


def events_of(text):
    """The objects of events among lines of JSON."""
    return [line for line in map(json.loads, text.splitlines()) if "event" in line]


def messages_of(text):
    """Topics and what was published, of messages in the order of their lines."""
    found = [line["event"] for line in events_of(text) if line["event"]["type"] == "ipc"]
    return [(event["topic"], event["payload"].get("data")) for event in found]


def line_of(topic, payload):
    return json.dumps({"topic": topic, "payload": payload}) + "\n"


# ---- --events ----


def test_events_are_lines_with_their_outcomes(run, capsules):
    result = run("run", capsules(), "--events", "--publish", 'a.x={"x":1}', "--publish", 'a.fix={"x":2}', "--publish", 'a.no={"bad":"too late"}')
    time = r"^\d\d:\d\d:\d\d\.\d\d\d  "
    lines = [re.sub(time, "", line) for line in result.stdout.splitlines() if re.match(time, line)]
    assert 'a.x  {"x":1}  from --publish  to all/check delivered, all/see delivered' in lines
    assert 'a.fix  {"fixed":true}  from --publish  to all/check delivered, all/fix rewrote it, all/fix delivered, all/see delivered' in lines
    denied = [line for line in lines if line.startswith("a.no  ")]
    assert len(denied) == 1 and denied[0].startswith('a.no  {"bad":"too late"}  from --publish  to all/check denied it: too late')
    assert "all/see vetoed" in denied[0]
    assert lines[0] == 'astrid.v1.lifecycle.capsule_loaded  {"capsule_id":"all","capsule_name":"all"}  from runtime  to nobody'
    assert result.stderr == "capsule: `a.no`: all/check denied it: too late\n"
    assert result.status == 1


def test_events_as_json(run, capsules):
    result = run("run", capsules(), "--events", "--json", "--publish", 'a.fix={"x":2}', "--publish", 'a.no={"bad":"why"}')
    found = {line["event"]["topic"]: line for line in events_of(result.stdout)}
    fixed, denied = found["a.fix"], found["a.no"]
    assert set(fixed) == {"event", "decisions", "outcomes", "matched"}
    assert set(fixed["event"]) == {"number", "type", "topic", "payload", "capsule", "source", "source_id", "timestamp"}
    assert fixed["event"]["payload"] == {"type": "custom", "data": {"fixed": True}}
    assert fixed["event"]["source"] == "embedder"
    assert fixed["event"]["capsule"] is None and fixed["event"]["source_id"] == "00000000-0000-0000-0000-000000000000"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", fixed["event"]["timestamp"])
    assert fixed["decisions"] == [{"capsule": "all", "action": "fix", "vetoed": False, "reason": ""}]
    assert sorted((one["action"], one["outcome"]) for one in fixed["outcomes"]) == [("check", "delivered"), ("fix", "delivered"), ("see", "delivered")]
    assert fixed["matched"] == 3
    assert denied["decisions"] == [{"capsule": "all", "action": "check", "vetoed": True, "reason": "why"}]
    assert {"capsule": "all", "action": "see", "outcome": "vetoed"} in denied["outcomes"]
    assert len(denied["outcomes"]) == denied["matched"] == 2
    assert found["astrid.v1.lifecycle.capsule_loaded"]["event"]["type"] == "capsule_loaded"
    assert [line["state"] for line in map(json.loads, result.stdout.splitlines()) if "state" in line] == ["ready", "unloaded"]


def test_events_stays_until_a_signal(start, capsules):
    process = start("run", capsules(), "--events")
    while not process.stdout.readline().startswith(b"ready  all"):
        pass
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=TIMEOUT_S)
    assert b"astrid.v1.lifecycle.kernel_shutdown" in out and out.endswith(b"unloaded all\n") and err == b""
    assert process.returncode == 0


def test_payloads_are_cut_and_cannot_steer_a_terminal(run, terminal, capsules):
    folder = capsules()
    payload = json.dumps({"t": "\u202e\u009b31m\u00e4" * 1000}, ensure_ascii=False)
    status, seen = terminal("run", folder, "--events", "--publish", "a.x=" + payload)
    text = seen.decode()
    line = next(line for line in text.splitlines() if "  a.x  " in line)
    assert status == 0 and "\u202e" not in text and "\u009b" not in text and "\x1b[32mdelivered" in line
    assert len(line) < 250 and "... (" in line
    assert "\x1b[" not in run("run", folder, "--events", "--publish", "a.x={}").stdout
    status, seen = terminal("run", folder, "--events", "--json", "--publish", "a.x=" + payload)
    assert "\u202e" not in seen.decode() and "\u009b" not in seen.decode()


# ---- --publish ----


def test_publish_ends_when_what_followed_has_its_outcome(run, capsules):
    result = run("run", capsules(), "--json", "--publish", "c.tell=1", "--publish", 'c.tell={"n":12345678901234567890.10}')
    assert messages_of(result.stdout) == [("told.it", 1), ("told.it", {"n": 12345678901234567890.10})]
    assert '"n":12345678901234567890.10' in result.stdout
    assert [line["outcomes"] for line in events_of(result.stdout)] == 2 * [[{"capsule": "all", "action": "see", "outcome": "delivered"}]]
    assert (result.status, result.stderr) == (0, "")


@pytest.mark.parametrize("operand, told", [
    ("b.fall={}", "`b.fall`: all/fall: failed"),
    ('a.x={"bad":"\x1b[31mno"}'.replace("\x1b", "\\u001b"), "`a.x`: all/check denied it: ?[31mno"),
    ("a..b=1", "--publish a..b: the topic `a..b` has empty segments"),
    ("astrid.v1.lifecycle.x=1", "--publish astrid.v1.lifecycle.x: topics that begin with"),
    ("a.x=" + '{"k":1,"k":2}', "--publish a.x: not valid JSON"),
    ('nobody={"req_id":"r"}', "request 'r': no capsule took it"),
    ('nobody={"_astrid_delivery_id":"r"}', "request 'r': no capsule took it"),
])
def test_publish_tells_each_failure_and_goes_on(run, capsules, operand, told):
    result = run("run", capsules(), "--json", "--publish", operand, "--publish", "c.tell=1")
    assert "capsule: " + told in result.stderr
    assert ("told.it", 1) in messages_of(result.stdout)
    assert result.status == 1


def test_publish_tells_when_nobody_receives_it(run, capsules):
    result = run("run", capsules(), "--publish", "nobody=1")
    assert (result.status, result.stderr) == (0, "capsule: `nobody`: no capsule receives it\n")


@pytest.mark.parametrize("to, more, answer", [
    ("answers.it", ',"with_id":1', {"req_id": "r-1", "answered": True}),
    ("answers.r-1", "", {"answered": True}),
    ("astrid.v1.response.x", "", {"answered": True}),
])
def test_publish_waits_for_the_answer_of_a_run_loop(run, capsules, to, more, answer):
    result = run("run", capsules(loop=True), "--json", "--publish", 'ask.it={"req_id":"r-1","to":"%s"%s}' % (to, more))
    assert messages_of(result.stdout) == [(to, answer)]
    assert (result.status, result.stderr) == (0, "")


def test_an_answer_that_does_not_come_ends_with_the_timeout(run, capsules):
    arguments = ["--timeout", "1", "--publish", 'ask.it={"req_id":"r-1","silent":1}', "--publish", 'ask.it={"req_id":"r-2","silent":1}']
    result = run("run", capsules(loop=True), *arguments)
    assert "nothing came for 1 s: 0 events without an outcome, 2 requests without an answer, the first is 'r-1'" in result.stderr
    assert "--timeout SECONDS waits longer" in result.stderr
    assert result.status == 1


def test_an_answer_that_is_denied_ends_the_wait(run, capsules):
    guard = '[[interceptor]]\nevent = "done.*"\naction = "fall"\nmode = "guard"\n'
    result = run("run", capsules(loop=True, more=guard), "--publish", 'ask.it={"req_id":"r-1","to":"done.it","with_id":1}')
    assert "capsule: request 'r-1': the answer was denied" in result.stderr and "done.it" not in result.stdout
    assert result.status == 1


def test_publish_with_stay_goes_on_until_a_signal(start, capsules):
    process = start("run", capsules(), "--json", "--publish", "c.tell=1", "--stay")
    while b"told.it" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=TIMEOUT_S)
    assert json.loads(out.splitlines()[-1])["state"] == "unloaded"
    assert (process.returncode, err) == (0, b"")


def test_a_signal_before_the_end_is_told(start, capsules):
    process = start("run", capsules(loop=True), "--events", "--publish", 'ask.it={"req_id":"r-1","silent":1}')
    while b"loop/ask.* delivered" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, err) == (128 + signal.SIGINT, b"capsule: interrupted\n")


@pytest.mark.parametrize("arguments, told", [
    (["--stay"], "--stay goes with --publish or --stdin"),
    (["--timeout", "5"], "--timeout goes with --publish or --stdin"),
    (["--timeout", "5", "--stay", "--stdin"], "--timeout and --stay exclude each other"),
    (["--publish", "a.b"], "'a.b' is not of the form TOPIC=JSON"),
    (["--publish", "=1"], "'=1' is not of the form TOPIC=JSON"),
    (["--publish", "a.b={"], "--publish a.b: not valid JSON: "),
    (["--publish", "a.b="], "--publish a.b: there is no JSON"),
    (["--publish", b'a.b="\xff"'], "--publish a.b: not valid JSON: invalid UTF-8"),
])
def test_what_makes_no_sense_is_wrong_usage(run, arguments, told):
    result = run("run", "no-such-folder", *[os.fsdecode(argument) for argument in arguments])
    assert (result.status, result.stdout) == (2, "")
    assert told in result.stderr


# ---- --stdin ----


def test_stdin_is_published_and_answers_are_all_that_goes_out(run, capsules):
    requests = [line_of("ask.it", {"req_id": "r%d" % i, "to": "answers.it", "with_id": 1}) for i in range(1000)]
    result = run("run", capsules(loop=True), "--stdin", input="".join(requests))
    assert messages_of(result.stdout) == [("answers.it", {"req_id": "r%d" % i, "answered": True}) for i in range(1000)]
    assert len(result.stdout.splitlines()) == 1000
    assert all(STATE_LINES.match(line) for line in result.stderr.splitlines())
    assert result.status == 0


def test_stdin_with_events_has_the_events_themselves(run, capsules):
    result = run("run", capsules(), "--stdin", "--events", "--publish", "a.first={}", input=line_of("c.tell", 1) + line_of("a.x", {}))
    numbers = {line["event"]["topic"]: line["event"]["number"] for line in events_of(result.stdout)}
    assert numbers["a.first"] < numbers["c.tell"] < numbers["a.x"]
    assert numbers["told.it"] > numbers["c.tell"]
    assert result.status == 0


BAD_LINES = [
    (b"{}", "a line is an object with `topic` and `payload`"),
    (b"[1]", "a line is an object with `topic` and `payload`"),
    (b'{"topic":"c.tell"}', "a line is an object with `topic` and `payload`"),
    (b'{"topic":1,"payload":1}', "`topic` is no text"),
    (b'{"topic":"c\\u0000d","payload":1}', "`topic` has a NUL in it"),
    (b'{"topic":"","payload":1}', "the topic `` has empty segments"),
    (b'{"topic":"%s","payload":1}' % (b"x" * 300), "the topic has 300 bytes, 256 are the most"),
    (b'{"topic":"c.tell","payload":"\xff"}', "not valid JSON: invalid UTF-8"),
    (b'{"topic":"c.tell","payload\x00":1}', "not valid JSON: "),
    (b'{"topic":"c.tell","payload":1} x', "not valid JSON: "),
    (b'{"topic":"c.tell","payload":{"k":1,"k":2}}', "not valid JSON: "),
    (b'{"topic":"c.tell","payload":' + b"[" * 100000 + b"]" * 100000 + b"}", "not valid JSON: "),
    (b'{"topic":"c.tell","payload":"' + b"x" * (5 << 20) + b'"}', "the payload has 5242882 bytes, 5242880 are the most"),
    (b"x" * ((6 << 20) + 1), "longer than 6,291,456 bytes, skipped"),
    (b"\x00", "not valid JSON: "),
]


@pytest.mark.parametrize("newline", [b"\n", b""])
@pytest.mark.parametrize("line, told", BAD_LINES, ids=[told[:24] + str(i) for i, (_, told) in enumerate(BAD_LINES)])
def test_a_bad_line_is_told_with_its_number_and_the_rest_goes_on(run, capsules, line, told, newline):
    good = line_of("c.tell", 1).encode()
    result = run("run", capsules(), "--stdin", input=good + b"\n \t\r\n" + good + line + (b"\n" + good if newline else b""))
    assert messages_of(result.stdout) == [("told.it", 1)] * (3 if newline else 2)
    assert "capsule: line 5: " in result.stderr and told in result.stderr
    assert "1 were not published" in result.stderr
    assert result.status == 1


def test_the_last_line_needs_no_newline_and_lines_may_end_as_on_windows(run, capsules):
    result = run("run", capsules(), "--stdin", input=line_of("c.tell", 1).replace("\n", "\r\n") + line_of("c.tell", 2).rstrip())
    assert messages_of(result.stdout) == [("told.it", 1), ("told.it", 2)]
    assert result.status == 0


def test_many_bad_lines_do_not_hide_a_good_one(run, capsules):
    result = run("run", capsules(), "--stdin", input="{}\n" * 5000 + line_of("c.tell", 1))
    assert messages_of(result.stdout) == [("told.it", 1)]
    assert "of 5,001 events, 5,000 were not published" in result.stderr


def test_output_that_nobody_reads_for_a_while_is_no_reason_to_give_up(start, capsules, tmp_path):
    (tmp_path / "lines").write_text("".join(line_of("a.x", {"n": i}) for i in range(2000)))
    with open(tmp_path / "lines", "rb") as lines:
        process = start("run", capsules(), "--stdin", "--events", "--timeout", "1", stdin=lines)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=3)  # the pipe is full, and it is stuck for longer than its own limit
    out, err = process.communicate(timeout=TIMEOUT_S)
    assert len(messages_of(out.decode())) == 2000 and b"nothing came" not in err
    assert process.returncode == 0


def test_no_input_at_all_is_fine(run, capsules):
    result = run("run", capsules(), "--stdin")
    assert (result.status, result.stdout) == (0, "")


def test_input_that_is_closed_is_told(run, capsules):
    result = run("run", capsules(), "--stdin", stdin=None, input=None, preexec_fn=lambda: os.close(0))
    assert result.status == 1 and "cannot read standard input" in result.stderr


def test_a_line_that_comes_in_pieces_is_one(start, capsules):
    process = start("run", capsules(), "--stdin")
    text = line_of("c.tell", "piece").encode()
    for byte in text:
        process.stdin.write(bytes([byte]))
        process.stdin.flush()
    assert json.loads(process.stdout.readline())["event"]["payload"]["data"] == "piece"
    assert process.poll() is None  # the input has not ended
    process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0


def test_a_fast_generator_is_slowed_down_and_nothing_is_lost(run, capsules):
    small = "[events]\ninbox_messages = 8\ninbox_bytes = 65536\n"
    payload = {"text": "x" * 3000}
    folder = capsules(events='[capabilities]\nipc_publish = ["told.*"]\n[[interceptor]]\nevent = "c.tell"\naction = "see"\n', more=small)
    result = run("run", folder, "--stdin", "--stats", input=line_of("c.tell", payload) * 2000)
    stats = json.loads(result.stdout)["stats"]
    assert (stats["matched"], stats["delivered"], stats["pending"]) == (2000, 2000, 0)
    assert stats["capsules"][0]["queue"]["most_messages"] <= 8
    assert result.status == 0


def test_whoever_refuses_because_it_is_full_is_asked_again(run, capsules):
    full = '[capabilities]\nipc_publish = ["told.*"]\n[events]\ninbox_messages = 4\n'
    rest = "".join('[[interceptor]]\nevent = "c.tell"\naction = "see"\non_full = "fail"\n' for _ in range(4))
    result = run("run", capsules(events=full + rest), "--stdin", "--stats", input=line_of("c.tell", 1) * 100)
    assert json.loads(result.stdout)["stats"]["delivered"] == 400
    assert result.status == 0


def test_what_did_not_get_through_is_summed_up(run, capsules):
    lines = line_of("a.x", {"bad": "no"}) + line_of("b.fall", 1) + line_of("a.x", {})
    result = run("run", capsules(), "--stdin", input=lines)
    assert "capsule: of 3 events, 0 were not published and 2 did not reach everybody; --events tells more\n" in result.stderr
    assert result.status == 1


def test_events_tell_no_more_of_what_was_not_published(run, capsules):
    result = run("run", capsules(), "--stdin", input="no\n" + line_of("a.x", {}))
    assert "capsule: of 2 events, 1 were not published and 0 did not reach everybody\n" in result.stderr
    assert result.status == 1


def test_stdin_ends_when_nobody_reads_the_answers(start, capsules):
    theirs, ours = os.pipe()
    os.close(theirs)
    process = start("run", capsules(), "--stdin", stdout=ours)
    os.close(ours)
    process.stdin.write(line_of("c.tell", 1).encode())
    process.stdin.flush()  # and it stays open
    assert process.wait(timeout=TIMEOUT_S) == 128 + signal.SIGPIPE


def test_stdin_ends_with_a_signal(start, capsules):
    process = start("run", capsules(), "--stdin")
    process.stdin.write(line_of("c.tell", 1).encode())
    process.stdin.flush()
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=TIMEOUT_S) == 128 + signal.SIGTERM
    assert process.stderr.read().endswith(b"capsule: interrupted\nunloaded all\n")


# ---- --stats ----


def test_stats_tell_what_each_capsule_did(run, capsules):
    arguments = [word for one in ("a.x={}", 'a.x={"bad":"b"}', "a.fix={}", "b.fall=1", "c.tell=1") for word in ("--publish", one)]
    result = run("run", capsules(), "--stats", *arguments)
    lines = result.stdout.splitlines()
    table = lines[lines.index("all") :]
    assert "  published  1, refused 0" in table
    assert "  received   10: delivered 8, failed 1, vetoed 1, pending 0" in table
    assert "  dropped    overflow 0, too large 0, gone 0, no memory 0" in table
    assert "  decided    vetoed 1, rewritten 1" in table
    assert "  limits     1,024 messages, 16,777,216 bytes" in table
    assert any(re.fullmatch(r"  queue      0 messages, 0 bytes; most at once \d+ messages", line) for line in table)
    assert any(re.fullmatch(r"  time       CPU [\d.]+ (µs|ms|s), p50 [\d.]+ (µs|ms|s), p99 [\d.]+ (µs|ms|s)", line) for line in table)
    assert lines[-1] == "unloaded all"


def test_stats_as_json_are_one_object(run, capsules):
    result = run("run", capsules(), "--stats", "--json", "--publish", "a.x={}")
    stats = [line for line in map(json.loads, result.stdout.splitlines()) if "stats" in line]
    assert len(stats) == 1 and list(stats[0]) == ["stats"]
    assert stats[0]["stats"]["capsules"][0]["capsule"] == "all"
    assert stats[0]["stats"]["matched"] == stats[0]["stats"]["delivered"] == 2


def test_the_operator_says_how_much_may_wait(run, capsules):
    result = run("run", capsules(), "--stats", "--inbox-messages", "7", "--inbox-kib", "3", "--publish", "a.x={}")
    assert "  limits     7 messages, 3,072 bytes" in result.stdout.splitlines()


def test_a_signal_asks_for_stats_while_it_runs(start, capsules):
    process = start("run", capsules(), "--stats", "--json")
    assert json.loads(process.stdout.readline())["state"] == "ready"
    for _ in range(2):
        process.send_signal(signal.SIGUSR1)
        assert json.loads(process.stdout.readline())["stats"]["matched"] == 0
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=TIMEOUT_S)
    assert [list(json.loads(line))[0] for line in out.splitlines()] == ["stats", "id"]
    assert process.returncode == 0


def test_a_pipeline_of_two(run, capsules, capsule_bin, environment):
    """What one prints another one can read, with its members put in place."""
    folder = capsules()
    first = subprocess.run([capsule_bin, "run", folder, "--stdin"], input=line_of("c.tell", {"n": 1}).encode(), capture_output=True,
                           env=environment, timeout=TIMEOUT_S, check=True)
    event = json.loads(first.stdout)["event"]
    result = run("run", folder, "--stdin", input=line_of("c.tell", event["payload"]))
    assert messages_of(result.stdout) == [("told.it", {"n": 1})]
