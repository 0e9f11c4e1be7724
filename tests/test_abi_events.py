# SPDX-License-Identifier: MIT OR Apache-2.0
"""Messages between capsules, end to end: real guests, the real runtime. Run loops are in test_abi_run_loop.py."""

import json

import pytest

from events import Failed, load, make, session

__all__ = ["load", "make", "session"]  # fixtures

NIL = "00000000-0000-0000-0000-000000000000"
EMPTY = {"dropped": 0, "lagged": 0, "messages": []}
HEARD = [["publish", "heard.it", "$"]]


def payloads(events):
    """What messages carry."""
    return [event["payload"].get("data", event["payload"]) for event in events]


def grants(publish=(), subscribe=()):
    return "[capabilities]\nipc_publish = %s\nipc_subscribe = %s\n" % (json.dumps(list(publish)), json.dumps(list(subscribe)))


@pytest.fixture
def one(session, load):
    """A session with one capsule; gives a function that has it do steps."""

    def start(**more):
        s = session()
        load(s, "one", **more)
        return s, lambda *steps: s.steps("one", *steps)

    return start


@pytest.fixture
def refused(one):
    """Have a capsule that is granted this take a step that fails; the reason."""

    def refuse(*step, before=(), **granted):
        _, do = one(grants=grants(**granted))
        with pytest.raises(Failed) as failed:
            do(*before, list(step))
        return str(failed.value)

    return refuse


# ---- Publishing ----


def test_what_is_not_declared_is_not_published(refused, one):  # abi:113
    assert "no ipc_publish declarations" in refused("publish", "a.b", "1")


def test_declared_topics_are_published_and_no_others(one):  # abi:113
    _, do = one(grants=grants(publish=["a.*"]))
    do(["publish", "a.b", "1"])
    with pytest.raises(Failed, match="not allowed to publish"):
        do(["publish", "a.b.c", "1"])


@pytest.mark.parametrize(
    "topic, told",
    [
        pytest.param("a" * 257, "exceeds maximum allowed length of 256 bytes", id="long abi:114"),
        pytest.param("a..b", "empty segments", id="dots abi:114"),
        pytest.param("", "empty segments", id="empty abi:114"),
        pytest.param("a.b.c.d.e.f.g.h.i", "segments", id="deep abi:114"),
    ],
)
def test_topics_are_bounded(refused, topic, told):
    assert told in refused("publish", topic, "1", publish=["*"])


@pytest.mark.parametrize("payload", ["not json", ""])
def test_a_payload_is_json(refused, payload):  # abi:115
    assert "not valid JSON" in refused("publish", "a.b", payload, publish=["a.b"])


def test_a_payload_that_is_too_large_is_refused_before_the_grant_is_looked_at(refused):  # abi:116
    assert "Payload too large" in refused("publish", "a.b", 5242881)


def test_ten_mib_a_second_may_be_published(one):  # abi:117
    _, do = one()
    large = ["publish", "a.b", 5242880]
    with pytest.raises(Failed, match="Rate limit exceeded"):
        do(large, large, large)
    # What the guest waits itself is enough for the next one.
    do(["rest", 1100], large)


@pytest.mark.parametrize(
    "sent, received",
    [
        pytest.param({"foo": 1}, {"type": "custom", "data": {"foo": 1}}, id="abi:118"),
        pytest.param(
            {"type": "user_input", "text": "t", "x": 1},
            {"type": "user_input", "text": "t", "session_id": "default"},
            id="abi:119",
        ),
        pytest.param({"type": "user_input"}, {"type": "custom", "data": {"type": "user_input"}}, id="no text abi:120"),
        pytest.param({"type": "custom", "data": 5}, {"type": "custom", "data": 5}, id="custom abi:120"),
        pytest.param("s", {"type": "custom", "data": "s"}, id="string abi:120"),
    ],
)
def test_payloads_travel_with_their_type(one, sent, received):
    _, do = one()
    _, drained = do(["subscribe", "a.b"], ["publish", "a.b", json.dumps(sent)], ["poll", "1"])
    (message,) = json.loads(drained)["messages"]
    assert message["payload"] == received


