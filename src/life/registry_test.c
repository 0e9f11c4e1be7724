/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The registry: capsules by id, by session, by uplink. */
#include "life/registry.h"

#include "base/cleanup.h"
#include "base/limits.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define NOW UINT64_C(1764000000000)

struct fixture {
	struct registry registry;
	struct capsule_error err;
	struct manifest *manifests[8];
	size_t count;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	if (fixture == NULL)
		return -1;
	registry_init(&fixture->registry);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	registry_fini(&fixture->registry);
	for (size_t i = 0; i < fixture->count; i++)
		manifest_free(fixture->manifests[i]);
	free(fixture);
	return 0;
}

/* A manifest with the id `id`; `more` follows [package]. Freed with the fixture. */
static const struct manifest *make_manifest(struct fixture *fixture, const char *id, const char *more)
{
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };
	HOLD(free_drop) char *text = NULL;
	struct manifest **out = &fixture->manifests[fixture->count];

	assert_true(fixture->count < sizeof fixture->manifests / sizeof fixture->manifests[0]);
	assert_true(asprintf(&text, "[package]\nname = \"%s\"\nversion = \"1.0.0\"\n%s", id, more) > 0);
	assert_int_equal(manifest_parse(out, span_text(text), "Capsule.toml", &found, &fixture->err), CAPSULE_OK);
	fixture->count++;
	return *out;
}

/* Registers a capsule under its manifest as value. */
static enum capsule_status add(struct fixture *fixture, const char *id, const char *more)
{
	const struct manifest *manifest = make_manifest(fixture, id, more);

	return registry_add(&fixture->registry, manifest, (void *)(uintptr_t)manifest, NOW, &fixture->err);
}

static enum capsule_status add_uplink(
	struct fixture *fixture, const char *id, const char *name, const char *platform, struct uuid *out)
{
	return registry_add_uplink(
		&fixture->registry, id, span_text(name), span_text(platform), UPLINK_NOTIFY, NOW, out, &fixture->err);
}

static struct uuid make_session(uint8_t number)
{
	struct uuid out = { .bytes = { 1, 2, 3 } };

	out.bytes[15] = number;
	return out;
}

static const char two_uplinks[] = "[[uplink]]\nname = \"one\"\nplatform = \"  TELEGRAM  \"\nprofile = \"chat\"\n"
				  "[[uplink]]\nname = \"two\"\nplatform = \"Mail\"\nprofile = \"bridge\"\n";

static void a_capsule_is_found_until_it_is_taken_out(void **state)
{
	struct fixture *fixture = *state;

	assert_null(registry_find(&fixture->registry, "a"));
	assert_int_equal(add(fixture, "a", ""), CAPSULE_OK);
	assert_ptr_equal(registry_find(&fixture->registry, "a"), fixture->manifests[0]);
	assert_null(registry_find(&fixture->registry, "b"));
	assert_ptr_equal(registry_remove(&fixture->registry, "a", &fixture->err), fixture->manifests[0]);
	assert_null(registry_find(&fixture->registry, "a"));
	assert_int_equal(add(fixture, "a", ""), CAPSULE_OK);
}

/* rt:198 */
static void taking_out_an_unknown_id_is_not_found_and_names_it(void **state)
{
	struct fixture *fixture = *state;

	assert_null(registry_remove(&fixture->registry, "nobody", &fixture->err));
	assert_int_equal(fixture->err.status, CAPSULE_ENOTFOUND);
	assert_non_null(strstr(fixture->err.text, "nobody"));
}

/* rt:201 */
static void the_same_id_twice_is_refused_and_the_first_stays(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(add(fixture, "a", two_uplinks), CAPSULE_OK);
	assert_int_equal(add(fixture, "a", two_uplinks), CAPSULE_ESTATE);
	assert_string_equal(fixture->err.text, "Already registered: a");
	assert_ptr_equal(registry_find(&fixture->registry, "a"), fixture->manifests[0]);
	assert_int_equal(registry_uplinks_of(&fixture->registry, "a"), 2);
	assert_int_equal(fixture->registry.uplinks.count, 2);
}

