/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which topics the entries of ipc_publish and ipc_subscribe open, and what is refused before they are looked at. */
#include "gate/gate_fixture.h"

/* rt:167 */
static void without_entries_nothing_may_be_subscribed(void **state)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("ipc_subscribe = []");

	(void)state;
	ASSERT_DENIED(&fixture, GATE_SUBSCRIBE, "a.b", GATE_NOT_DECLARED);
	ASSERT_SAYS(&fixture, "no ipc_subscribe declarations");
	ASSERT_DENIED(&fixture, GATE_SUBSCRIBE, "*", GATE_NOT_DECLARED);
	ASSERT_SAYS(&fixture, "no ipc_subscribe declarations");
}

/* rt:168 */
static void a_pattern_that_is_declared_may_be_subscribed(void **state)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("ipc_subscribe = [\"agent.v1.response\"]");

	(void)state;
	ASSERT_ALLOWED(&fixture, GATE_SUBSCRIBE, "agent.v1.response");
	ASSERT_DENIED(&fixture, GATE_SUBSCRIBE, "agent.v1", GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_SUBSCRIBE, "agent.v1.response.x", GATE_NOT_DECLARED);
}

/* rt:169 */
static void a_last_wildcard_means_any_depth_as_delivery_does(void **state)
{
	HOLD(fixture_fini) struct gate_fixture open = fixture_of("ipc_subscribe = [\"registry.v1.*\"]");
	HOLD(fixture_fini) struct gate_fixture closed = fixture_of("ipc_subscribe = [\"registry.v1.providers\"]");

	(void)state;
	ASSERT_ALLOWED(&open, GATE_SUBSCRIBE, "registry.v1.providers");
	ASSERT_ALLOWED(&open, GATE_SUBSCRIBE, "registry.v1.selection.callback");
	ASSERT_DENIED(&open, GATE_SUBSCRIBE, "registry.v1", GATE_NOT_DECLARED);
	ASSERT_DENIED(&closed, GATE_SUBSCRIBE, "registry.v1.selection.callback", GATE_NOT_DECLARED);
	ASSERT_SAYS(&closed, "not allowed to subscribe");
	assert_false(closed.decision.none_declared);
}

/* rt:170, W-34: a request is never wider than the entry that allows it. */
static void a_wildcard_is_allowed_by_a_wildcard_alone(void **state)
{
	HOLD(fixture_fini) struct gate_fixture open = fixture_of("ipc_subscribe = [\"foo.*\"]");
	HOLD(fixture_fini)
	struct gate_fixture closed = fixture_of("ipc_subscribe = [\"foo.bar\", \"foo.*.baz\", \"*\"]");

	(void)state;
	ASSERT_ALLOWED(&open, GATE_SUBSCRIBE, "foo.*");
	ASSERT_ALLOWED(&open, GATE_SUBSCRIBE, "foo.bar.*");
	ASSERT_DENIED(&closed, GATE_SUBSCRIBE, "foo.*", GATE_NOT_DECLARED);
	ASSERT_SAYS(&closed, "not allowed to subscribe");
	ASSERT_ALLOWED(&closed, GATE_SUBSCRIBE, "*");
	ASSERT_DENIED(&closed, GATE_SUBSCRIBE, "foo.a.*", GATE_NOT_DECLARED);
}

/* rt:171 */
static void any_entry_of_several_may_allow(void **state)
{
	HOLD(fixture_fini)
	struct gate_fixture fixture = fixture_of("ipc_subscribe = [\"agent.v1.*\", \"session.v1.response.*\"]");

	(void)state;
	ASSERT_ALLOWED(&fixture, GATE_SUBSCRIBE, "session.v1.response.abc");
	assert_string_equal(fixture.decision.rule, "session.v1.response.*");
}

/* rt:172 */
static void malformed_entries_never_match(void **state)
{
	HOLD(fixture_fini)
	struct gate_fixture fixture = fixture_of("ipc_publish = [\"foo^^bar\"]\nipc_subscribe = [\"foo^^bar\"]");
	HOLD(fixture_fini) struct gate_fixture open = fixture_of("ipc_subscribe = [\"a^^*\"]");

	(void)state;
	ASSERT_DENIED(&fixture, GATE_SUBSCRIBE, "foo.x.bar", GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_PUBLISH, "foo.x.bar", GATE_NOT_DECLARED);
	ASSERT_DENIED(&open, GATE_SUBSCRIBE, "a.b.c", GATE_NOT_DECLARED);
	ASSERT_DENIED(&fixture, GATE_SUBSCRIBE, "foo..bar", GATE_MALFORMED);
}

/* rt:173 */
static void a_wildcard_stands_last_or_is_refused(void **state)
{
	HOLD(fixture_fini)
	struct gate_fixture fixture = fixture_of("ipc_subscribe = [\"a.*.b\", \"*\", \"a.*\", \"a.x\"]");
	HOLD(fixture_fini) struct gate_fixture none = fixture_of("");

	(void)state;
	ASSERT_DENIED(&fixture, GATE_SUBSCRIBE, "a.*.b", GATE_MALFORMED);
	ASSERT_SAYS(&fixture, "only supported as the last segment");
	ASSERT_DENIED(&none, GATE_SUBSCRIBE, "a.*.b", GATE_MALFORMED); /* before the list is looked at */
	ASSERT_SAYS(&none, "only supported as the last segment");
	ASSERT_DENIED(&none, GATE_SUBSCRIBE, "*.b", GATE_MALFORMED);
	ASSERT_ALLOWED(&fixture, GATE_SUBSCRIBE, "*");
	ASSERT_ALLOWED(&fixture, GATE_SUBSCRIBE, "a.*");
	ASSERT_DENIED(&none, GATE_SUBSCRIBE, "*", GATE_NOT_DECLARED);
	ASSERT_ALLOWED(&fixture, GATE_SUBSCRIBE, "a.x*.y"); /* no wildcard: a part of a segment */
}

