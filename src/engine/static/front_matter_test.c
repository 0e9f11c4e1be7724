/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/static/front_matter.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct part {
	const char *file, *matter, *body;
};

static void parts(void **state)
{
	static const struct part cases[] = {
		{ "", "", "" },
		{ "text", "", "text" },
		{ "---", NULL, NULL },
		{ "--- \nname: a\n---\n", "", "--- \nname: a\n---\n" },
		{ "----\nname: a\n---\n", "", "----\nname: a\n---\n" },
		{ "---\n---\n", "", "" },
		{ "---\nname: a\n---\nbody\n", "name: a\n", "body\n" },
		{ "---\r\nname: a\r\n---\r\nbody", "name: a\r\n", "body" },
		{ "---\nname: a\n...\nbody", "name: a\n", "body" },
		{ "---\nname: a\n---", "name: a\n", "" },
		{ "\xef\xbb\xbf---\nname: a\n---\nbody", "name: a\n", "body" },
		{ "\xef\xbb\xbfonly text", "", "only text" },
		{ "---\nname: a\n --- \nbody", NULL, NULL },
		{ "\n---\nname: a\n---\n", "", "\n---\nname: a\n---\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct span matter, body;
		struct capsule_error err = { 0 };
		enum capsule_status status = front_matter_split(span_text(cases[i].file), &matter, &body, &err);

		if (cases[i].matter == NULL) {
			assert_int_equal(status, CAPSULE_EINVAL);
			assert_non_null(strstr(err.text, "a line `---` is missing"));
			continue;
		}
		assert_int_equal(status, CAPSULE_OK);
		assert_true(span_is(matter, cases[i].matter));
		assert_true(span_is(body, cases[i].body));
	}
}

static void longest_front_matter(void **state)
{
	struct buffer file = { 0 };
	struct span matter, body;
	struct capsule_error err;

	(void)state;
	for (size_t more = 0; more < 2; more++) {
		buffer_clear(&file);
		buffer_append_text(&file, "---\n");
		for (size_t i = 0; i < LIMIT_FRONT_MATTER - 1 + more; i++)
			buffer_append_byte(&file, '#');
		buffer_append_text(&file, "\n---\n");
		assert_int_equal(front_matter_split(buffer_span(&file), &matter, &body, &err),
			more == 0 ? CAPSULE_OK : CAPSULE_ELIMIT);
	}
	buffer_fini(&file);
}

struct reading {
	const char *yaml, *json; /* json NULL: refused with `says` */
	const char *says;
};

static void mappings(void **state)
{
	static const struct reading cases[] = {
		{ "", "", NULL },
		{ "# nothing\n", "", NULL },
		{ "name: notes\ndescription: \"Keeps: notes\"\n",
			"{\"name\":\"notes\",\"description\":\"Keeps: notes\"}", NULL },
		{ "a: 1\nb: -2.5\nc: true\nd: ~\ne: '1'\nf:\n",
			"{\"a\":1,\"b\":-2.5,\"c\":true,\"d\":null,\"e\":\"1\",\"f\":null}", NULL },
		{ "a: 1.2.3\nb: +\nc: -x\nd: 99999999999999999999\n",
			"{\"a\":\"1.2.3\",\"b\":\"+\",\"c\":\"-x\",\"d\":100000000000000000000.0}", NULL },
		{ "tags: [a, b]\nmore:\n  - x: 1\n  - y\n", "{\"tags\":[\"a\",\"b\"],\"more\":[{\"x\":1},\"y\"]}",
			NULL },
		{ "text: |\n  two\n  lines\n", "{\"text\":\"two\\nlines\\n\"}", NULL },
		{ "a: 1e999\n", "{\"a\":\"1e999\"}", NULL },
		{ "just text", NULL, "line 2: it must be a mapping" },
		{ "- a\n- b\n", NULL, "line 2: it must be a mapping" },
		{ "a: 1\na: 2\n", NULL, "line 3: a key is repeated" },
		{ "a: &x 1\nb: *x\n", NULL, "line 2: anchors, aliases and tags are not allowed" },
		{ "a: *x\n", NULL, "anchors, aliases and tags are not allowed" },
		{ "a: !!str 1\n", NULL, "anchors, aliases and tags are not allowed" },
		{ "? [a]\n: 1\n", NULL, "a key must be plain text" },
		{ "a: [1\n", NULL, "front matter, line" },
		{ "a: 1\n--- \nb: 2\n", NULL, "more than one document" },
		{ "a: \"\xff\"\n", NULL, "front matter, line" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buffer out = { 0 };
		struct capsule_error err = { 0 };
		enum capsule_status status = front_matter_json(span_text(cases[i].yaml), 2, &out, &err);

		if (cases[i].json == NULL) {
			assert_int_equal(status, CAPSULE_EINVAL);
			assert_non_null(strstr(err.text, cases[i].says));
			assert_int_equal(out.len, 0);
		} else {
			if (status != CAPSULE_OK)
				fail_msg("%s: %s", cases[i].yaml, err.text);
			assert_string_equal(buffer_text(&out), cases[i].json);
		}
		buffer_fini(&out);
	}
}

static void nothing_at_all_is_nothing(void **state)
{
	struct buffer out = { 0 };

	(void)state;
	assert_int_equal(front_matter_json(span_of(NULL, 0), 1, &out, NULL), CAPSULE_OK);
	assert_int_equal(out.len, 0);
}

static void nesting_is_limited(void **state)
{
	struct buffer yaml = { 0 }, out = { 0 };
	struct capsule_error err;

	(void)state;
	for (size_t depth = FRONT_MATTER_DEPTH - 1; depth <= FRONT_MATTER_DEPTH; depth++) {
		buffer_clear(&yaml);
		buffer_append_text(&yaml, "a: ");
		for (size_t i = 0; i < depth; i++)
			buffer_append_text(&yaml, "[");
		for (size_t i = 0; i < depth; i++)
			buffer_append_text(&yaml, "]");
		assert_int_equal(front_matter_json(buffer_span(&yaml), 1, &out, &err),
			depth < FRONT_MATTER_DEPTH ? CAPSULE_OK : CAPSULE_EINVAL);
	}
	assert_non_null(strstr(err.text, "nested too deeply"));
	buffer_fini(&yaml);
	buffer_fini(&out);
}

static void values_are_counted(void **state)
{
	struct buffer yaml = { 0 }, out = { 0 };
	struct capsule_error err;

	(void)state;
	buffer_append_text(&yaml, "a: [1");
	for (size_t i = 0; i < FRONT_MATTER_VALUES; i++)
		buffer_append_text(&yaml, ",1");
	buffer_append_text(&yaml, "]");
	assert_int_equal(front_matter_json(buffer_span(&yaml), 1, &out, &err), CAPSULE_ELIMIT);
	assert_non_null(strstr(err.text, "over 1024 keys and values"));
	buffer_fini(&yaml);
	buffer_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts),
		cmocka_unit_test(longest_front_matter),
		cmocka_unit_test(mappings),
		cmocka_unit_test(nothing_at_all_is_nothing),
		cmocka_unit_test(nesting_is_limited),
		cmocka_unit_test(values_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
