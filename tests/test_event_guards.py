# SPDX-License-Identifier: MIT OR Apache-2.0
"""Capsules that decide: about messages, about tool calls, about their results. End to end."""

import json

import pytest

from conftest import manifest
from events import Failed, load, make, session

__all__ = ["load", "make", "session"]  # fixtures

GUARD = {"mode": "guard"}
REWRITE = {"mode": "rewrite"}
ALLOW = '{"verdict":"allow"}'
CALL, RESULT = "tool.v1.call.one.do", "tool.v1.result.one.do"


def deny(reason):
    return json.dumps({"verdict": "deny", "reason": reason})


def instead(payload):
    return json.dumps({"verdict": "allow", "payload": payload})


def payloads(events):
    """What messages carry."""
    return [event["payload"].get("data", event["payload"]) for event in events]


def wait_for(topic):
    """Steps that end when something is published under `topic`."""
    return [["subscribe", topic], ["recv", "1", "60000"]]


@pytest.fixture
def guarded(session, load):
    """A session with a capsule that hears of a.b and one that decides about it."""

    def start(*steps, options=(), **more):
        s = session(*options)
        s.ask("watch")
        s.subscribe("seen", "a.b")
        load(s, "hears", ("a.b", "on"), on=[["publish", "heard.it", "$"]])
        load(s, "guard", ("a.b", "decide", {**GUARD, **more}), decide=list(steps))
        return s

    return start


# ---- Messages ----


@pytest.mark.parametrize("said", [ALLOW, "", "null", "{}"])
def test_what_is_allowed_goes_on(guarded, said):
    s = guarded(["say", said])
    assert s.publish("a.b", 1) == {"matched": 3, "delivered": 3, "failed": 0, "vetoed": 0, "dropped": 0}
    assert payloads(s.take("seen", 1)) == [1]


def test_what_is_denied_reaches_nobody(guarded):
    s = guarded(["say", deny("not today")])
    assert s.publish("a.b", 1) == {"matched": 3, "delivered": 1, "failed": 0, "vetoed": 2, "dropped": 0}
    assert s.take("seen", 0) == []
    (decided,) = [notice for notice in s.ask("notices") if notice["kind"] == "decided"]
    assert (decided["receiver"], decided["action"], decided["reason"]) == ("guard", "decide", "not today")


@pytest.mark.parametrize(
    "steps, outcome",
    [
        pytest.param([["trap"]], "failed", id="trap"),
        pytest.param([["fail", "no luck"]], "failed", id="failure"),
        pytest.param([["say", "what?"]], "delivered", id="no JSON"),
        pytest.param([["say", '{"verdict":"maybe"}']], "delivered", id="no verdict"),
        pytest.param([["say", instead(2)]], "delivered", id="a guard that rewrites"),
    ],
)
@pytest.mark.parametrize("on_error", ["deny", "allow"])
def test_a_guard_that_fails_denies_unless_it_says_otherwise(guarded, steps, outcome, on_error):
    s = guarded(*steps, on_error=on_error)
    came = s.publish("a.b", 1)
    assert came["matched"] == 3 and came["vetoed"] == (2 if on_error == "deny" else 0)
    assert came["failed"] == (1 if outcome == "failed" else 0)
    assert payloads(s.take("seen", 0)) == ([] if on_error == "deny" else [1])


def test_a_guard_that_takes_too_long_has_failed(guarded):
    s = guarded(["rest", 600000], timeout_ms=20)
    assert s.publish("a.b", 1)["vetoed"] == 2
    assert any("timeout" in text for text in s.logged())


def test_a_guard_that_never_returns_has_failed(guarded):
    s = guarded(["spin"], options=["call_cpu_ms=100"])
    came = s.publish("a.b", 1)
    assert (came["failed"], came["vetoed"]) == (1, 2)


def test_a_guard_that_is_unloaded_while_it_is_asked_denies(guarded):
    s = guarded(["rest", 600000])
    s.do("publish-as", "asked", "a.b", "1")
    s.do("settle")
    assert s.do("done", "asked") == "no" and s.take("seen", 0) == []
    s.do("unload", "guard")
    assert json.loads(s.do("wait", "asked")) == {"matched": 3, "delivered": 0, "failed": 1, "vetoed": 2, "dropped": 0}
    # With nobody to ask messages go their way.
    assert s.publish("a.b", 2)["delivered"] == 2


