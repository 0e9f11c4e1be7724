# SPDX-License-Identifier: MIT OR Apache-2.0
"""Capsules with a loop of their own, end to end."""

import json
import time

import pytest

from events import Failed, load, make, session

__all__ = ["load", "make", "session"]  # fixtures

READY = ["ready"]
WAIT = ["recv", "1", "60000"]


def payloads(drained):
    """What the messages of an answer to the guest carry."""
    return [message["payload"].get("data", message["payload"]) for message in json.loads(drained)["messages"]]


@pytest.fixture
def watched(session):
    """A session that hears of the lives of capsules, and what loops say under "said"."""
    s = session()
    s.subscribe("lives", "astrid.v1.lifecycle.*", "lifecycle")
    s.subscribe("said", "said")
    return s


def lives(events):
    return [(event["type"], event["payload"]) for event in events]


def said(session, count=1):
    """What a loop published under "said", text for text."""
    return [event["payload"]["data"] for event in session.take("said", count)]


SAY = ["publish", "said", "$"]


def say(value):
    return ["publish", "said", json.dumps(value)]


# ---- Readiness ----


def test_a_loop_says_that_it_is_ready(watched, load):  # abi:37
    load(watched, "loop", ("a.b", "on"), run=[READY, WAIT])
    assert watched.do("health", "loop") == "ready"
    assert [kind for kind, _ in lives(watched.take("lives", 1))] == ["capsule_loaded"]


def test_a_loop_that_returns_without_a_word_has_failed(watched, load):  # abi:38
    load(watched, "loop", run=[])
    _, (kind, event) = lives(watched.take("lives", 2))
    assert kind == "capsule_failed" and event["capsule_id"] == "loop" and "exited unexpectedly" in json.dumps(event)
    assert watched.do("health", "loop") == "failed"


def test_a_loop_that_was_ready_and_returns_has_failed(watched, load):  # abi:40
    load(watched, "loop", ("a.b", "on"), run=[READY, WAIT])
    watched.post("a.b", 1)
    kinds = [kind for kind, _ in lives(watched.take("lives", 2))]
    assert kinds == ["capsule_loaded", "capsule_failed"]
    assert watched.do("health", "loop") == "failed"
    # What failed gets nothing any more.
    assert watched.publish("a.b", 2)["matched"] == 0


def test_a_loop_that_traps_has_failed(watched, load):
    load(watched, "loop", ("a.b", "on"), run=[READY, WAIT, ["trap"]])
    watched.post("a.b", 1)
    watched.post("a.b", 2)
    kind, event = lives(watched.take("lives", 2))[1]
    assert kind == "capsule_failed" and "unreachable" in json.dumps(event)
    assert any("unreachable" in text for text in watched.logged())


# ---- Interceptors ----


def test_interceptors_of_a_loop_are_its_first_subscriptions(watched, load):  # abi:41
    load(
        watched,
        "loop",
        ("a.b", "first"),
        ("a.c", "second"),
        run=[["handles"], SAY, ["subscribe", "x.y"], SAY, READY, WAIT],
    )
    handles, third = said(watched, 2)
    assert [(one["handle_id"], one["action"], one["topic"]) for one in handles] == [(1, "first", "a.b"), (2, "second", "a.c")]
    assert third == 3


def test_an_event_before_the_first_poll_is_not_lost(watched, load):  # abi:42
    load(watched, "loop", ("a.b", "on"), run=[["publish", "a.b", '"early"'], ["poll", "1"], SAY, READY, WAIT])
    ((message,),) = [one["messages"] for one in said(watched)]
    assert message["payload"] == {"type": "custom", "data": "early"}


def test_a_loop_takes_no_calls(watched, load):  # abi:43 rt:207
    """Its interceptors are subscriptions: nobody calls them, and a hook leaves them out."""
    load(watched, "loop", ("a.b", "on"), run=[READY, WAIT, SAY, WAIT], on=[["publish", "said", '"called"']])
    load(watched, "other")
    assert watched.steps("other", ["hook", '{"hook":"a.b","payload":1}']) == ["[]"]
    assert watched.publish("a.b", 5)["delivered"] == 1
    assert [message["payload"]["data"] for message in said(watched)[0]["messages"]] == [5]
    with pytest.raises(Failed, match="Not supported"):
        watched.steps("loop", ["given"])


def test_a_loop_has_no_tools(watched, load):  # abi:44 rt:207
    load(watched, "loop", run=[READY, ["subscribe", "a.b"], WAIT])
    assert json.loads(watched.do("tools", "loop")) == []


