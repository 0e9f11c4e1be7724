/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes as arguments of a guest in C. They are judged as yyjson judges them, but for what the SDK takes on purpose (halves of
 * surrogate pairs, numbers beyond doubles) and refuses (deep nesting); every getter on every value gives something, and
 * failures are clean text. */
#include "../sdk/c/include/capsule_guest/json_read.h"
#include "fuzz/target.h"

#include <yyjson.h>

#define ROOM (16u << 20)
#define VALUES_MAX 500 /* looked at in one input; each failure reads the text again */

static int values_left;

static bool is_utf8(struct guest_bytes text)
{
	size_t take;

	for (size_t at = 0; at < text.len; at += take)
		if (!guest_utf8(text.data + at, text.len - at, &take))
			return false;
	return true;
}

static void check_failure(void)
{
	if (guest_failed()) {
		CHECK(guest_failure_text().len > 0 && guest_failure_text().len <= GUEST_FAILURE_MAX);
		CHECK(is_utf8(guest_failure_text()));
	}
	guest_forgive();
}

static void check_number(struct guest_value value)
{
	struct guest_bytes raw = guest_raw(value);
	char *text = malloc(raw.len + 1);
	double expected, seen = guest_parse_number(raw);
	uint64_t expected_bits, seen_bits;

	CHECK(text != NULL);
	memcpy(text, raw.data, raw.len);
	text[raw.len] = '\0';
	expected = strtod(text, NULL);
	memcpy(&expected_bits, &expected, sizeof expected);
	memcpy(&seen_bits, &seen, sizeof seen);
	CHECK(expected_bits == seen_bits);
	free(text);
}

/* Ask everything of one value. */
static void check_value(struct guest_value value)
{
	(void)guest_as_text(value);
	check_failure();
	(void)guest_as_bytes(value);
	check_failure();
	(void)guest_as_integer(value);
	check_failure();
	(void)guest_as_number(value);
	check_failure();
	(void)guest_as_bool(value);
	check_failure();
	(void)guest_get_integer_or(value, "a", 1);
	check_failure();
	(void)guest_get_array(value, "b");
	check_failure();
	if (guest_kind_of(value) == GUEST_STRING)
		CHECK(is_utf8(guest_as_text(value)));
	if (guest_kind_of(value) == GUEST_NUMBER)
		check_number(value);
}

/* The SDK nests at most 128 levels, and so does this. */
static void check_all(struct guest_value value)
{
	enum guest_kind kind = guest_kind_of(value);
	size_t count = 0;

	CHECK(kind != GUEST_ABSENT);
	if (values_left-- <= 0)
		return;
	check_value(value);
	if (kind != GUEST_ARRAY && kind != GUEST_OBJECT)
		return;
	for (struct guest_each each = guest_each(value); guest_next(&each); count++) {
		CHECK(each.index == count);
		if (kind == GUEST_OBJECT)
			CHECK(is_utf8(guest_each_key(&each)));
		check_all(each.value);
	}
	CHECK(count == guest_count(value));
}

/* Whether the SDK and yyjson may judge the text differently. */
static bool may_differ(struct guest_bytes text)
{
	return guest_bytes_contain(text, guest_text("\\u")) || guest_bytes_contain(text, guest_text("\\U")) ||
		guest_bytes_contain(text, guest_text("e")) || guest_bytes_contain(text, guest_text("E")) ||
		text.len > 300;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);
	struct guest_document document;
	struct guest_value root;
	yyjson_doc *doc;
	bool good;

	CHECK(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	guest_native_restart(ROOM);
	guest_forgive();
	root = guest_json_open(&document, guest_bytes_of(copy, size), guest_text("fuzz"));
	document.arguments = size % 2 == 0;
	doc = yyjson_read((char *)copy, size, 0);
	good = guest_present(root);
	if (good != (doc != NULL))
		CHECK(may_differ(guest_bytes_of(copy, size)) ||
			guest_bytes_contain(guest_failure_text(), guest_text("nested")));
	CHECK(good || guest_failed());
	check_failure();
	values_left = VALUES_MAX;
	if (good)
		check_all(root);
	yyjson_doc_free(doc);
	free(copy);
	return 0;
}