/* rt:199 */
static void a_session_means_the_id_that_it_was_given_last(void **state)
{
	struct fixture *fixture = *state;
	struct uuid session = make_session(1), unknown = make_session(2);

	assert_int_equal(add(fixture, "a", ""), CAPSULE_OK);
	assert_int_equal(add(fixture, "b", ""), CAPSULE_OK);
	assert_int_equal(registry_add_session(&fixture->registry, &session, "a", &fixture->err), CAPSULE_OK);
	assert_string_equal(registry_find_session(&fixture->registry, &session), "a");
	assert_null(registry_find_session(&fixture->registry, &unknown));
	assert_int_equal(registry_add_session(&fixture->registry, &session, "b", &fixture->err), CAPSULE_OK);
	assert_string_equal(registry_find_session(&fixture->registry, &session), "b");
	assert_int_equal(registry_add_session(&fixture->registry, &session, "c", &fixture->err), CAPSULE_ENOTFOUND);
	assert_string_equal(registry_find_session(&fixture->registry, &session), "b");
	assert_non_null(registry_remove(&fixture->registry, "a", &fixture->err));
	assert_string_equal(registry_find_session(&fixture->registry, &session), "b");
}

/* rt:200 */
static void sessions_go_with_their_capsule_and_with_all(void **state)
{
	struct fixture *fixture = *state;
	struct uuid one = make_session(1), two = make_session(2), three = make_session(3);

	assert_int_equal(add(fixture, "a", ""), CAPSULE_OK);
	assert_int_equal(add(fixture, "b", ""), CAPSULE_OK);
	assert_int_equal(registry_add_session(&fixture->registry, &one, "a", &fixture->err), CAPSULE_OK);
	assert_int_equal(registry_add_session(&fixture->registry, &two, "a", &fixture->err), CAPSULE_OK);
	assert_int_equal(registry_add_session(&fixture->registry, &three, "b", &fixture->err), CAPSULE_OK);
	assert_non_null(registry_remove(&fixture->registry, "a", &fixture->err));
	assert_null(registry_find_session(&fixture->registry, &one));
	assert_null(registry_find_session(&fixture->registry, &two));
	assert_string_equal(registry_find_session(&fixture->registry, &three), "b");
	registry_drain(&fixture->registry, NULL, NULL);
	assert_null(registry_find_session(&fixture->registry, &three));
	assert_int_equal(fixture->registry.sessions.count, 0);
}

/* rt:202 and rt:276; that all are receive-only is in the type, which has no other */
static void declared_uplinks_get_descriptors_which_go_with_the_capsule(void **state)
{
	struct fixture *fixture = *state;
	const struct uplink_descriptor *one, *two;

	assert_int_equal(add(fixture, "a", two_uplinks), CAPSULE_OK);
	assert_int_equal(registry_uplinks_of(&fixture->registry, "a"), 2);
	one = registry_uplink_by_platform(&fixture->registry, span_text("telegram"));
	two = registry_uplink_by_platform(&fixture->registry, span_text("mail"));
	assert_non_null(one);
	assert_non_null(two);
	assert_string_equal(one->name, "one");
	assert_string_equal(one->platform, "telegram");
	assert_string_equal(one->owner, "a");
	assert_int_equal(one->profile, UPLINK_CHAT);
	assert_int_equal(one->registered_ms, NOW);
	assert_string_equal(two->name, "two");
	assert_int_equal(two->profile, UPLINK_BRIDGE);
	assert_memory_not_equal(&one->id, &two->id, sizeof one->id);
	assert_ptr_equal(registry_uplink(&fixture->registry, &one->id), one);
	assert_ptr_equal(registry_uplink(&fixture->registry, &two->id), two);
	assert_null(registry_uplink_by_platform(&fixture->registry, span_text("Mail"))); /* compared as given */
	assert_non_null(registry_remove(&fixture->registry, "a", &fixture->err));
	assert_int_equal(registry_uplinks_of(&fixture->registry, "a"), 0);
	assert_int_equal(fixture->registry.uplinks.count, 0);
	assert_int_equal(fixture->registry.platforms.count, 0);
	assert_null(registry_uplink_by_platform(&fixture->registry, span_text("mail")));
}

/* rt:203 */
static void an_id_that_is_no_source_registers_without_uplinks_only(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(add(fixture, "-x", two_uplinks), CAPSULE_EINVAL);
	assert_non_null(strstr(fixture->err.text, "invalid capsule id `-x`"));
	assert_int_equal(fixture->registry.capsules.count, 0);
	assert_int_equal(fixture->registry.uplinks.count, 0);
	assert_int_equal(add(fixture, "-x", ""), CAPSULE_OK);
	assert_int_equal(add_uplink(fixture, "-x", "n", "p", NULL), CAPSULE_EINVAL);
}

