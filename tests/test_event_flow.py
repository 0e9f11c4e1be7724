# SPDX-License-Identifier: MIT OR Apache-2.0
"""Events when there are too many of them, when nobody takes them, and when those who should go away. End to end."""

import json
import time

import pytest

from events import Failed, load, make, session

__all__ = ["load", "make", "session"]  # fixtures

READY = ["ready"]
SMALL = "[events]\ninbox_messages = %d\n"
WAIT = ["recv", "1", "60000"]


def payloads(events):
    """What messages carry."""
    return [event["payload"].get("data", event["payload"]) for event in events]


def outcomes(session, receiver):
    """What came of the events for one capsule since the last time, in order."""
    told = session.ask("notices")
    return [one["outcome"] for one in told if one["kind"] == "outcome" and one["receiver"] == receiver]


def books_of(session, capsule):
    (books,) = [one for one in session.stats()["capsules"] if one["capsule"] == capsule]
    return books


# ---- Full inboxes ----


def test_a_publisher_waits_for_room(session, load):
    s = session()
    s.subscribe("heard", "heard.it")
    load(
        s,
        "slow",
        ("a.b", "on", {"on_full": "block"}),
        more=SMALL % 2,
        on=[["rest", 1], ["publish", "heard.it", "$"]],
    )
    load(s, "fast")
    s.steps("fast", *(["publish", "a.b", str(number)] for number in range(40)))
    assert payloads(s.take("heard", 40)) == list(range(40))
    assert books_of(s, "slow")["queue"]["most_messages"] <= 2
    assert s.stats()["dropped"]["overflow"] == 0


def test_a_publication_fails(session, load):
    s = session()
    load(s, "slow", ("a.b", "on", {"on_full": "fail"}), more=SMALL % 2, on=[["rest", 1]])
    load(s, "fast")
    with pytest.raises(Failed, match="inbox of capsule 'slow' is full"):
        s.steps("fast", ["times", 40, [["publish", "a.b", "1"]]])
    with pytest.raises(Failed, match="is full"):
        for number in range(40):
            s.do("publish-as", "p%d" % number, "a.b", "1")
    s.do("settle")
    assert s.publish("a.b", 1)["delivered"] == 1


def test_an_event_that_never_fits(session, load):
    s = session()
    s.ask("watch")
    load(s, "one", ("a.b", "on"), more="[events]\ninbox_bytes = 65536\n")
    assert s.publish("a.b", "x" * 70000) == {"matched": 1, "delivered": 0, "failed": 0, "vetoed": 0, "dropped": 1}
    assert outcomes(s, "one") == ["too large"]
    assert s.publish("a.b", "x" * 60000)["delivered"] == 1


def test_who_would_wait_for_itself_is_told(session, load):
    """An interceptor that fills its own inbox, whose publishers wait."""
    s = session()
    load(
        s,
        "one",
        ("a.b", "on", {"on_full": "block"}),
        more=SMALL % 2,
        on=[["times", 10, [["publish", "a.b", "1"]]]],
    )
    assert s.publish("a.b", 1)["failed"] == 1
    assert any("wait for itself" in text and "one -> one" in text for text in s.logged())


def test_the_one_who_is_waited_for_goes_away(session, load):
    s = session()
    load(s, "slow", ("a.b", "on", {"on_full": "block"}), more=SMALL % 2, on=[["rest", 600000]])
    load(s, "fast")
    s.start_steps("publishes", "fast", ["times", 20, [["publish", "a.b", "1"]]], ["given"])
    s.do("settle")
    assert s.do("done", "publishes") == "no"
    s.do("unload", "slow")
    assert json.loads(s.do("wait", "publishes")) == [""]
    assert s.stats()["pending"] == 0


@pytest.mark.parametrize("way", ["cancel", "unload", "free"])
def test_the_one_who_waits_goes_away(session, load, way):
    s = session()
    load(s, "slow", ("a.b", "on", {"on_full": "block"}), more=SMALL % 2, on=[["rest", 5]])
    load(s, "fast")
    s.start_steps("publishes", "fast", ["times", 20, [["publish", "a.b", "1"]]])
    s.do("settle")
    assert s.do("done", "publishes") == "no"
    if way == "unload":
        s.do("unload", "fast")
    else:
        s.do(way, "publishes")
    if way != "free":
        with pytest.raises(Failed, match="cancel"):
            s.do("wait", "publishes")
    # Whatever was accepted is delivered; what waited beyond the budget for its publisher's sake is not.
    s.subscribe("after", "after.all")
    load(s, "last", ("a.b", "on"), on=[["publish", "after.all", "$"]])
    s.post("a.b", "last")
    assert payloads(s.take("after", 1)) == ["last"]
    s.do("unload", "slow")
    assert s.stats()["pending"] == 0