/* rt:174 */
static void topics_are_bounded(void **state)
{
	HOLD(fixture_fini)
	struct gate_fixture fixture = fixture_of("ipc_publish = [\"*\", \"1.2.3.4.5.6.7.8\", \"1.2.3.4.5.6.7.8.9\"]\n"
						 "ipc_subscribe = [\"*\", \"1.*\"]");
	char topic[258];

	(void)state;
	ASSERT_DENIED(&fixture, GATE_PUBLISH, "1.2.3.4.5.6.7.8.9", GATE_MALFORMED);
	ASSERT_SAYS(&fixture, "maximum allowed segments");
	ASSERT_ALLOWED(&fixture, GATE_PUBLISH, "1.2.3.4.5.6.7.8");
	ASSERT_DENIED(&fixture, GATE_SUBSCRIBE, "1.2.3.4.5.6.7.8.9", GATE_MALFORMED);
	ASSERT_ALLOWED(&fixture, GATE_SUBSCRIBE, "1.2.3.4.5.6.7.8");
	memset(topic, 'x', sizeof topic);
	topic[257] = '\0';
	ASSERT_DENIED(&fixture, GATE_PUBLISH, topic, GATE_MALFORMED);
	ASSERT_SAYS(&fixture, "maximum allowed length");
	ASSERT_DENIED(&fixture, GATE_SUBSCRIBE, topic, GATE_MALFORMED);
	topic[256] = '\0';
	ASSERT_ALLOWED(&fixture, GATE_PUBLISH, topic);
	ASSERT_ALLOWED(&fixture, GATE_SUBSCRIBE, topic);
}

static void malformed_topics_are_refused(void **state)
{
	HOLD(fixture_fini)
	struct gate_fixture fixture = fixture_of("ipc_publish = [\"*\", \"a.*\"]\nipc_subscribe = [\"*\", \"a.*\"]");
	static const char *const bad[] = { "", ".", "a..b", ".a", "a." };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		ASSERT_DENIED(&fixture, GATE_PUBLISH, bad[i], GATE_MALFORMED);
		ASSERT_SAYS(&fixture, "empty segments");
		ASSERT_DENIED(&fixture, GATE_SUBSCRIBE, bad[i], GATE_MALFORMED);
		ASSERT_SAYS(&fixture, "empty segments");
	}
	ASSERT_DENIED(&fixture, GATE_PUBLISH, "a.\xFF", GATE_MALFORMED);
	ASSERT_DENIED(&fixture, GATE_SUBSCRIBE, "a.\xFF", GATE_MALFORMED);
}

/* rt:176 */
static void without_entries_nothing_may_be_published(void **state)
{
	HOLD(fixture_fini)
	struct gate_fixture fixture = fixture_of("ipc_publish = []\nipc_subscribe = [\"a.b\"]");

	(void)state;
	ASSERT_DENIED(&fixture, GATE_PUBLISH, "a.b", GATE_NOT_DECLARED);
	ASSERT_SAYS(&fixture, "no ipc_publish declarations");
}

static void publishing_takes_a_wildcard_for_one_segment(void **state)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("ipc_publish = [\"a.*\", \"b.*.c\"]");

	(void)state;
	ASSERT_ALLOWED(&fixture, GATE_PUBLISH, "a.b");
	ASSERT_DENIED(&fixture, GATE_PUBLISH, "a.b.c", GATE_NOT_DECLARED);
	ASSERT_SAYS(&fixture, "not allowed to publish");
	ASSERT_DENIED(&fixture, GATE_PUBLISH, "a", GATE_NOT_DECLARED);
	ASSERT_ALLOWED(&fixture, GATE_PUBLISH, "b.x.c");
	ASSERT_DENIED(&fixture, GATE_PUBLISH, "b.x", GATE_NOT_DECLARED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_entries_nothing_may_be_subscribed),
		cmocka_unit_test(a_pattern_that_is_declared_may_be_subscribed),
		cmocka_unit_test(a_last_wildcard_means_any_depth_as_delivery_does),
		cmocka_unit_test(a_wildcard_is_allowed_by_a_wildcard_alone),
		cmocka_unit_test(any_entry_of_several_may_allow),
		cmocka_unit_test(malformed_entries_never_match),
		cmocka_unit_test(a_wildcard_stands_last_or_is_refused),
		cmocka_unit_test(topics_are_bounded),
		cmocka_unit_test(malformed_topics_are_refused),
		cmocka_unit_test(without_entries_nothing_may_be_published),
		cmocka_unit_test(publishing_takes_a_wildcard_for_one_segment),
	};

	return cmocka_run_group_tests_name("gate_topic", tests, NULL, NULL);
}
