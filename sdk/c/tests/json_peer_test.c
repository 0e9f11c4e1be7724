/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The JSON of the guest SDK against yyjson: random documents, whole and damaged, must be taken or refused alike and say the
 * same; what the SDK writes must be read back as what was meant. */
#include "sdk_fixture.h"

#include <yyjson.h>

#define DOCUMENTS 4000
#define DEPTH_MAX 6

static uint64_t seed = 42;

static uint32_t below(uint32_t count)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % count;
}

static void random_string(char out[32])
{
	static const char *const parts[] = { "a", "\"", "\\", "\n", "\x01", "é", "一", "\xf0\x9f\x98\x80", "/", " " };
	size_t len = 0;

	for (uint32_t count = below(7); count > 0; count--) {
		const char *part = parts[below(10)];

		memcpy(out + len, part, strlen(part));
		len += strlen(part);
	}
	out[len] = '\0';
}

static yyjson_mut_val *random_value(yyjson_mut_doc *doc, int depth)
{
	yyjson_mut_val *value;
	uint64_t bits;
	char text[32];
	double number;

	switch (below(depth < DEPTH_MAX ? 9 : 7)) {
	case 0:
		return yyjson_mut_null(doc);
	case 1:
		return yyjson_mut_bool(doc, below(2) == 0);
	case 2:
		return yyjson_mut_sint(doc, (int64_t)((uint64_t)below(UINT32_MAX) << 32 | below(UINT32_MAX)));
	case 3:
		return yyjson_mut_uint(doc, below(1000));
	case 4:
		bits = (uint64_t)below(UINT32_MAX) << 32 | below(UINT32_MAX);
		memcpy(&number, &bits, sizeof number);
		return yyjson_mut_real(doc, number - number == 0 ? number : 0.1);
	case 5:
	case 6:
		random_string(text);
		return yyjson_mut_strcpy(doc, text);
	case 7:
		value = yyjson_mut_arr(doc);
		for (uint32_t count = below(5); count > 0; count--)
			yyjson_mut_arr_append(value, random_value(doc, depth + 1));
		return value;
	default:
		value = yyjson_mut_obj(doc);
		for (uint32_t count = below(5); count > 0; count--) {
			random_string(text);
			yyjson_mut_obj_add(value, yyjson_mut_strcpy(doc, text), random_value(doc, depth + 1));
		}
		return value;
	}
}

/* JSON text of a random document, white space in it or not. The caller frees it. */
static char *random_text(size_t *len)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	char *text;

	yyjson_mut_doc_set_root(doc, random_value(doc, 0));
	text = yyjson_mut_write(doc,
		(below(2) == 0 ? YYJSON_WRITE_PRETTY : 0) | (below(2) == 0 ? YYJSON_WRITE_ESCAPE_UNICODE : 0), len);
	yyjson_mut_doc_free(doc);
	assert_non_null(text);
	return text;
}

static void assert_same(struct guest_value ours, yyjson_val *theirs);

static void assert_same_object(struct guest_value ours, yyjson_val *theirs)
{
	struct guest_each each = guest_each(ours);
	yyjson_val *key, *value;
	size_t index, count;

	yyjson_obj_foreach(theirs, index, count, key, value)
	{
		assert_true(guest_next(&each));
		assert_int_equal(each.index, index);
		assert_true(
			guest_equal(guest_each_key(&each), guest_bytes_of(yyjson_get_str(key), yyjson_get_len(key))));
		assert_same(each.value, value);
	}
	assert_false(guest_next(&each));
}

static void assert_same_array(struct guest_value ours, yyjson_val *theirs)
{
	struct guest_each each = guest_each(ours);
	yyjson_val *value;
	size_t index, count;

	yyjson_arr_foreach(theirs, index, count, value)
	{
		assert_true(guest_next(&each));
		assert_int_equal(each.index, index);
		assert_same(each.value, value);
	}
	assert_false(guest_next(&each));
}

static void assert_same(struct guest_value ours, yyjson_val *theirs)
{
	double a, b;

	switch (guest_kind_of(ours)) {
	case GUEST_NULL:
		assert_true(yyjson_is_null(theirs));
		break;
	case GUEST_BOOL:
		assert_true(yyjson_is_bool(theirs) && yyjson_get_bool(theirs) == guest_as_bool(ours));
		break;
	case GUEST_NUMBER:
		a = guest_as_number(ours);
		b = yyjson_get_num(theirs);
		assert_true(yyjson_is_num(theirs) && (a == b || (!yyjson_is_real(theirs) && (int64_t)a == (int64_t)b)));
		if (yyjson_is_sint(theirs) && yyjson_get_sint(theirs) != 0)
			assert_true(guest_as_integer(ours) == yyjson_get_sint(theirs));
		break;
	case GUEST_STRING:
		assert_true(yyjson_is_str(theirs));
		assert_true(guest_equal(
			guest_as_text(ours), guest_bytes_of(yyjson_get_str(theirs), yyjson_get_len(theirs))));
		break;
	case GUEST_ARRAY:
		assert_true(yyjson_is_arr(theirs));
		assert_same_array(ours, theirs);
		break;
	case GUEST_OBJECT:
		assert_true(yyjson_is_obj(theirs));
		assert_same_object(ours, theirs);
		break;
	default:
		fail();
	}
	assert_false(guest_failed());
}