def test_what_a_guard_has_not_been_asked_yet_when_it_goes(guarded):
    """One call is under way, others wait for their turn: each has its outcome, and none of them passes."""
    s = guarded(["rest", 600000])
    for number in range(20):
        s.post("a.b", number)
    s.do("settle")
    s.do("unload", "guard")
    s.do("settle")
    outcomes = [(one["receiver"], one["outcome"]) for one in s.ask("notices") if one["kind"] == "outcome"]
    assert outcomes.count(("hears", "vetoed")) == 20 and outcomes.count((None, "vetoed")) == 20
    of_guard = [outcome for receiver, outcome in outcomes if receiver == "guard"]
    assert len(of_guard) == 20 and set(of_guard) == {"failed", "gone"}
    assert s.take("seen", 0) == []
    assert s.stats()["pending"] == 0


def test_rewriters_follow_each_other_by_priority(session, load):
    s = session()
    s.subscribe("seen", "a.b")
    load(s, "late", ("a.b", "on", {**REWRITE, "priority": 5}), on=[["set", "got", "$"], ["say", instead("late")]])
    load(s, "early", ("a.b", "on", {**REWRITE, "priority": -5}), on=[["set", "got", "$"], ["say", instead("early")]])
    load(s, "hears", ("a.b", "on"), on=[["set", "got", "$"]])
    s.publish("a.b", "first")
    got = [json.loads(s.steps(capsule, ["get", "got"])[0]) for capsule in ("early", "late", "hears")]
    assert got == ["first", "early", "late"]
    assert payloads(s.take("seen", 1)) == ["late"]


def test_order_is_kept_behind_a_slow_guard(guarded):
    s = guarded(["rest", 1])
    for number in range(30):
        s.post("a.b", number)
    assert payloads(s.take("seen", 30)) == list(range(30))


def test_a_guard_may_publish_and_be_heard(guarded):
    """What a guard publishes itself while it is asked goes on without waiting for its verdict."""
    s = guarded(["publish", "c.d", "$"], ["say", ALLOW])
    s.subscribe("aside", "c.d")
    assert s.publish("a.b", 7)["delivered"] == 3
    assert payloads(s.take("aside", 1)) == [7]


def test_a_guard_may_not_ask_for_what_it_decides_itself(guarded):
    """It publishes under the topic that it is asked about: the new event waits behind its answer, and both end."""
    s = guarded(["publish", "a.b", "$"], ["say", deny("round and round")])
    came = s.publish("a.b", 1)
    assert came["vetoed"] == 2
    s.do("settle")
    assert s.stats()["pending"] == 0


# ---- Tool calls ----


@pytest.fixture
def tool(session, load):
    """A session with a capsule `one` that has tools, and one that decides about a topic."""

    def start(topic, mode, *steps, options=(), **more):
        s = session(*options)
        load(s, "one")
        load(s, "guard", (topic, "decide", {**mode, **more}), decide=list(steps))
        return s

    return start


def call(session, *steps):
    return session.steps("one", *steps)


def refusal(session, *steps):
    with pytest.raises(Failed) as failed:
        call(session, *steps)
    return str(failed.value)


SET = ["set", "done", "yes"]


def test_a_call_that_is_denied_does_not_happen(tool):
    s = tool(CALL, GUARD, ["say", deny("not that one")])
    told = refusal(s, SET)
    assert "not that one" in told and "'guard'" in told and "`do`" in told
    s.do("unload", "guard")
    assert call(s, ["get", "done"]) == [""]


def test_a_call_that_is_allowed_happens(tool):
    s = tool(CALL, GUARD, ["set", "got", "$"], ["say", ALLOW])
    assert call(s, SET, ["get", "done"]) == ["yes"]
    got = json.loads(s.steps("guard", ["get", "got"])[0])
    assert (got["capsule"], got["tool"], got["arguments"]) == ("one", "do", {"steps": [SET, ["get", "done"]]})