def test_a_loop_can_not_end_the_subscription_of_an_interceptor(watched, load):  # abi:45 rt:177
    load(watched, "loop", ("a.b", "on"), run=[READY, ["unsubscribe", "1"], WAIT])
    kinds = [kind for kind, _ in lives(watched.take("lives", 2))]
    assert kinds == ["capsule_loaded", "capsule_failed"]
    assert any("runtime-owned interceptor handle" in text for text in watched.logged())
    assert watched.do("health", "loop") == "failed"


@pytest.mark.parametrize("count", [64, 65])
def test_a_loop_has_64_interceptors_at_most(watched, load, count):  # rt:206
    interceptors = [("a.b", "on%d" % number) for number in range(count)]
    if count > 64:
        with pytest.raises(Failed, match="may declare 64"):
            load(watched, "loop", *interceptors, run=[READY, WAIT])
        return
    load(watched, "loop", *interceptors, run=[["handles"], SAY, READY, WAIT])
    assert [(one["handle_id"], one["action"]) for one in said(watched)[0]] == [(n + 1, "on%d" % n) for n in range(64)]


def test_a_loop_hears_of_lifecycle_events(watched, load):
    load(watched, "loop", ("astrid.v1.lifecycle.capsule_loaded", "on"), run=[READY, ["times", -1, [WAIT, SAY]]])
    load(watched, "other")
    own, others = said(watched, 2)
    heard = [message["payload"] for one in (own, others) for message in one["messages"]]
    assert [event["capsule_id"] for event in heard] == ["loop", "other"]


# ---- Its end ----


def test_unloading_ends_a_wait(session, load):  # abi:46
    s = session("unload_grace_ms=5000")
    s.subscribe("said", "said")
    load(s, "loop", ("a.b", "on"), run=[READY, WAIT, SAY, WAIT, say("not reached")])
    s.do("settle")
    begun = time.monotonic()
    s.do("unload", "loop")
    assert time.monotonic() - begun < 1
    assert said(s) == [{"dropped": 0, "lagged": 0, "messages": []}]
    s.do("settle")
    assert s.take("said", 0) == []


def test_a_loop_that_does_not_end_is_cut_off(session, load):
    s = session("unload_grace_ms=5000")
    load(s, "loop", run=[READY, ["rest", 600000]])
    s.do("settle")
    begun = time.monotonic()
    s.do("unload", "loop")
    assert time.monotonic() - begun < 3


def test_unloading_a_loop_is_no_failure(watched, load):
    load(watched, "loop", ("a.b", "on"), run=[READY, WAIT, WAIT])
    watched.do("settle")
    watched.do("unload", "loop")
    watched.do("settle")
    kinds = [kind for kind, _ in lives(watched.take("lives", 2))]
    assert kinds == ["capsule_loaded", "capsule_unloaded"]


def test_a_loop_may_go_on_for_longer_than_a_call(session, load):  # abi:47
    """The time is made short instead of the test long: a call may take 300 ms, the loop takes more than that of waiting and of events."""
    s = session("call_cpu_ms=300", "call_wall_ms=300")
    s.subscribe("said", "said")
    load(s, "loop", run=[READY, ["subscribe", "a.b"], ["times", 20, [["recv", "1", "50"]]], say("still here"), WAIT])
    assert said(s) == ["still here"]
    assert s.do("health", "loop") == "ready"


def test_a_loop_that_never_waits_is_ended(session, load):
    s = session("call_cpu_ms=300")
    s.subscribe("lives", "astrid.v1.lifecycle.*", "lifecycle")
    load(s, "loop", run=[READY, ["spin"]])
    assert [event["type"] for event in s.take("lives", 2)] == ["capsule_loaded", "capsule_failed"]


def test_a_loop_can_be_loaded_again(watched, load, make):
    folder = make("loop", ("a.b", "on"), run=[READY, WAIT, SAY, WAIT])
    sessions = []
    for number in range(3):
        watched.do("load", folder)
        watched.post("a.b", number)
        (event,) = watched.take("said", 1)
        assert event["payload"]["data"]["messages"][0]["payload"]["data"] == number
        sessions.append(event["source_id"])
        watched.do("unload", "loop")
    assert len(set(sessions)) == 3


def test_two_loops_talk(watched, load):
    load(watched, "ping", ("to.ping", "on"), run=[READY, ["times", -1, [WAIT, SAY, ["publish", "to.pong", '"ping"']]]])
    load(watched, "pong", ("to.pong", "on"), run=[READY, ["times", 5, [WAIT, ["publish", "to.ping", '"pong"']]], WAIT])
    watched.post("to.pong", "serve")
    answers = said(watched, 5)
    assert all(one["messages"][0]["payload"]["data"] == "pong" for one in answers)
