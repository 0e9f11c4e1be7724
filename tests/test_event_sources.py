# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is published besides what guests say: settings that are missing, uplinks, lives, tool calls, losses, failures."""

import json

import pytest

from events import Failed, load, make, session

__all__ = ["load", "make", "session"]  # fixtures

NIL = "00000000-0000-0000-0000-000000000000"

def payloads(events):
    """What messages carry."""
    return [event["payload"].get("data", event["payload"]) for event in events]


# ---- Settings that are missing ----


@pytest.fixture
def missing(session, load):
    """Load a capsule whose settings are these; the one message about what is missing."""

    def load_without(env):
        s = session()
        s.subscribe("required", "astrid.v1.onboarding.required")
        with pytest.raises(Failed, match="Missing required environment variables"):
            load(s, "one", more=env)
        s.do("settle")
        (event,) = s.take("required", 0)
        assert (event["capsule"], event["source_id"]) == (None, NIL)
        payload = event["payload"]
        assert (payload["type"], payload["capsule_id"]) == ("onboarding_required", "one")
        return payload["fields"]

    return load_without


def env(*lines):
    return "[env.k]\n" + "\n".join(lines) + "\n"


def test_a_choice_with_a_preference_is_asked_for(missing):  # abi:30 rt:82 mv:20
    (field,) = missing(env('type = "string"', 'enum_values = ["a", "b"]', 'default = "b"', 'request = "Which?"'))
    assert (field["key"], field["field_type"], field["default"]) == ("k", {"Enum": ["a", "b"]}, "b")


def test_one_choice_is_text_with_a_default(missing):  # abi:31
    (field,) = missing(env('type = "string"', 'enum_values = ["only"]'))
    assert (field["field_type"], field["default"]) == ("Text", "only")


def test_a_secret_is_a_secret(missing):  # abi:32
    (field,) = missing(env('type = "secret"', 'enum_values = ["a", "b"]'))
    assert field["field_type"] == "Secret"


def test_all_that_is_missing_is_in_one_message(missing):  # abi:33
    fields = missing(env('type = "string"') + '[env.other]\ntype = "string"\n')
    assert sorted(field["key"] for field in fields) == ["k", "other"]


# ---- Uplinks ----

UPLINK = '[[uplink]]\nname = "%s"\nplatform = "%s"\nprofile = "chat"\n'


def register(session, platform="my.chat"):
    (uplink,) = session.steps("one", ["register", "n", platform, "chat"])
    return uplink


def test_messages_of_an_uplink_come_in_order_and_with_their_origin(session, load):  # abi:135
    s = session()
    s.subscribe("inbound", "uplink.v1.inbound.*")
    load(s, "one", more=UPLINK % ("n", "my.chat"))
    uplink = register(s)
    answers = s.steps("one", *(["send", uplink, "ada", 'number "%d"' % number] for number in range(3)))
    assert [json.loads(answer) for answer in answers] == [{"ok": True}] * 3
    events = s.take("inbound", 3)
    sent = payloads(events)
    assert [one["content"] for one in sent] == ['number "0"', 'number "1"', 'number "2"']
    assert {event["topic"] for event in events} == {"uplink.v1.inbound.my_chat"}
    assert {event["capsule"] for event in events} == {"one"} and events[0]["source_id"] != NIL
    wanted = {"uplink_id": uplink, "capsule_id": "one", "uplink": "n", "platform": "my.chat", "platform_user_id": "ada"}
    assert wanted.items() <= sent[0].items()
    assert sent[0]["timestamp"].endswith("Z")


def test_messages_of_an_uplink_are_of_its_capsule(session, load):  # abi:134
    s = session()
    load(s, "one", more=UPLINK % ("n", "chat"))
    load(s, "two", more=UPLINK % ("n", "chat"))
    load(s, "none")
    uplink = register(s, "chat")
    for capsule, text, told in [
        ("two", uplink, "not registered"),
        ("one", "11111111-1111-4111-8111-111111111111", "not registered"),
        ("one", "xyz", "invalid uplink_id"),
        ("one", "x" * 65, "too long"),
        ("none", uplink, "no inbound channel"),
    ]:
        with pytest.raises(Failed, match=told):
            s.steps(capsule, ["send", text, "ada", "x"])


def test_what_an_uplink_handed_in_last_may_be_lost_with_it(session, load):
    """The capsule is unloaded between the send and the publication: nothing is left behind."""
    s = session()
    s.subscribe("inbound", "uplink.v1.inbound.*")
    load(s, "one", more=UPLINK % ("n", "chat"))
    uplink = register(s, "chat")
    s.start_steps("sends", "one", ["send", uplink, "ada", "x"])
    s.do("unload", "one")
    s.do("free", "sends")
    s.do("settle")
    assert len(s.take("inbound", 0)) <= 1


# ---- Lifecycle events ----


def of(events, *types):
    return [event["payload"] for event in events if event["type"] in types]


def test_an_interceptor_gets_the_whole_event(session, load):  # rt:218
    s = session()
    topic = "astrid.v1.lifecycle.tool_call_started"
    load(s, "one", (topic, "on"), on=[["publish", "heard.it", "$"]])
    load(s, "two")
    s.subscribe("heard", "heard.it")
    s.subscribe("all", "astrid.v1.lifecycle.*", "lifecycle")
    s.steps("two", ["given"])
    (heard,) = payloads(s.take("heard", 1))
    (event,) = of(s.take("all", 2), "tool_call_started")
    assert heard == event
    assert (event["type"], event["tool_name"], event["server_name"]) == ("tool_call_started", "do", None)
    assert {"event_id", "timestamp", "source"} <= event["metadata"].keys()