def test_a_loop_that_waits_for_room_is_unloaded(session, load):
    s = session("unload_grace_ms=5000")
    load(s, "slow", ("a.b", "on", {"on_full": "block"}), more=SMALL % 2, on=[["rest", 600000]])
    load(s, "loop", run=[READY, ["times", -1, [["publish", "a.b", "1"]]]])
    s.do("settle")
    waiting = books_of(s, "loop")["published"]
    begun = time.monotonic()
    s.do("unload", "loop")
    assert time.monotonic() - begun < 3
    assert 2 <= waiting <= 8
    assert books_of(s, "slow")["queue"]["messages"] <= 2


def test_the_one_who_is_waited_for_crashes(session, load):
    """A loop whose inbox is full ends by a trap: what waits there is gone, and the publisher goes on."""
    s = session()
    load(s, "door", ("c.d", "on", {"on_full": "block"}), more=SMALL % 1, on=[["rest", 600000]])
    knock = ["times", 10, [["publish", "c.d", "1"]]]
    load(s, "full", ("a.b", "on", {"on_full": "block"}), more=SMALL % 4, run=[READY, knock, ["trap"]])
    load(s, "fast")
    s.start_steps("publishes", "fast", ["times", 10, [["publish", "a.b", "1"]]], ["given"])
    s.do("settle")
    assert (s.do("done", "publishes"), s.do("health", "full")) == ("no", "ready")
    s.do("unload", "door")
    assert json.loads(s.do("wait", "publishes")) == [""]
    s.do("settle")
    assert s.do("health", "full") == "failed"
    assert s.stats()["pending"] == 0


def test_calls_that_have_begun_may_end_when_their_capsule_is_unloaded(session, load):
    s = session("unload_grace_ms=20000")
    s.ask("watch")
    load(s, "one", ("a.b", "on"), on=[["rest", 10], ["set", "done", "$"]])
    for number in range(8):
        s.post("a.b", number)
    s.do("settle")
    s.do("unload", "one")
    assert sorted(outcomes(s, "one")) == ["delivered"] * 4 + ["gone"] * 4


def test_the_largest_payload(session, load):
    s = session()
    load(s, "one", ("a.b", "on"), on=[["set", "got", "$"]])
    size = 5 * 1024 * 1024
    assert s.publish("a.b", "x" * (size - 2))["delivered"] == 1
    assert len(s.steps("one", ["get", "got"])[0]) == size


# ---- Loops of publications ----


def test_a_circle_of_interceptors_ends(session, load):
    s = session()
    load(s, "a", ("to.a", "on"), on=[["publish", "to.b", "1"]])
    load(s, "b", ("to.b", "on"), on=[["publish", "to.a", "1"]])
    s.post("to.a", 1)
    s.do("settle")
    books = s.stats()
    assert books["pending"] == 0 and books["failed"] == 1
    assert 4000 < books["matched"] <= 4097
    assert any("led to one another" in text for text in s.logged())
    assert s.steps("a", ["given"]) == s.steps("b", ["given"]) == [""]


def test_a_circle_of_loops_ends(session, load):
    """The loop that would go on with it ends as by any failure of a host function; the other one lives."""
    s = session()
    s.subscribe("lives", "astrid.v1.lifecycle.*", "lifecycle")
    for name, other in [("a", "b"), ("b", "a")]:
        load(s, name, ("to." + name, "on"), run=[READY, ["times", -1, [WAIT, ["publish", "to." + other, "1"]]]])
    s.post("to.a", 1)
    assert [event["type"] for event in s.take("lives", 3)] == ["capsule_loaded", "capsule_loaded", "capsule_failed"]
    assert sorted([s.do("health", "a"), s.do("health", "b")]) == ["failed", "ready"]
    assert any("led to one another" in text for text in s.logged())


def test_a_loop_that_waits_begins_anew(session, load):
    """What a loop publishes after a wait in which nothing came is put down to nobody: a clock may tick for ever."""
    s = session()
    s.subscribe("heard", "tick")
    tick = [["recv", "1", "0"], ["recv", "1", "1"], ["publish", "tick", "1"]]
    load(s, "clock", ("never.comes", "on"), run=[READY, ["times", -1, tick]])
    assert len(s.take("heard", 50)) >= 50
    assert s.do("health", "clock") == "ready"