def test_a_message_says_where_it_comes_from(one):  # abi:121
    s, do = one()
    s.subscribe("all", "a.b")
    forged = '{"source_id":"11111111-1111-1111-1111-111111111111","signature":"x"}'
    _, drained = do(["subscribe", "a.b"], ["publish", "a.b", forged], ["poll", "1"])
    (message,) = json.loads(drained)["messages"]
    (seen,) = s.take("all", 1)
    assert sorted(message) == ["payload", "signature", "source_id", "timestamp", "topic"]
    assert (message["topic"], message["signature"], message["timestamp"][-1]) == ("a.b", None, "Z")
    assert (seen["capsule"], seen["source_id"]) == ("one", message["source_id"])
    assert message["source_id"] not in (NIL, "11111111-1111-1111-1111-111111111111")


# ---- Subscriptions ----


@pytest.mark.parametrize(
    "granted, pattern, told",
    [
        pytest.param([], "foo.bar", "no ipc_subscribe declarations", id="none abi:122"),
        pytest.param(["foo.bar"], "foo.*", "not allowed to subscribe", id="wider abi:122"),
        pytest.param(["*"], "a.*.b", "only supported as the last segment", id="abi:123"),
    ],
)
def test_subscriptions_that_are_refused(refused, granted, pattern, told):
    assert told in refused("subscribe", pattern, subscribe=granted)


def test_a_subscription_that_is_granted_has_a_handle(one):  # abi:122
    _, do = one(grants=grants(subscribe=["foo.*"]))
    assert do(["subscribe", "foo.*"]) == ["1"]


def test_a_last_wildcard_is_one_segment_or_more(one):  # abi:124
    _, do = one()
    sent = [["publish", topic, json.dumps(topic)] for topic in ("foo", "foo.a", "foo.a.b")]
    drained = json.loads(do(["subscribe", "foo.*"], *sent, ["poll", "1"])[1])
    assert payloads(drained["messages"]) == ["foo.a", "foo.a.b"]


def test_the_129th_subscription_is_one_too_many(one):  # abi:125 rt:175
    _, do = one()
    assert do(["times", 128, [["subscribe", "a.b"]]]) == [str(handle) for handle in range(1, 129)]
    with pytest.raises(Failed, match="Subscription limit reached"):
        do(["subscribe", "a.b"])
    assert do(["unsubscribe", "5"], ["subscribe", "a.b"]) == ["129"]


def test_there_is_nothing_to_read_before_something_comes(one):  # abi:126 rt:237 rt:242
    _, do = one()
    assert json.loads(do(["subscribe", "a.b"], ["poll", "1"])[1]) == EMPTY


@pytest.mark.parametrize("handle", ["abc", " 1", "1" * 33, "99"])
def test_handles_that_are_none(refused, handle):  # abi:126
    told = refused("poll", handle, before=[["subscribe", "a.b"]], subscribe=["a.b"])
    assert "ubscription handle" in told


def test_messages_are_read_once_and_in_order(one):  # abi:127 rt:237
    _, do = one()
    sent = [["publish", "a.b", str(number)] for number in range(5)]
    read = do(["subscribe", "a.b"], *sent, ["poll", "1"], ["poll", "1"])[1:]
    assert payloads(json.loads(read[0])["messages"]) == [0, 1, 2, 3, 4]
    assert json.loads(read[1]) == EMPTY


def test_what_was_published_before_a_subscription_is_not_for_it(one):  # rt:239
    _, do = one()
    read = do(["publish", "a.b", "1"], ["subscribe", "a.b"], ["publish", "a.b", "2"], ["poll", "1"])
    assert payloads(json.loads(read[1])["messages"]) == [2]