static void a_refused_uplink_leaves_nothing_of_the_capsule(void **state)
{
	struct fixture *fixture = *state;
	HOLD(free_drop) char *twice = NULL;

	assert_true(asprintf(&twice, "%s[[uplink]]\nname = \"two\"\nplatform = \"mail \"\nprofile = \"chat\"\n",
			    two_uplinks) > 0);
	assert_int_equal(add(fixture, "a", twice), CAPSULE_EINVAL);
	assert_non_null(strstr(fixture->err.text, "duplicate uplink"));
	assert_null(registry_find(&fixture->registry, "a"));
	assert_int_equal(fixture->registry.uplinks.count + fixture->registry.platforms.count, 0);
}

/* rt:205 */
static void a_second_uplink_of_one_name_and_platform_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct uuid one, two;

	assert_int_equal(add(fixture, "a", two_uplinks), CAPSULE_OK);
	assert_int_equal(add(fixture, "b", ""), CAPSULE_OK);
	assert_int_equal(add_uplink(fixture, "a", "one", "Telegram", &one), CAPSULE_OK); /* the declared one, once */
	assert_string_equal(registry_uplink(&fixture->registry, &one)->name, "one");
	assert_int_equal(registry_uplinks_of(&fixture->registry, "a"), 2);
	assert_int_equal(add_uplink(fixture, "a", "one", "Telegram", &one), CAPSULE_EINVAL);
	assert_non_null(strstr(fixture->err.text, "duplicate"));
	assert_int_equal(add_uplink(fixture, "a", "one", "Mail", &one), CAPSULE_OK);
	assert_int_equal(add_uplink(fixture, "b", "one", "mail", &two), CAPSULE_OK);
	assert_memory_not_equal(&one, &two, sizeof one);
	assert_string_equal(registry_uplink(&fixture->registry, &two)->owner, "b");
	assert_int_equal(registry_uplinks_of(&fixture->registry, "a"), 3);
	assert_int_equal(add_uplink(fixture, "c", "one", "mail", &two), CAPSULE_ENOTFOUND);
}

/* rt:204: 2 declared ones and 30 at run time */
static void the_33rd_uplink_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct uuid id;
	char name[16];

	assert_int_equal(add(fixture, "a", two_uplinks), CAPSULE_OK);
	for (int i = 0; i < LIMIT_UPLINKS - 2; i++) {
		(void)snprintf(name, sizeof name, "n%d", i);
		assert_int_equal(add_uplink(fixture, "a", name, "p", &id), CAPSULE_OK);
	}
	assert_int_equal(add_uplink(fixture, "a", "last", "p", &id), CAPSULE_ELIMIT);
	assert_non_null(strstr(fixture->err.text, "uplink registration limit reached"));
	assert_int_equal(registry_uplinks_of(&fixture->registry, "a"), 32);
	assert_int_equal(fixture->registry.uplinks.count, 32);
}

static void the_first_uplink_of_a_platform_counts_until_it_goes(void **state)
{
	struct fixture *fixture = *state;
	struct uuid id;

	assert_int_equal(add(fixture, "a", two_uplinks), CAPSULE_OK);
	assert_int_equal(add(fixture, "b", two_uplinks), CAPSULE_OK);
	assert_int_equal(add_uplink(fixture, "a", "three", "mail", &id), CAPSULE_OK);
	assert_string_equal(registry_uplink_by_platform(&fixture->registry, span_text("mail"))->owner, "a");
	assert_non_null(registry_remove(&fixture->registry, "a", &fixture->err));
	assert_string_equal(registry_uplink_by_platform(&fixture->registry, span_text("mail"))->owner, "b");
}