def test_arguments_are_rewritten(tool):
    s = tool(CALL, REWRITE, ["say", instead({"arguments": {"steps": [["set", "done", "other"], ["get", "done"]]}})])
    assert call(s, SET) == ["other"]


@pytest.mark.parametrize("payload", [{}, 5, {"argument": {}}])
def test_arguments_that_are_none_end_the_call(tool, payload):
    assert "tool call: the rewritten payload" in refusal(tool(CALL, REWRITE, ["say", instead(payload)]), SET)


ECHO = """
#include <capsule_guest.h>
CAPSULE_TOOL(echo) { guest_answer(guest_arguments()); }
"""


def test_rewritten_arguments_are_those_that_were_written(session, load, make_capsule, guest):
    """As compact JSON, with numbers as they stand there. What else the payload says, of another tool, has no effect."""
    s = session()
    echo = manifest(name="echo", module="guest.wasm", tools=("echo",))
    s.do("load", make_capsule(echo, guest(ECHO), name="echo", module_name="guest.wasm"))
    said = '{ "payload" : { "capsule":"guard", "tool":"do", "call_id":5, "arguments": { "n" : [ 123456789012345678901.10, 1e3 ] } } }'
    load(s, "guard", ("tool.v1.call.echo.*", "decide", REWRITE), decide=[["say", said]])
    assert s.do("call", "echo", "echo", '{"n":1}') == '{"n":[123456789012345678901.10,1e3]}'


def test_a_result_is_rewritten(tool):
    s = tool(RESULT, REWRITE, ["set", "got", "$"], ["say", instead({"result": '"changed"'})])
    assert json.loads(s.do("call", "one", "do", '{"steps":[["given"]]}')) == "changed"
    got = json.loads(s.steps("guard", ["get", "got"])[0])
    assert (got["capsule"], got["tool"], got["ok"], got["result"]) == ("one", "do", True, '[""]')


@pytest.mark.parametrize("payload", [{}, 5, {"result": 5}])
def test_a_result_that_is_none_ends_the_call(tool, payload):
    assert "tool result: the rewritten payload" in refusal(tool(RESULT, REWRITE, ["say", instead(payload)]), SET)


def test_a_result_that_is_denied_is_not_given(tool):
    s = tool(RESULT, GUARD, ["say", deny("secret")])
    assert "secret" in refusal(s, SET)
    s.do("unload", "guard")
    assert call(s, ["get", "done"]) == ["yes"]


def test_a_failure_is_told_and_stays_one(tool):
    s = tool(RESULT, REWRITE, ["set", "got", "$"], ["say", instead({"result": "fine"})])
    assert "no luck" in refusal(s, ["fail", "no luck"])
    got = json.loads(s.steps("guard", ["get", "got"])[0])
    assert got["ok"] is False and "no luck" in got["error"]


@pytest.mark.parametrize("topic", [CALL, RESULT])
@pytest.mark.parametrize("step", [["trap"], ["fail", "no luck"], ["rest", 600000], ["say", "what?"]], ids=lambda step: step[0])
def test_a_guard_of_calls_that_fails_denies(tool, topic, step):
    told = refusal(tool(topic, GUARD, step, timeout_ms=50), ["given"])
    assert "interceptor `decide` failed" in told


@pytest.mark.parametrize("topic", [CALL, RESULT])
def test_a_guard_of_calls_that_fails_may_allow(tool, topic):
    assert call(tool(topic, GUARD, ["trap"], on_error="allow"), ["given"]) == [""]


@pytest.mark.parametrize("topic", [CALL, RESULT])
def test_the_guard_is_unloaded_while_it_is_asked(tool, topic):
    s = tool(topic, GUARD, ["rest", 600000])
    s.start_steps("asked", "one", ["given"])
    s.do("settle")
    assert s.do("done", "asked") == "no"
    s.do("unload", "guard")
    with pytest.raises(Failed, match="denied by interceptor"):
        s.do("wait", "asked")
    assert call(s, ["given"]) == [""]