def test_messages_that_did_not_fit_are_told_once(one):  # abi:130
    _, do = one()
    do(["subscribe", "a.b"], ["times", 1500, [["publish", "a.b", "1"]]])
    first, second = (json.loads(text) for text in do(["poll", "1"], ["poll", "1"]))
    assert (first["lagged"], len(first["messages"]), first["dropped"]) == (476, 1024, 0)
    assert second == EMPTY


def test_one_answer_holds_ten_mib_and_the_next_one_the_rest(session, load):  # abi:131
    s = session()
    load(s, "one")
    load(s, "two")
    s.steps("one", ["subscribe", "a.b"])
    four = ["publish", "a.b", 4000000]
    s.steps("one", four, four)
    s.steps("two", four, four)
    # The answers are taken in the guest alone, where 40 MB of them have room one by one.
    counts = [json.loads(s.steps("one", ["poll", "1"])[0]) for _ in range(3)]
    assert [(len(read["messages"]), read["dropped"], read["lagged"]) for read in counts] == [(2, 0, 0), (2, 0, 0), (0, 0, 0)]


# ---- Waiting for a message ----


def test_what_is_there_is_received_at_once(one):  # abi:128
    _, do = one()
    read = do(["subscribe", "a.b"], ["publish", "a.b", "1"], ["recv", "1", "0"], ["recv", "1", "0"])
    assert payloads(json.loads(read[1])["messages"]) == [1]
    assert json.loads(read[2]) == EMPTY


def test_a_time_that_is_none_is_refused(refused):  # abi:128
    told = refused("recv", "1", "x", before=[["subscribe", "a.b"]], subscribe=["a.b"])
    assert "Invalid timeout format" in told


def test_a_message_ends_a_wait(session, load):  # abi:129 rt:238
    s = session()
    load(s, "one")
    s.start_steps("waits", "one", ["subscribe", "a.b"], ["recv", "1", "60000"])
    s.do("settle")
    assert s.do("done", "waits") == "no"
    s.post("a.b", 1)
    s.post("a.b", 2)
    assert payloads(json.loads(json.loads(s.do("wait", "waits"))[1])["messages"]) == [1, 2]


def test_a_wait_can_be_cancelled(session, load):  # rt:240
    s = session()
    load(s, "one")
    s.start_steps("waits", "one", ["subscribe", "a.b"], ["recv", "1", "60000"])
    s.do("settle")
    s.do("cancel", "waits")
    with pytest.raises(Failed, match="cancel"):
        s.do("wait", "waits")
    assert s.steps("one", ["given"])


# ---- Interceptors ----


def test_an_interceptor_is_called_for_its_topic(session, load):  # rt:216 rt:226
    s = session()
    load(s, "one", ("test.topic", "on"), on=HEARD)
    s.subscribe("heard", "heard.it")
    assert s.publish("other.topic", {"k": 0})["matched"] == 0
    assert s.publish("test.topic", {"k": 1}) == {"matched": 1, "delivered": 1, "failed": 0, "vetoed": 0, "dropped": 0}
    assert payloads(s.take("heard", 1)) == [{"k": 1}]


def test_capsules_do_not_wait_for_each_other(session, load):  # rt:217
    s = session()
    load(s, "one", ("a.b", "on"), on=[["subscribe", "go.on"], ["recv", "1", "60000"]])
    load(s, "two", ("c.d", "on"), on=HEARD)
    s.subscribe("heard", "heard.it")
    s.do("publish-as", "slow", "a.b", "1")
    assert s.publish("c.d", 2)["delivered"] == 1
    assert payloads(s.take("heard", 1)) == [2]
    assert s.do("done", "slow") == "no"
    s.post("go.on", 1)
    assert json.loads(s.do("wait", "slow"))["delivered"] == 1


