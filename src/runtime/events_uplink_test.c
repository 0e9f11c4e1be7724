/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The queue between uplinks and the bus: handed in as a guest does, within one slice, so that nothing is published in
 * between. */
#include "runtime/events_fixture.h"
#include "runtime/internal.h"

#include <stdio.h>
#include <string.h>

#define UPLINK "[[uplink]]\nname = \"chat\"\nplatform = \"telegram\"\nprofile = \"chat\"\n"
#define TOPIC "uplink.v1.inbound.telegram"

static const struct uplink_descriptor *uplink_of(const struct fixture *fixture)
{
	const struct uplink_descriptor *uplink = registry_uplink_by_platform(
		&fixture->runtime->registry, span_text("telegram"));

	assert_non_null(uplink);
	return uplink;
}

static bool send(struct fixture *fixture, struct capsule *capsule, const char *content)
{
	bool taken = false;

	assert_int_equal(events_uplink_send(&capsule->services, &uplink_of(fixture)->id, span_text("ada"),
				 span_text(content), &taken, NULL),
		CAPSULE_OK);
	return taken;
}

/* How many messages came, and whether they are those sent, one after the other. */
static void arrived_in_order(void *user, const struct capsule_event *event, uint64_t lost)
{
	struct heard *heard = user;
	char content[32];

	(void)snprintf(content, sizeof content, "\"content\":\"%d\"", heard->count);
	events_note(heard, event, lost);
	assert_non_null(strstr(heard->payload, content));
	assert_non_null(strstr(heard->payload, "\"capsule_id\":\"bridge\""));
	assert_string_equal(event->capsule, "bridge");
	heard->topics[0] = '\0';
}

static void a_full_queue_takes_no_more_until_it_is_emptied(void **state) /* abi:135 */
{
	struct fixture *fixture = *state;
	struct capsule *capsule = events_load(fixture, "bridge", UPLINK);
	struct heard heard;
	char content[16];

	events_subscribe_with(fixture, TOPIC, NULL, arrived_in_order, &heard);
	for (int i = 0; i < LIMIT_UPLINK_QUEUE; i++) {
		(void)snprintf(content, sizeof content, "%d", i);
		assert_true(send(fixture, capsule, content));
	}
	assert_false(send(fixture, capsule, "one too many"));
	assert_false(send(fixture, capsule, "two too many"));
	fixture_settle(fixture);
	assert_int_equal(heard.count, LIMIT_UPLINK_QUEUE);
	(void)snprintf(content, sizeof content, "%d", LIMIT_UPLINK_QUEUE);
	assert_true(send(fixture, capsule, content));
	fixture_settle(fixture);
	assert_int_equal(heard.count, LIMIT_UPLINK_QUEUE + 1);
	assert_int_equal(heard.lost, 0);
}

static void an_uplink_of_another_capsule_is_not_ones_own(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *other;
	struct capsule_error err = { 0 };
	bool taken = true;

	(void)events_load(fixture, "bridge", UPLINK);
	other = events_load(fixture, "other", "");
	assert_int_equal(events_uplink_send(&other->services, &uplink_of(fixture)->id, span_text("ada"), span_text("x"),
				 &taken, &err),
		CAPSULE_ENOTFOUND);
	assert_false(taken);
	assert_non_null(strstr(err.text, "not registered"));
}

static void what_still_waits_goes_with_its_capsule(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule = events_load(fixture, "bridge", UPLINK);

	assert_true(send(fixture, capsule, "0"));
	assert_true(send(fixture, capsule, "1"));
	fixture_restart(fixture, (struct capsule_runtime_options){ .memory_store = true });
	(void)fixture_load(fixture, fixture_path(fixture, "bridge"));
	assert_int_equal(uplink_of(fixture)->profile, UPLINK_CHAT);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_full_queue_takes_no_more_until_it_is_emptied),
		TEST(an_uplink_of_another_capsule_is_not_ones_own),
		TEST(what_still_waits_goes_with_its_capsule),
	};

	return cmocka_run_group_tests_name("runtime_events_uplink", tests, NULL, NULL);
}
