/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which hosts the entries of net open, and which host a URL means. */
#include "gate/gate_fixture.h"

/* Ask as a host function does: the URL's host first. A URL that is none is a question about no host. */
static bool ask_url(struct gate_fixture *fixture, const char *url)
{
	HOLD(buffer_fini) struct buffer host = { 0 };

	if (gate_url_host(span_text(url), &host, NULL) != CAPSULE_OK)
		buffer_clear(&host);
	return fixture_ask_more(fixture, GATE_HTTP, buffer_span(&host), NULL);
}

#define ASSERT_URL(fixture, url, allowed)                                                                              \
	do {                                                                                                           \
		if (ask_url(fixture, url) != (allowed))                                                                \
			fail_msg("%s:%d: `%s`: %s", __FILE__, __LINE__, url, (fixture)->text);                         \
	} while (0)

/* rt:129 */
static void an_entry_covers_the_host_and_its_subdomains(void **state)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("net = [\"api.github.com\"]");

	(void)state;
	ASSERT_URL(&fixture, "https://api.github.com/v1", true);
	ASSERT_URL(&fixture, "https://v1.api.github.com/v1", true);
	ASSERT_URL(&fixture, "https://evil.com/v1", false);
	ASSERT_URL(&fixture, "http://api.github.com@127.0.0.1/admin", false);
	ASSERT_URL(&fixture, "http://github.com/v1", false);
	ASSERT_URL(&fixture, "https://api.github.com.evil.com/", false);
	ASSERT_URL(&fixture, "https://evil.com/api.github.com", false);
	ASSERT_URL(&fixture, "https://evil.com#.api.github.com", false);
	ASSERT_URL(&fixture, "https://evil.com?.api.github.com", false);
	ASSERT_URL(&fixture, "https://evil.com\\.api.github.com", false);
}

/* rt:130, rt:131 */
static void the_wildcard_is_every_host_and_nothing_that_is_none(void **state)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("net = [\"*\"]");

	(void)state;
	ASSERT_URL(&fixture, "https://evil.com/v1", true);
	ASSERT_URL(&fixture, "http://[::1]:80/", true);
	ASSERT_URL(&fixture, "not a url", false);
	assert_int_equal(fixture.decision.reason, GATE_MALFORMED);
	ASSERT_URL(&fixture, "", false);
	ASSERT_URL(&fixture, "file:///etc/passwd", false);
	ASSERT_DENIED(&fixture, GATE_HTTP, "https://evil.com/", GATE_MALFORMED); /* a URL in place of its host */
	ASSERT_DENIED(&fixture, GATE_HTTP, "user@evil.com", GATE_MALFORMED);
	ASSERT_DENIED(&fixture, GATE_HTTP, "evil.com:80", GATE_MALFORMED);
}

/* rt:132 */
static void a_longer_name_is_another_host(void **state)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("net = [\"github.com\"]");

	(void)state;
	ASSERT_URL(&fixture, "https://notgithub.com/", false);
	ASSERT_URL(&fixture, "https://github.co/", false);
	ASSERT_URL(&fixture, "https://a.github.com/", true);
}

/* rt:133, hs:18 */
static void entries_are_read_in_any_case(void **state)
{
	HOLD(fixture_fini)
	struct gate_fixture fixture = fixture_of("net = [\"API.GitHub.com\", \"Example.test\"]");

	(void)state;
	ASSERT_URL(&fixture, "https://api.github.com/", true);
	assert_string_equal(fixture.decision.rule, "API.GitHub.com");
	ASSERT_URL(&fixture, "https://example.test/", true);
}

/* rt:134 */
static void case_and_port_do_not_count_and_a_last_dot_does(void **state)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("net = [\"api.github.com\"]");
	HOLD(fixture_fini) struct gate_fixture dotted = fixture_of("net = [\"api.github.com.\"]");

	(void)state;
	ASSERT_URL(&fixture, "HTTPS://API.GITHUB.COM:8443/x", true);
	ASSERT_URL(&fixture, "https://api.github.com./", false);
	ASSERT_URL(&dotted, "https://api.github.com./", true);
	ASSERT_URL(&dotted, "https://api.github.com/", false);
}

/* rt:135 */
static void without_entries_every_host_is_denied(void **state)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("net = []");

	(void)state;
	ASSERT_DENIED(&fixture, GATE_HTTP, "api.github.com", GATE_NOT_DECLARED);
	ASSERT_SAYS(&fixture, "not declared in manifest");
	assert_true(fixture.decision.none_declared);
	ASSERT_DENIED(&fixture, GATE_HTTP, "127.0.0.1", GATE_NOT_DECLARED);
	ASSERT_SAYS(&fixture, "not declared in manifest");
}

/* rt:136, the third hole of W-06 */
static void an_empty_entry_is_no_host(void **state)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("net = [\"\"]");

	(void)state;
	ASSERT_URL(&fixture, "file:///etc/passwd", false);
	ASSERT_URL(&fixture, "https://evil.com./", false);
	ASSERT_DENIED(&fixture, GATE_HTTP, "", GATE_MALFORMED);
	ASSERT_DENIED(&fixture, GATE_HTTP, "evil.com.", GATE_NOT_DECLARED);
}