def test_both_actions_of_a_capsule_are_called(session, load):  # rt:220 rt:226
    s = session()
    say = lambda word: [["publish", "heard.it", json.dumps(word)]]
    load(s, "one", ("a.b", "first"), ("a.*", "second"), first=say("first"), second=say("second"))
    s.subscribe("heard", "heard.it")
    assert s.publish("a.b", 1)["matched"] == 2
    assert payloads(s.take("heard", 2)) == ["first", "second"]
    assert s.publish("a.c", 1)["matched"] == 1


def test_a_pattern_of_an_interceptor_has_as_many_segments_as_its_topics(session, load):  # mv:224
    s = session()
    load(s, "one", ("tool.*.done", "on"))
    matched = [s.publish(topic, 1)["matched"] for topic in ("tool.x.done", "tool.done", "tool.x.y.done")]
    assert matched == [1, 0, 0]


def test_what_an_interceptor_gets(session, load):  # rt:221
    s = session()
    load(s, "one", ("a.b", "on"), on=[["set", "got", "$"]])
    s.do("publish", "a.b", '{"k": 1}')
    assert s.steps("one", ["get", "got"]) == ['{"k":1}']
    s.publish("a.b", {"type": "user_input", "text": "t"})
    assert '"type":"user_input"' in s.steps("one", ["get", "got"])[0]


def test_an_interceptor_that_fails_is_logged_and_the_next_one_called(session, load):  # rt:224
    s = session()
    load(s, "one", ("a.b", "on"), ("a.c", "traps"), on=[["fail", "no luck"]], traps=[["trap"]])
    s.subscribe("heard", "heard.it")
    assert [s.publish("a.b", 1)["failed"], s.publish("a.b", 1)["failed"], s.publish("a.c", 1)["failed"]] == [1, 1, 1]
    warned = [text for text in s.logged() if "interceptor" in text]
    assert len(warned) == 3 and "no luck" in warned[0] and "unreachable" in warned[2]


def test_one_that_takes_no_calls_is_no_failure_to_warn_of(session, make_capsule):  # rt:224
    """A capsule without a module: nobody can mend that its interceptor does not answer."""
    s = session()
    text = '[package]\nname = "papers"\nversion = "1.0.0"\n[[interceptor]]\nevent = "a.b"\naction = "on"\n'
    s.do("load", make_capsule(text, name="papers"))
    assert [s.publish("a.b", 1)["failed"], s.publish("a.b", 1)["failed"]] == [1, 1]
    assert [text for text in s.logged() if "interceptor" in text] == []


def test_four_calls_of_a_capsule_are_in_progress_and_the_rest_follows(session, load):  # rt:222
    """One instance serves one call at a time; four are begun, the others wait in the inbox, and all come in order."""
    s = session()
    load(s, "one", ("a.b", "on"), on=[["rest", 1], ["publish", "heard.it", "$"]])
    s.subscribe("heard", "heard.it")
    for number in range(10):
        s.post("a.b", number)
    s.do("settle")
    (books,) = s.stats()["capsules"]
    assert (books["matched"], books["queue"]["messages"], books["pending"]) == (10, 6, 10)
    assert payloads(s.take("heard", 10)) == list(range(10))
    s.do("settle")
    assert s.stats()["capsules"][0]["delivered"] == 10


def test_who_asks_is_told_to_an_interceptor(session, load):
    s = session()
    load(s, "asks")
    load(s, "asked", ("a.b", "on"), on=[["caller"], ["publish", "heard.it", "$"]])
    s.subscribe("heard", "heard.it")
    s.steps("asks", ["publish", "a.b", "1"])
    (by_capsule,) = payloads(s.take("heard", 1))
    s.publish("a.b", 1)
    (by_embedder,) = payloads(s.take("heard", 1))
    assert by_capsule["session_id"] != NIL and by_embedder["session_id"] is None
    assert by_capsule["call_id"] != by_embedder["call_id"]
    assert (by_capsule["user_id"], by_embedder["user_id"]) == ("default", "default")