static void hostile_names_are_refused(void **state)
{
	struct fixture *fixture = *state;
	char longest[LIMIT_NAME + 2];
	struct uuid id;

	memset(longest, 'n', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	assert_int_equal(add(fixture, "a", ""), CAPSULE_OK);
	assert_int_equal(add_uplink(fixture, "a", "", "p", &id), CAPSULE_EINVAL);
	assert_int_equal(add_uplink(fixture, "a", "n", " \t", &id), CAPSULE_EINVAL);
	assert_int_equal(add_uplink(fixture, "a", "n", "\xff", &id), CAPSULE_EINVAL);
	assert_int_equal(add_uplink(fixture, "a", "\xff", "p", &id), CAPSULE_EINVAL);
	assert_int_equal(add_uplink(fixture, "a", longest, "p", &id), CAPSULE_EINVAL);
	assert_int_equal(add_uplink(fixture, "a", "n", longest, &id), CAPSULE_EINVAL);
	assert_int_equal(registry_add_uplink(&fixture->registry, "a", span_of("n\0m", 3), span_text("p"), UPLINK_CHAT,
				 NOW, &id, &fixture->err),
		CAPSULE_EINVAL);
	assert_int_equal(registry_uplinks_of(&fixture->registry, "a"), 0);
	assert_int_equal(add_uplink(fixture, "a", longest + 1, "p", &id), CAPSULE_OK);
}

/* rt:208 */
static void one_capability_can_be_asked_for(void **state)
{
	struct fixture *fixture = *state;
	const struct registry *registry = &fixture->registry;
	struct uuid may = make_session(1), may_not = make_session(2), unknown = make_session(3);
	struct span prompts = span_text("allow_prompt_injection");
	char text[UUID_TEXT_LEN + 1];

	assert_int_equal(
		add(fixture, "a", "[capabilities]\nallow_prompt_injection = true\nnet = [\"x.org\"]\n"), CAPSULE_OK);
	assert_int_equal(add(fixture, "b", ""), CAPSULE_OK);
	assert_int_equal(registry_add_session(&fixture->registry, &may, "a", &fixture->err), CAPSULE_OK);
	assert_int_equal(registry_add_session(&fixture->registry, &may_not, "b", &fixture->err), CAPSULE_OK);
	uuid_format(&may_not, text);
	assert_false(registry_capable(registry, span_text(text), prompts));
	uuid_format(&unknown, text);
	assert_false(registry_capable(registry, span_text(text), prompts));
	uuid_format(&may, text);
	assert_true(registry_capable(registry, span_text(text), prompts));
	assert_false(registry_capable(registry, span_of(text, UUID_TEXT_LEN - 1), prompts));
	assert_false(registry_capable(registry, span_text("nonsense"), prompts));
	assert_false(registry_capable(registry, span_of(NULL, 0), prompts));
	assert_false(registry_capable(registry, span_text(text), span_text("net")));
	assert_false(registry_capable(registry, span_text(text), span_text("uplink")));
	assert_false(registry_capable(registry, span_text(text), span_of(NULL, 0)));
	assert_non_null(registry_remove(&fixture->registry, "a", &fixture->err));
	assert_false(registry_capable(registry, span_text(text), prompts));
}

struct drained {
	struct fixture *fixture;
	const void *values[3];
	size_t count;
};

static void note_drained(void *value, void *user)
{
	struct drained *drained = user;
	const struct manifest *manifest = value;

	assert_null(registry_find(&drained->fixture->registry, manifest->package.name));
	drained->values[drained->count++] = value;
}

static void drain_gives_back_every_value_the_last_one_first(void **state)
{
	struct fixture *fixture = *state;
	struct drained drained = { .fixture = fixture };

	assert_int_equal(add(fixture, "a", two_uplinks), CAPSULE_OK);
	assert_int_equal(add(fixture, "b", ""), CAPSULE_OK);
	assert_int_equal(add(fixture, "c", two_uplinks), CAPSULE_OK);
	registry_drain(&fixture->registry, note_drained, &drained);
	assert_int_equal(drained.count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_ptr_equal(drained.values[i], fixture->manifests[2 - i]);
	assert_int_equal(fixture->registry.capsules.count + fixture->registry.uplinks.count, 0);
	assert_int_equal(add(fixture, "a", two_uplinks), CAPSULE_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_capsule_is_found_until_it_is_taken_out),
		TEST(taking_out_an_unknown_id_is_not_found_and_names_it),
		TEST(the_same_id_twice_is_refused_and_the_first_stays),
		TEST(a_session_means_the_id_that_it_was_given_last),
		TEST(sessions_go_with_their_capsule_and_with_all),
		TEST(declared_uplinks_get_descriptors_which_go_with_the_capsule),
		TEST(an_id_that_is_no_source_registers_without_uplinks_only),
		TEST(a_refused_uplink_leaves_nothing_of_the_capsule),
		TEST(a_second_uplink_of_one_name_and_platform_is_refused),
		TEST(the_33rd_uplink_is_refused),
		TEST(the_first_uplink_of_a_platform_counts_until_it_goes),
		TEST(hostile_names_are_refused),
		TEST(one_capability_can_be_asked_for),
		TEST(drain_gives_back_every_value_the_last_one_first),
	};

	return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