# ---- Those who do not end, those who do not stop ----


@pytest.mark.parametrize("step, options", [(["spin"], ["call_cpu_ms=50"]), (["rest", 600000], ["call_wall_ms=50"])])
def test_an_interceptor_that_never_returns_is_ended(session, load, step, options):
    s = session(*options)
    s.subscribe("heard", "heard.it")
    load(s, "stuck", ("a.b", "on"), on=[step])
    load(s, "other", ("a.b", "on"), on=[["publish", "heard.it", "$"]])
    assert s.publish("a.b", 1) == {"matched": 2, "delivered": 1, "failed": 1, "vetoed": 0, "dropped": 0}
    assert any("timeout" in text for text in s.logged())
    assert s.steps("stuck", ["given"]) == [""]


def test_a_flooder_does_not_keep_others_from_their_turn(session, load):
    s = session()
    s.subscribe("heard", "heard.it")
    load(s, "victim", ("a.b", "on"), ("c.d", "mine"), more=SMALL % 16, mine=[["publish", "heard.it", "$"]])
    load(s, "other", ("c.d", "on"), on=[["publish", "heard.it", "$"]])
    load(s, "flooder", run=[READY, ["times", -1, [["publish", "a.b", "1"]]]])
    for number in range(10):
        s.post("c.d", number)
        s.steps("other", ["given"])
    mine = s.take("heard", 10)
    assert {event["capsule"] for event in mine} >= {"other"}
    s.do("unload", "flooder")
    s.do("settle")
    books = s.stats()
    assert books["pending"] == 0
    lost = [text for text in s.logged() if "were lost" in text]
    assert lost or books["dropped"]["overflow"] == 0


# ---- Coming and going ----


def test_a_full_inbox_is_unloaded(session, load):
    s = session()
    s.ask("watch")
    load(s, "one", ("a.b", "on"), on=[["rest", 600000]])
    for number in range(1024):
        s.post("a.b", number)
    s.do("settle")
    assert books_of(s, "one")["pending"] == 1024
    s.do("unload", "one")
    s.do("settle")
    ended = outcomes(s, "one")
    assert len(ended) == 1024
    # The calls that had begun were ended, the others never began.
    assert (ended.count("failed"), ended.count("gone")) == (4, 1020)
    assert s.stats()["pending"] == 0


def test_handles_are_of_one_capsule_and_one_load(session, load, make):
    s = session()
    load(s, "one")
    folder = make("two")
    s.do("load", folder)
    assert s.steps("one", ["subscribe", "a.b"], ["subscribe", "a.b"]) == ["1", "2"]
    assert s.steps("two", ["subscribe", "c.d"]) == ["1"]
    with pytest.raises(Failed, match="not found"):
        s.steps("two", ["poll", "2"])
    s.do("unload", "two")
    s.do("load", folder)
    with pytest.raises(Failed, match="not found"):
        s.steps("two", ["poll", "1"])
    s.post("a.b", 1)
    assert payloads(json.loads(s.steps("one", ["poll", "2"])[0])["messages"]) == [1]


def test_a_capsule_is_loaded_again_while_events_come(session, make):
    s = session()
    s.ask("watch")
    folder = make("one", ("a.b", "on"), on=[["rest", 1]])
    s.do("load", folder)
    sent = 0
    for _ in range(10):
        for _ in range(20):
            s.post("a.b", sent)
            sent += 1
        s.do("unload-as", "going", "one")
        s.post("a.b", "nobody")
        s.do("wait", "going")
        s.do("load", folder)
    s.do("settle")
    ended = outcomes(s, "one")
    # What was published while it went away had no receiver; all others have their outcome.
    assert len(ended) == sent and set(ended) <= {"delivered", "failed", "gone"}
    assert s.publish("a.b", 1)["delivered"] == 1


def test_a_capsule_that_is_loading_or_has_failed_gets_nothing(session, load, make):  # rt:219
    s = session()
    s.do("load-as", "coming", make("coming", ("a.b", "on"), on=[["publish", "heard.it", "$"]]))
    load(s, "broken", ("a.b", "on"), run=[])
    s.subscribe("heard", "heard.it")
    assert s.do("health", "broken") in ("failed", "ready")
    s.do("settle")
    assert s.do("health", "broken") == "failed"
    assert s.do("wait", "coming") == "coming"
    assert s.publish("a.b", 1)["matched"] == 1


