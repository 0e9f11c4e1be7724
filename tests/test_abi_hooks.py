# SPDX-License-Identifier: MIT OR Apache-2.0
"""Hooks: a guest asks the interceptors of other capsules. End to end."""

import json

import pytest

from events import Failed, load, make, session

__all__ = ["load", "make", "session"]  # fixtures

HOOK = ["hook", '{"hook":"h.x","payload":{"n":1}}']


def say(value):
    return [["say", value if isinstance(value, str) else json.dumps(value)]]


def ask(session):
    return json.loads(session.steps("a", HOOK)[0])


@pytest.mark.parametrize(
    "request_text",
    [
        pytest.param("{}", id="empty abi:82"),
        pytest.param("{", id="cut mv:236"),
        pytest.param('{"hook":"h..x","payload":1}', id="no topic"),
        pytest.param('{"hook":"h.x"}', id="no payload"),
    ],
)
def test_a_request_that_is_none_ends_the_call(session, load, request_text):
    s = session()
    load(s, "a")
    with pytest.raises(Failed, match="invalid trigger request"):
        s.steps("a", ["hook", request_text])


def test_the_others_are_asked_and_not_the_one_who_asks(session, load):  # abi:83 rt:225
    s = session()
    load(s, "a", ("h.x", "on"), on=say({"a": 1}))
    load(s, "b", ("h.x", "on"), on=say({"b": 1}))
    load(s, "c", ("h.*", "on"), on=[["say", "$"]])
    assert ask(s) == [{"b": 1}, {"n": 1}]


def test_nobody_answers(session, load):  # rt:225
    s = session()
    load(s, "a", ("h.x", "on"), on=say("1"))
    assert ask(s) == []


def test_what_is_no_json_is_left_out(session, load):  # abi:84 rt:225
    s = session()
    load(s, "a")
    load(s, "b", ("h.x", "on"))
    load(s, "c", ("h.x", "on"), on=say("nope"))
    assert ask(s) == []
    load(s, "d", ("h.x", "on"), on=say("null"))
    assert ask(s) == [None]


def test_three_capsules_one_of_which_answers_no_json(session, load):  # mv:223
    s = session()
    load(s, "a")
    load(s, "b", ("h.x", "on"), on=say({"b": 1}))
    load(s, "c", ("h.x", "on"), on=say("nope"))
    load(s, "d", ("h.x", "on"), on=say([1]))
    assert ask(s) == [{"b": 1}, [1]]


def test_who_fails_is_left_out(session, load):
    s = session()
    load(s, "a")
    load(s, "b", ("h.x", "on"), on=[["trap"]])
    load(s, "c", ("h.x", "on"), on=[["fail", "no luck"]])
    load(s, "d", ("h.x", "on"), on=say({"d": 1}))
    assert ask(s) == [{"d": 1}]
    told = "\n".join(s.logged())
    assert "no luck" in told and "unreachable" in told


def test_a_loop_and_one_that_failed_contribute_nothing(session, load):  # abi:85
    s = session()
    load(s, "a")
    load(s, "b", ("h.x", "on"), run=[["ready"], ["recv", "1", "60000"]], on=say("1"))
    load(s, "c", ("h.x", "on"), run=[], on=say("2"))
    s.do("settle")
    assert ask(s) == []


def test_who_asked_is_told(session, load):
    s = session()
    s.subscribe("mine", "mine")
    load(s, "a")
    load(s, "b", ("h.x", "on"), on=[["caller"], ["say", "$"]])
    (caller,) = ask(s)
    s.steps("a", ["publish", "mine", "1"])
    assert caller["session_id"] == s.take("mine", 1)[0]["source_id"]


def test_a_circle_of_hooks_is_refused(session, load):
    """a asks b, which asks a: that would wait for ever."""
    s = session()
    back = ["hook", '{"hook":"h.back","payload":1}']
    load(s, "a", ("h.back", "on"), on=say("1"))
    load(s, "b", ("h.x", "on"), on=[back, ["say", "$"]])
    assert ask(s) == []
    assert any("wait" in text and "a" in text for text in s.logged())
    # Both are alive afterwards.
    assert s.steps("b", back) == ["[1]"]


def test_the_one_who_asks_may_be_cancelled(session, load):
    s = session()
    load(s, "a")
    load(s, "b", ("h.x", "on"), on=[["subscribe", "go.on"], ["recv", "1", "60000"], ["say", "1"]])
    s.start_steps("asks", "a", HOOK)
    s.do("settle")
    s.do("cancel", "asks")
    with pytest.raises(Failed, match="cancel"):
        s.do("wait", "asks")
    s.post("go.on", 1)
    s.do("settle")
    assert s.steps("a", ["given"])


def test_the_one_who_is_asked_may_be_unloaded(session, load):
    s = session()
    load(s, "a")
    load(s, "b", ("h.x", "on"), on=[["rest", 600000], ["say", "1"]])
    load(s, "c", ("h.x", "on"), on=say("2"))
    s.start_steps("asks", "a", HOOK)
    s.do("settle")
    s.do("unload", "b")
    assert json.loads(json.loads(s.do("wait", "asks"))[0]) == [2]


def test_the_one_who_asks_may_be_unloaded(session, load):
    s = session()
    load(s, "a")
    load(s, "b", ("h.x", "on"), on=[["subscribe", "go.on"], ["recv", "1", "60000"], ["say", "1"]])
    s.start_steps("asks", "a", HOOK)
    s.do("settle")
    s.do("unload", "a")
    with pytest.raises(Failed, match="cancel"):
        s.do("wait", "asks")
    s.post("go.on", 1)
    s.do("settle")