/* Entries that are no host names stand for nothing, whatever part of them a parser would take for one. */
static void entries_that_are_no_hosts_grant_nothing(void **state)
{
	HOLD(fixture_fini)
	struct gate_fixture fixture = fixture_of(
		"net = [\"*.a.test\", \".b.test\", \"https://c.test\", \"d.test:443\", \"x@e.test\", \"f.test/x\", "
		"\"g.test#x\", \"h.test?x\", \"i^^test\", \"%6a.test\", \"[::1]:80\", \"[::2\", \" k.test\"]");
	static const char *const hosts[] = { "a.test", "x.a.test", "b.test", "x.b.test", "c.test", "d.test", "e.test",
		"f.test", "g.test", "h.test", "i.test", "test", "j.test", "[::1]", "[::2]", "k.test" };

	(void)state;
	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
		ASSERT_DENIED(&fixture, GATE_HTTP, hosts[i], GATE_NOT_DECLARED);
}

static void addresses_have_one_form(void **state)
{
	HOLD(fixture_fini) struct gate_fixture fixture = fixture_of("net = [\"127.0.0.1\", \"[2001:DB8:0::1]\"]");

	(void)state;
	ASSERT_URL(&fixture, "http://2130706433/", true);
	ASSERT_URL(&fixture, "http://0x7f.1/", true);
	ASSERT_URL(&fixture, "http://0177.0.0.1/", true);
	ASSERT_URL(&fixture, "http://127.0.0.2/", false);
	ASSERT_URL(&fixture, "http://[2001:db8::0:1]:8080/", true);
	ASSERT_URL(&fixture, "http://[2001:db8::2]/", false);
}

static const char *url_host(const char *url, struct buffer *out)
{
	struct capsule_error err;

	buffer_clear(out);
	if (gate_url_host(span_text(url), out, &err) != CAPSULE_OK)
		fail_msg("`%s`: %s", url, err.text);
	return out->len > 0 ? buffer_text(out) : "";
}

static void the_host_of_a_url_is_what_a_client_dials(void **state)
{
	HOLD(buffer_fini) struct buffer out = { 0 };

	(void)state;
	assert_string_equal(url_host("http://api.github.com@127.0.0.1/", &out), "127.0.0.1");
	assert_string_equal(url_host("http://a:b@Example.TEST:80/@x", &out), "example.test");
	assert_string_equal(url_host("http://2130706433/", &out), "127.0.0.1");
	assert_string_equal(url_host("https://api.github.com./", &out), "api.github.com.");
	assert_string_equal(url_host("http://[0:0:0:0:0:0:0:1]/", &out), "[::1]");
	assert_string_equal(url_host("http://[::FFFF:127.0.0.1]/", &out), "[::ffff:127.0.0.1]");
	assert_string_equal(url_host("ws://example.test/x", &out), "example.test");
	assert_string_equal(url_host("file:///etc/passwd", &out), "");
	assert_string_equal(url_host("http://xn--bcher-kva.example/", &out), "xn--bcher-kva.example");
}

static void what_is_no_absolute_url_has_no_host(void **state)
{
	static const char *const bad[] = { "", "not a url", "/a", "//example.test/", "http://", "http://a b/",
		"http://a\tb/", "http://a\n/", "http://[::1/", "http://[g]/", "http://a:port/", "http://a:99999/",
		"://a/" };
	HOLD(buffer_fini) struct buffer out = { 0 };
	struct capsule_error err;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		enum capsule_status status = gate_url_host(span_text(bad[i]), &out, &err);

		if (status != CAPSULE_EINVAL || out.len > 0)
			fail_msg("`%s`: %d, %zu bytes", bad[i], status, out.len);
	}
	assert_int_equal(gate_url_host(span_of("http://a\0.b/", 12), &out, &err), CAPSULE_EINVAL);
}

/* Depending on library and locale the name is converted or refused, and never left as it is. */
static void an_international_name_is_converted_or_refused(void **state)
{
	HOLD(buffer_fini) struct buffer out = { 0 };

	(void)state;
	if (gate_url_host(span_text("http://b\xC3\xBC"
				    "cher.example/"),
		    &out, NULL) == CAPSULE_OK)
		assert_string_equal(buffer_text(&out), "xn--bcher-kva.example");
	else
		assert_int_equal(out.len, 0);
}

static void a_url_that_is_too_long_is_refused(void **state)
{
	HOLD(buffer_fini) struct buffer url = { 0 }, out = { 0 };

	(void)state;
	assert_true(buffer_append_text(&url, "http://a.test/"));
	while (url.len <= 65536)
		assert_true(buffer_append_byte(&url, 'x'));
	assert_int_equal(gate_url_host(buffer_span(&url), &out, NULL), CAPSULE_EINVAL);
	url.len = 65536;
	assert_int_equal(gate_url_host(buffer_span(&url), &out, NULL), CAPSULE_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_covers_the_host_and_its_subdomains),
		cmocka_unit_test(the_wildcard_is_every_host_and_nothing_that_is_none),
		cmocka_unit_test(a_longer_name_is_another_host),
		cmocka_unit_test(entries_are_read_in_any_case),
		cmocka_unit_test(case_and_port_do_not_count_and_a_last_dot_does),
		cmocka_unit_test(without_entries_every_host_is_denied),
		cmocka_unit_test(an_empty_entry_is_no_host),
		cmocka_unit_test(entries_that_are_no_hosts_grant_nothing),
		cmocka_unit_test(addresses_have_one_form),
		cmocka_unit_test(the_host_of_a_url_is_what_a_client_dials),
		cmocka_unit_test(what_is_no_absolute_url_has_no_host),
		cmocka_unit_test(an_international_name_is_converted_or_refused),
		cmocka_unit_test(a_url_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests_name("gate_host", tests, NULL, NULL);
}