@pytest.mark.parametrize("topic", [CALL, RESULT])
@pytest.mark.parametrize("way", ["cancel", "free"])
def test_a_call_is_given_up_while_somebody_is_asked(tool, topic, way):
    s = tool(topic, GUARD, *wait_for("go.on"), ["say", ALLOW])
    s.start_steps("asked", "one", ["given"])
    s.do("settle")
    s.do(way, "asked")
    if way == "cancel":
        with pytest.raises(Failed, match="cancelled"):
            s.do("wait", "asked")
    s.post("go.on", 1)
    s.do("settle")
    s.do("unload", "guard")
    assert call(s, ["given"]) == [""]


@pytest.mark.parametrize("topic", [CALL, RESULT])
def test_the_capsule_is_unloaded_while_somebody_is_asked(tool, topic):
    s = tool(topic, GUARD, *wait_for("go.on"), ["say", ALLOW])
    s.start_steps("asked", "one", ["given"])
    s.do("settle")
    s.do("unload", "one")
    s.post("go.on", 1)
    if topic == CALL:
        with pytest.raises(Failed, match="unloaded"):
            s.do("wait", "asked")
    else:
        assert s.do("wait", "asked") == '[""]'
    s.do("settle")


@pytest.mark.parametrize("topic", [CALL, RESULT])
def test_the_runtime_ends_while_somebody_is_asked(tool, topic):
    s = tool(topic, GUARD, ["rest", 600000])
    for number in range(3):
        s.start_steps("asked%d" % number, "one", ["given"])
    s.do("settle")


def test_dots_in_the_name_of_a_tool_are_no_segments(tool):
    s = tool("tool.v1.call.one.do_it", GUARD, ["say", deny("dotted")])
    with pytest.raises(Failed, match="dotted"):
        s.do("call", "one", "do.it", "{}")
    assert call(s, ["given"]) == [""]


def test_calls_of_all_capsules_can_be_watched(session, load):
    s = session()
    load(s, "one")
    load(s, "two")
    load(s, "audit", ("tool.v1.*.*.*", "on"), on=[["publish", "audit.it", "$"]])
    s.subscribe("audit", "audit.it")
    call(s, ["given"])
    s.steps("two", ["given"])
    # The watcher's own calls are none of its own interceptors' business only when there are none.
    seen = [(one["capsule"], "ok" in one) for one in payloads(s.take("audit", 4))]
    assert seen == [("one", False), ("one", True), ("two", False), ("two", True)]


def test_calls_of_one_capsule_are_asked_about_in_order(tool):
    s = tool(CALL, GUARD, ["rest", 1], ["say", ALLOW])
    for number in range(10):
        s.start_steps("call%d" % number, "one", ["get", "last"], ["set", "last", str(number)])
    got = [json.loads(s.do("wait", "call%d" % number)) for number in range(10)]
    assert got == [[""]] + [[str(number)] for number in range(9)]


def test_a_guard_of_its_own_calls(session, load):
    """A capsule that decides about calls of its own tools: it is asked before the call begins, so it does not wait for itself."""
    s = session()
    load(s, "one", (CALL, "decide", GUARD), decide=[["set", "asked", "yes"], ["say", ALLOW]])
    assert call(s, ["get", "asked"]) == ["yes"]


LARGE = json.dumps({"steps": [["given"]], "more": "x" * 6000000})


def test_arguments_that_are_too_large_to_be_shown_to_a_guard(tool):
    """Messages have 5 MiB at most, arguments of tools 10: what can't be shown to those who decide does not happen."""
    s = tool(CALL, GUARD, ["say", ALLOW])
    with pytest.raises(Failed, match="tool call"):
        s.do("call", "one", "do", LARGE)
    assert call(s, ["given"]) == [""]


@pytest.mark.parametrize("topic", [CALL, RESULT])
def test_those_who_only_observe_are_in_nobody_s_way(tool, topic):
    s = tool(topic, {})
    if topic == CALL:
        assert s.do("call", "one", "do", LARGE) == '[""]'
    else:
        s.steps("one", ["set", "large", 5600000])
        assert len(call(s, ["get", "large"])[0]) == 5600000
    assert any("were not told" in text for text in s.logged())