def test_nobody_is_called_before_its_load_is_complete(session, make):  # rt:219
    s = session()
    s.ask("watch")
    s.do("load-as", "coming", make("coming", ("a.b", "on"), on=[["trap"]]))
    assert s.publish("a.b", 1)["matched"] == 0 or s.do("done", "coming") == "yes"
    s.do("wait", "coming")
    assert s.publish("a.b", 1)["failed"] == 1


# ---- Files ----


def test_what_an_interceptor_writes_is_committed_before_its_outcome_is_told(session, load, tmp_path):
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    s = session("overlay=auto", "workspace=%s" % workspace)
    load(s, "one", ("a.b", "on"), ("a.c", "fails"), on=[["write", "kept", "$"]], fails=[["write", "lost", "$"], ["trap"]])
    assert s.publish("a.b", 7)["delivered"] == 1
    assert (workspace / "kept").read_text() == "7"
    assert s.publish("a.c", 7)["failed"] == 1
    assert not (workspace / "lost").exists()


@pytest.mark.parametrize("way", ["unload", "cancel", "end"])
def test_the_capsule_goes_while_its_files_are_committed(session, load, tmp_path, way):
    """The interceptor has returned, its outcome waits for the commit."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    s = session("overlay=auto", "workspace=%s" % workspace)
    s.ask("watch")
    load(s, "one", ("a.b", "on"), on=[["write", "f%d" % number, 60000] for number in range(40)])
    s.do("publish-as", "event", "a.b", "1")
    s.do("settle")
    assert s.do("done", "event") == "no"
    if way == "end":
        return
    if way == "cancel":
        s.do("cancel", "event")
    s.do("unload", "one")
    s.do("settle")
    assert outcomes(s, "one") == ["delivered"]
    assert s.stats()["pending"] == 0


@pytest.mark.parametrize("mode", [{}, {"mode": "guard"}])
def test_the_capsule_goes_while_the_files_of_a_watched_call_are_committed(session, load, tmp_path, mode):
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    s = session("overlay=auto", "workspace=%s" % workspace)
    load(s, "one")
    load(s, "audit", ("tool.v1.result.*.*", "on", mode), on=[["set", "seen", "$"]])
    s.start_steps("call", "one", *(["write", "f%d" % number, 60000] for number in range(40)), ["given"])
    s.do("settle")
    assert s.do("done", "call") == "no"
    s.do("unload", "one")
    assert json.loads(s.do("wait", "call")) == [""]
    s.do("settle")
    assert json.loads(s.steps("audit", ["get", "seen"])[0])["capsule"] == "one"


# ---- Many ----


def test_two_hundred_capsules(session, load):
    s = session()
    count = 200
    s.subscribe("heard", "heard.it")
    for number in range(count):
        load(s, "c%d" % number, ("a.b", "on"), on=[["publish", "heard.it", str(number)]])
    assert s.publish("a.b", 1)["delivered"] == count
    assert sorted(payloads(s.take("heard", count))) == list(range(count))
    load(s, "asks")
    answers = json.loads(s.steps("asks", ["hook", '{"hook":"a.b","payload":1}'])[0])
    assert answers == []
    for number in range(0, count, 2):
        s.do("unload", "c%d" % number)
    assert s.publish("a.b", 1)["delivered"] == count // 2
    assert s.stats()["pending"] == 0


def test_the_runtime_ends_with_everything_under_way(session, load):
    """The program frees its runtime when its input ends: calls, publications, loops, guards, hooks, waits are under way."""
    s = session()
    s.ask("watch")
    s.subscribe("all", "*.*", "lifecycle")
    load(s, "loop", ("a.b", "on"), run=[READY, WAIT, ["rest", 600000]])
    load(s, "slow", ("a.b", "on", {"on_full": "block"}), ("h.x", "on"), more=SMALL % 2, on=[["rest", 600000]])
    load(s, "guard", ("g.h", "on", {"mode": "guard"}), on=[["rest", 600000]])
    for name in ("asks", "publishes", "receives"):
        load(s, name)
    s.start_steps("asks", "asks", ["hook", '{"hook":"h.x","payload":1}'])
    s.start_steps("publishes", "publishes", ["times", 20, [["publish", "a.b", "1"]]])
    s.start_steps("receives", "receives", ["subscribe", "x.y"], WAIT)
    for number in range(5):
        s.do("publish-as", "p%d" % number, "g.h", "1")
        s.do("publish-as", "q%d" % number, "a.b", "1")
        s.post("g.h", 2)
    s.do("settle")
    assert s.stats()["pending"] > 20