static void documents_say_the_same(void **state)
{
	(void)state;
	for (int i = 0; i < DOCUMENTS; i++) {
		struct sdk_text text;
		size_t len;
		char *json = random_text(&len);
		yyjson_doc *doc = yyjson_read(json, len, 0);

		assert_non_null(doc);
		assert_same(sdk_open_bytes(&text, json, len), yyjson_doc_get_root(doc));
		sdk_close(&text);
		yyjson_doc_free(doc);
		free(json);
	}
}

/* One byte changed, removed, or everything behind it. */
static void damaged_documents_are_judged_alike(void **state)
{
	static const char bytes[] = "\"\\{}[],:0-+.eEtfnu \x01\xff\xc3";
	int refused = 0;

	(void)state;
	for (int i = 0; i < DOCUMENTS * 2; i++) {
		struct sdk_text text;
		size_t len;
		char *json = random_text(&len);
		uint32_t at = below((uint32_t)len), what = below(3);
		yyjson_doc *doc;

		if (what == 0)
			json[at] = bytes[below(sizeof bytes - 1)];
		else if (what == 1)
			memmove(json + at, json + at + 1, len-- - at - 1);
		else
			len = at;
		doc = yyjson_read(json, len, 0);
		if (guest_present(sdk_open_bytes(&text, json, len)) != (doc != NULL))
			/* yyjson refuses halves of surrogate pairs and numbers beyond doubles; the SDK takes them. */
			assert_true(doc == NULL &&
				(memchr(json, '\\', len) != NULL || memchr(json, 'e', len) != NULL ||
					memchr(json, 'E', len) != NULL));
		else if (doc != NULL)
			assert_same(text.root, yyjson_doc_get_root(doc));
		refused += doc == NULL;
		sdk_close(&text);
		yyjson_doc_free(doc);
		free(json);
	}
	assert_true(refused > DOCUMENTS / 4);
}

/* Write what `value` says with the SDK. */
static void copy(struct guest_json_writer *out, yyjson_val *value)
{
	yyjson_val *key, *item;
	size_t index, count;

	if (yyjson_is_null(value)) {
		guest_add_null(out);
	} else if (yyjson_is_bool(value)) {
		guest_add_bool(out, yyjson_get_bool(value));
	} else if (yyjson_is_real(value)) {
		guest_add_number(out, yyjson_get_real(value));
	} else if (yyjson_is_num(value)) {
		guest_add_integer(out, yyjson_get_sint(value));
	} else if (yyjson_is_str(value)) {
		guest_add_text(out, guest_bytes_of(yyjson_get_str(value), yyjson_get_len(value)));
	} else if (yyjson_is_arr(value)) {
		guest_begin_array(out);
		yyjson_arr_foreach(value, index, count, item) copy(out, item);
		guest_end(out);
	} else {
		guest_begin_object(out);
		yyjson_obj_foreach(value, index, count, key, item)
		{
			guest_key(out, guest_bytes_of(yyjson_get_str(key), yyjson_get_len(key)));
			copy(out, item);
		}
		guest_end(out);
	}
}

static void what_is_written_is_read_back(void **state)
{
	(void)state;
	for (int i = 0; i < DOCUMENTS; i++) {
		struct guest_json_writer out = { .problem = NULL };
		struct sdk_text text;
		size_t len;
		char *json = random_text(&len);
		yyjson_doc *doc = yyjson_read(json, len, 0), *again;
		struct guest_bytes written;

		guest_native_restart(ROOM);
		copy(&out, yyjson_doc_get_root(doc));
		written = guest_written(&out);
		assert_false(guest_failed());
		again = yyjson_read((const char *)written.data, written.len, 0);
		assert_non_null(again);
		assert_same(sdk_open_bytes(&text, json, len), yyjson_doc_get_root(again));
		sdk_close(&text);
		yyjson_doc_free(again);
		yyjson_doc_free(doc);
		free(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_say_the_same),
		cmocka_unit_test(damaged_documents_are_judged_alike),
		cmocka_unit_test(what_is_written_is_read_back),
	};

	return cmocka_run_group_tests_name("sdk_json_peer", tests, NULL, NULL);
}