def test_lives_and_calls_are_told(session, load):
    s = session()
    s.subscribe("all", "astrid.v1.lifecycle.*", "lifecycle")
    load(s, "one")
    s.steps("one", ["given"])
    with pytest.raises(Failed):
        s.steps("one", ["fail", "no luck"])
    s.do("unload", "one")
    s.do("settle")
    events = s.take("all", 6)
    kinds = [event["type"] for event in events]
    calls = ["tool_call_started", "tool_call_completed", "tool_call_started", "tool_call_failed"]
    assert kinds == ["capsule_loaded", *calls, "capsule_unloaded"]
    assert {event["source_id"] for event in events} == {NIL} and {event["capsule"] for event in events} == {None}
    started, completed, again, failed = of(events, *calls)
    assert started["call_id"] == completed["call_id"] != again["call_id"] == failed["call_id"]
    assert "no luck" in failed["error"] and completed["duration_ms"] >= 0


@pytest.mark.parametrize("way", ["cancel", "free", "unload"])
@pytest.mark.parametrize("asked", [False, True])
def test_a_call_that_is_given_up_is_told_as_failed(session, load, way, asked):
    """Each call that began ends once, also when nobody waits for it any more, or while somebody decides about its result."""
    s = session()
    s.subscribe("all", "astrid.v1.lifecycle.*", "lifecycle")
    load(s, "one")
    if asked:
        load(s, "guard", ("tool.v1.result.*.*", "on", {"mode": "guard"}), on=[["rest", 600000]])
    s.start_steps("call", "one", ["given"] if asked else ["rest", 600000])
    s.do("settle")
    if way == "unload" and not asked:
        s.do("unload", "one")
    else:
        s.do("free" if way == "free" else "cancel", "call")
    s.do("settle")
    told = of(s.take("all", 0), "tool_call_started", "tool_call_completed", "tool_call_failed")
    assert [event["type"] for event in told] == ["tool_call_started", "tool_call_failed"]
    assert told[0]["call_id"] == told[1]["call_id"] and "cancelled" in told[1]["error"]


def test_messages_do_not_pass_for_lifecycle_events(session, load):
    """Nobody else publishes under the topics of the runtime, and subscriptions to messages get none of its events."""
    s = session()
    s.subscribe("messages", "astrid.v1.lifecycle.*")
    load(s, "one", ("astrid.v1.lifecycle.capsule_loaded", "on"), on=[["set", "heard", "$"]])
    for publish in [
        lambda: s.steps("one", ["publish", "astrid.v1.lifecycle.capsule_loaded", "{}"]),
        lambda: s.publish("astrid.v1.lifecycle.capsule_loaded", {}),
    ]:
        with pytest.raises(Failed):
            publish()
    load(s, "two")
    s.do("settle")
    assert s.take("messages", 0) == []
    assert json.loads(s.steps("one", ["get", "heard"])[0])["capsule_id"] == "two"


@pytest.mark.parametrize("verdict", ['{"verdict":"deny"}', "no JSON"])
def test_facts_can_not_be_denied(session, load, verdict):
    """One who decides about messages may have a pattern that lifecycle events match, too: of these it is told."""
    s = session()
    load(s, "guard", ("*.v1.*.capsule_loaded", "on", {"mode": "guard"}), on=[["set", "heard", "$"], ["say", verdict]])
    s.subscribe("all", "astrid.v1.lifecycle.*", "lifecycle")
    load(s, "one")
    assert [event["type"] for event in s.take("all", 1)] == ["capsule_loaded"]
    s.do("settle")
    assert json.loads(s.steps("guard", ["get", "heard"])[0])["capsule_id"] == "one"


# ---- Losses and failures ----


def test_losses_are_told_with_their_count(session, load):
    """At once and exactly. That the next notice waits is for tests with a clock that is moved by hand."""
    s = session()
    s.subscribe("lagged", "astrid.v1.event_bus.lagged")
    load(s, "slow", ("a.b", "on"), more="[events]\ninbox_messages = 2\n", on=[["rest", 1]])
    for number in range(20):
        s.post("a.b", number)
    assert payloads(s.take("lagged", 1)) == [{"lagged_count": 18}]
    s.do("settle")
    books = s.stats()
    assert books["dropped"]["overflow"] == 18


def test_a_request_that_nobody_takes_is_answered(session, load):
    s = session()
    s.subscribe("failures", "astrid.v1.response.failure.*")
    load(s, "fails", ("ask.fail", "on"), on=[["fail", "no luck"]])
    load(s, "takes", ("ask.take", "on"))
    for topic in ("ask.nobody", "ask.fail", "ask.take"):
        s.post(topic, {"req_id": topic.replace(".", "-"), "x": 1})
    first, second = s.take("failures", 2)
    assert [first["topic"], second["topic"]] == ["astrid.v1.response.failure.ask-" + name for name in ("nobody", "fail")]
    codes = [event["payload"]["data"]["error"]["code"] for event in (first, second)]
    assert codes == ["no_receiver", "failed"]
    s.do("settle")
    assert s.take("failures", 0) == []
