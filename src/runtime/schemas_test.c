/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* JSON as TOML and back through the parser of manifests; answers of every shape and of none; the file that is replaced. */
#include "runtime/schemas.h"
#include "base/limits.h"
#include "manifest/parse_testing.h"
#include <capsule/check.h>

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#define ROUNDS 400
#define DEPTH 5

static const struct json_limits limits = { .bytes_max = LIMIT_PAYLOAD };

static yyjson_doc *read_json(const char *text)
{
	struct capsule_error err = { 0 };
	yyjson_doc *doc = NULL;

	if (json_parse(&doc, span_text(text), &limits, "test", &err) != CAPSULE_OK)
		fail_msg("%s: %s", err.text, text);
	return doc;
}

static void assert_same_value(const yyjson_val *a, const yyjson_val *b, bool same)
{
	HOLD(buffer_fini) struct buffer x = { 0 }, y = { 0 };

	assert_true(schemas_append_canonical(&x, a));
	assert_true(schemas_append_canonical(&y, b));
	if (same)
		assert_string_equal(buffer_text(&x), buffer_text(&y));
	else
		assert_string_not_equal(buffer_text(&x), buffer_text(&y));
}

/* Write `json` as the schema of a tool behind a manifest, parse that, and find the same value. */
static void assert_round_trip(const char *json, struct schemas_notes *notes)
{
	HOLD(json_doc_drop) yyjson_doc *doc = read_json(json);
	HOLD(buffer_fini) struct buffer text = { 0 };
	struct schemas_tool tool = { "the \"tool\"\n", "a\\b\x7F\tc", yyjson_doc_get_root(doc) };

	assert_true(buffer_append_text(&text, HEADER));
	assert_true(schemas_append_table(&text, &tool, "\n", notes));
	HOLD(parsed_fini) struct parsed parsed = parse_good(buffer_text(&text));
	HOLD(json_doc_drop) yyjson_doc *back = read_json(parsed.manifest->tools.items[0].input_schema);
	assert_int_equal(parsed.manifest->tools.count, 1);
	assert_string_equal(parsed.manifest->tools.items[0].name, tool.name);
	assert_string_equal(parsed.manifest->tools.items[0].description, tool.description);
	assert_same_value(tool.schema, yyjson_doc_get_root(back), true);
}

static void notes_fini(struct schemas_notes *notes)
{
	buffer_fini(&notes->text);
}

static void assert_toml(const char *json, const char *toml, const char *noted)
{
	HOLD(notes_fini) struct schemas_notes notes = { 0 };
	HOLD(json_doc_drop) yyjson_doc *doc = read_json(json);
	HOLD(buffer_fini) struct buffer out = { 0 };

	assert_true(schemas_append_toml(&out, yyjson_doc_get_root(doc), "t", &notes));
	assert_string_equal(buffer_text(&out), toml);
	assert_string_equal(buffer_text(&notes.text), noted);
}

static void json_is_written_as_toml(void **state)
{
	(void)state;
	assert_toml("{}", "{}", "");
	assert_toml("{\"a-b_1\":{\"\":[],\"a b\":true,\"\\u00e9\":false}}",
		"{ a-b_1 = { \"\" = [], \"a b\" = true, \"\xC3\xA9\" = false } }", "");
	assert_toml("[1,-2,1.0,2.5,[\"x\"]]", "[1, -2, 1.0, 2.5, [\"x\"]]", "");
	assert_toml("[9223372036854775807,-9223372036854775808,9223372036854775808]",
		"[9223372036854775807, -9223372036854775808, 9223372036854775808.0]", "");
	assert_toml("[\"\\n\\t\\\"\\\\\\u0000\\u007f\\u0085\\u202e\\ud83d\\ude00\"]",
		"[\"\\n\\t\\\"\\\\\\u0000\\u007F\\u0085\\u202E\xF0\x9F\x98\x80\"]", "");
}

static void what_toml_lacks_is_left_out_and_told(void **state)
{
	(void)state;
	assert_toml("{\"a\":{\"b\":null,\"c\":[null,1,null]}}", "{ a = { c = [1] } }",
		"tool `t`: left out /a/b: TOML has no null\ntool `t`: left out /a/c/0: TOML has no null\n"
		"tool `t`: left out /a/c/2: TOML has no null\n");
	assert_toml("{\"a\":null}", "{}", "tool `t`: left out /a: TOML has no null\n");
	assert_toml("{\"a\":18446744073709551615}", "{}", "tool `t`: left out /a: TOML has no integer that large\n");
}

static void notes_have_a_limit(void **state)
{
	HOLD(notes_fini) struct schemas_notes notes = { 0 };
	HOLD(buffer_fini) struct buffer text = { 0 };

	(void)state;
	buffer_append_text(&text, "{\"a\":[");
	for (int i = 0; i < 10000; i++)
		buffer_append_text(&text, "null,");
	buffer_append_text(&text, "1]}");
	assert_round_trip(buffer_text(&text), &notes);
	assert_in_range(notes.text.len, 1, 4096);
	assert_in_range(notes.skipped, 9000, 9999);
}

static void values_are_compared_by_worth(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{ "{\"a\":1,\"b\":[2]}", "{\"b\":[2.0],\"a\":1.0}", true },
		{ "[0]", "[-0.0]", true },
		{ "[1e3]", "[1000]", true },
		{ "[9223372036854775808]", "[9223372036854775808.0]", true },
		{ "{\"a\":null,\"b\":1}", "{\"b\":1}", true },
		{ "{\"a\":1,\"aa\":2}", "{\"aa\":2,\"a\":1}", true },
		{ "[1,2]", "[2,1]", false },
		{ "[1]", "[\"1\"]", false },
		{ "[9007199254740993]", "[9007199254740992.0]", false },
		{ "{\"a\":1}", "{\"a\":true}", false },
		{ "{\"a\":{}}", "{\"a\":[]}", false },
		{ "{}", "{\"a\":1}", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		HOLD(json_doc_drop) yyjson_doc *a = read_json(rows[i].a), *b = read_json(rows[i].b);

		assert_same_value(yyjson_doc_get_root(a), yyjson_doc_get_root(b), rows[i].same);
	}
}

static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(random_state >> 33) % limit;
}

static void random_text(struct buffer *out)
{
	static const char *const parts[] = { "a", "Z", "-", "_", " ", "7", ".", "\\\"", "\\\\", "\\n", "\\r", "\\t",
		"\\b", "\\u0001", "\\u007f", "\\u2028", "'", "#", "=", "}", "]", "\xC3\xA9", "\xF0\x9F\x98\x80",
		"\\ud83d\\ude00", "\"\"\"" + 3, "\\ufeff" };

	for (uint32_t i = random_below(6); i > 0; i--)
		buffer_append_text(out, parts[random_below(sizeof parts / sizeof parts[0])]);
}

static void random_value(struct buffer *out, unsigned depth);

static void random_object(struct buffer *out, unsigned depth)
{
	uint32_t count = random_below(5);

	buffer_append_byte(out, '{');
	for (uint32_t i = 0; i < count; i++) {
		buffer_append_text(out, i > 0 ? ",\"" : "\"");
		random_text(out);
		buffer_printf(out, "%s\":", i > 0 ? (char[]){ (char)('b' + i), 0 } : ""); /* no two are equal */
		random_value(out, depth - 1);
	}
	buffer_append_byte(out, '}');
}

static void random_value(struct buffer *out, unsigned depth)
{
	static const char *const scalars[] = { "null", "true", "false", "0", "-1", "9223372036854775807",
		"-9223372036854775808", "9223372036854775808", "18446744073709551615", "-0.0", "1e300", "5e-324", "0.1",
		"1e22", "123456789012345678901234567890", "1.0" };
	uint32_t kind = random_below(depth == 0 ? 2 : 4);

	if (kind == 0) {
		buffer_append_text(out, scalars[random_below(sizeof scalars / sizeof scalars[0])]);
	} else if (kind == 1) {
		buffer_append_byte(out, '"');
		random_text(out);
		buffer_append_byte(out, '"');
	} else if (kind == 2) {
		uint32_t count = random_below(5);

		buffer_append_byte(out, '[');
		for (uint32_t i = 0; i < count; i++) {
			buffer_append_text(out, i > 0 ? "," : "");
			random_value(out, depth - 1);
		}
		buffer_append_byte(out, ']');
	} else {
		random_object(out, depth);
	}
}

static void random_schemas_come_back(void **state)
{
	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		HOLD(notes_fini) struct schemas_notes notes = { 0 };
		HOLD(buffer_fini) struct buffer text = { 0 };

		random_state = round;
		random_object(&text, DEPTH);
		assert_round_trip(buffer_text(&text), &notes);
	}
}

/* ---- The public functions, on a folder of their own ---- */

struct folder {
	char path[64], file[96], module[96];
};

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
}

static char *read_file(const char *path)
{
	char *text = calloc(1, LIMIT_MANIFEST_BYTES + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_non_null(text);
	assert_true(fd >= 0);
	assert_true(read(fd, text, LIMIT_MANIFEST_BYTES) >= 0);
	assert_int_equal(close(fd), 0);
	return text;
}

#define MANIFEST HEADER "[[component]]\nfile = \"m.wasm\"\n"

static int set_up(void **state)
{
	struct folder *folder = calloc(1, sizeof *folder);

	assert_non_null(folder);
	(void)snprintf(folder->path, sizeof folder->path, "/tmp/capsule-schemas-XXXXXX");
	assert_non_null(mkdtemp(folder->path));
	(void)snprintf(folder->file, sizeof folder->file, "%s/Capsule.toml", folder->path);
	(void)snprintf(folder->module, sizeof folder->module, "%s/m.wasm", folder->path);
	write_file(folder->file, MANIFEST);
	write_file(folder->module, "");
	*state = folder;
	return 0;
}

/* Nothing else may be left in the folder. */
static int tear_down(void **state)
{
	struct folder *folder = *state;

	(void)unlink(folder->file);
	(void)unlink(folder->module);
	assert_int_equal(rmdir(folder->path), 0);
	free(folder);
	return 0;
}

static void schemas_drop(struct capsule_schemas **schemas)
{
	capsule_schemas_free(*schemas);
}

static struct capsule_schemas *open_schemas(const struct folder *folder)
{
	struct capsule_schemas *schemas = NULL;
	struct capsule_error err = { 0 };

	if (capsule_schemas_open(&schemas, folder->path, &err) != CAPSULE_OK)
		fail_msg("%s", err.text);
	return schemas;
}

static void compare_good(struct capsule_schemas *schemas, const char *answer)
{
	struct capsule_error err = { 0 };

	if (capsule_schemas_compare(schemas, answer, strlen(answer), &err) != CAPSULE_OK)
		fail_msg("%s: %s", answer, err.text);
}

static void every_shape_is_read(void **state)
{
	static const struct {
		const char *answer, *json;
	} rows[] = {
		{ "[{\"name\":\"a\",\"description\":\"d\",\"input_schema\":{\"x\":1}}]",
			"[{\"name\":\"a\",\"description\":\"d\",\"input_schema\":{\"x\":1},\"state\":\"missing\"}]" },
		{ "{\"tools\":[{\"name\":\"a\",\"input_schema\":{}}]}",
			"[{\"name\":\"a\",\"description\":null,\"input_schema\":{},\"state\":\"missing\"}]" },
		{ "{\"description\":\"of all\",\"tools\":[]}", "[]" },
		{ "{\"tools\":{}}", "[]" },
		{ "{\"tools\":{\"a\":{\"description\":\"d\",\"type\":\"object\"}},\"description\":\"of all\"}",
			"[{\"name\":\"a\",\"description\":\"d\",\"input_schema\":"
			"{\"description\":\"d\",\"type\":\"object\"},\"state\":\"missing\"}]" },
		{ "{\"a\":{\"description\":null,\"input_schema\":{}}}",
			"[{\"name\":\"a\",\"description\":null,\"input_schema\":{},\"state\":\"missing\"}]" },
		{ "{\"tools\":{\"type\":\"object\"}}",
			"[{\"name\":\"tools\",\"description\":null,\"input_schema\":{\"type\":\"object\"},\"state\":\"missing\"}]" },
		{ "{\"description\":{},\"tools\":{}}",
			"[{\"name\":\"description\",\"description\":null,\"input_schema\":{},\"state\":\"missing\"},"
			"{\"name\":\"tools\",\"description\":null,\"input_schema\":{},\"state\":\"missing\"}]" },
		{ "{}", "[]" },
		{ "[]", "[]" },
	};
	HOLD(schemas_drop) struct capsule_schemas *schemas = open_schemas(*state);

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		compare_good(schemas, rows[i].answer);
		assert_string_equal(capsule_schemas_json(schemas), rows[i].json);
	}
}

static void refuse(struct capsule_schemas *schemas, const char *answer, enum capsule_status status, const char *says)
{
	struct capsule_error err = { 0 };

	assert_int_equal(capsule_schemas_compare(schemas, answer, strlen(answer), &err), status);
	if (strstr(err.text, says) == NULL)
		fail_msg("%s: '%s' does not say '%s'", answer, err.text, says);
	assert_int_equal(capsule_schemas_count(schemas), 0);
	assert_string_equal(capsule_schemas_json(schemas), "[]");
}

static void anything_else_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *answer, *says;
	} rows[] = {
		{ "", "empty" },
		{ "[", "line 1, column 2" },
		{ "7", "expected an array or an object" },
		{ "{\"tools\":7}", "/tools: expected an array or an object" },
		{ "{\"tools\":[],\"x\":1}", "/x: no such member" },
		{ "{\"tools\":[],\"description\":1}", "/description: expected a string" },
		{ "[7]", "/0: expected a tool" },
		{ "[{\"input_schema\":{}}]", "/0/name: expected a string" },
		{ "{\"tools\":[{\"name\":1}]}", "/tools/0/name: expected a string" },
		{ "[{\"name\":\"\",\"input_schema\":{}}]", "/0: the name of the tool is empty" },
		{ "[{\"name\":\"a\\u0000b\",\"input_schema\":{}}]", "/0: the name of the tool contains a NUL" },
		{ "{\"a\\u0000b\":{}}", "the name of the tool contains a NUL" },
		{ "[{\"name\":\"a\"}]", "/0/input_schema: expected a JSON Schema" },
		{ "[{\"name\":\"a\",\"input_schema\":true}]", "/0/input_schema: expected a JSON Schema" },
		{ "[{\"name\":\"a\",\"input_schema\":{},\"more\":1}]", "/0/more: no such member" },
		{ "{\"a\":{\"input_schema\":{},\"name\":\"b\"}}", "/a/name: no such member" },
		{ "[{\"name\":\"a\",\"description\":1,\"input_schema\":{}}]", "/0/description: expected a string" },
		{ "{\"a\":{\"description\":\"\\u0000\"}}", "/a/description: contains a NUL" },
		{ "[{\"name\":\"a\",\"input_schema\":{}},{\"name\":\"b\",\"input_schema\":{}},{\"name\":\"a\",\"input_schema\":{}}]",
			"/2: a second tool `a`, the first is /0" },
		{ "{\"a\":{},\"a\":{}}", "repeated key \"a\"" },
		{ "{\"a\":[]}", "/a: expected a JSON Schema" },
		{ "[{\"name\":\"\xFF\",\"input_schema\":{}}]", "line 1" },
	};
	HOLD(schemas_drop) struct capsule_schemas *schemas = open_schemas(*state);

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		refuse(schemas, rows[i].answer, CAPSULE_EINVAL, rows[i].says);
}

static void limits_hold(void **state)
{
	HOLD(schemas_drop) struct capsule_schemas *schemas = open_schemas(*state);
	HOLD(buffer_fini) struct buffer many = { 0 }, deep = { 0 }, named = { 0 }, told = { 0 }, large = { 0 };

	buffer_append_byte(&many, '{');
	for (int i = 0; i <= LIMIT_MANIFEST_ENTRIES; i++)
		buffer_printf(&many, "%s\"t%d\":{}", i > 0 ? "," : "", i);
	buffer_append_byte(&many, '}');
	refuse(schemas, buffer_text(&many), CAPSULE_ELIMIT, "4097 tools, at most 4096");
	for (int i = 0; i < 1000; i++)
		buffer_append_text(&deep, "{\"a\":");
	refuse(schemas, buffer_text(&deep), CAPSULE_EINVAL, "line 1");
	buffer_append_byte(&deep, '1');
	for (int i = 0; i < 1000; i++)
		buffer_append_byte(&deep, '}');
	refuse(schemas, buffer_text(&deep), CAPSULE_ELIMIT, "nested deeper than 128");
	buffer_printf(&named, "{\"%0*d\":{}}", LIMIT_NAME + 1, 0);
	refuse(schemas, buffer_text(&named), CAPSULE_ELIMIT, "129 bytes, at most 128");
	buffer_printf(&told, "{\"a\":{\"description\":\"%0*d\"}}", (int)LIMIT_MANIFEST_TEXT + 1, 0);
	refuse(schemas, buffer_text(&told), CAPSULE_ELIMIT, "/a/description: 65537 bytes");
	buffer_printf(&large, "{\"a\":{\"x\":\"%0*d\"}}", (int)LIMIT_MANIFEST_BYTES, 0);
	refuse(schemas, buffer_text(&large), CAPSULE_ELIMIT, "the schema of the tool `a`");
}

static void states_are_told(void **state)
{
	const struct folder *folder = *state;
	static const enum capsule_schema_state expected[] = { CAPSULE_SCHEMA_SAME, CAPSULE_SCHEMA_DIFFERS,
		CAPSULE_SCHEMA_MISSING, CAPSULE_SCHEMA_DIFFERS, CAPSULE_SCHEMA_UNSERVED };
	struct capsule_schemas_item item;

	write_file(folder->file,
		MANIFEST "[[tool]]\nname = \"gone\"\ndescription = \"g\"\ninput_schema = { a = 1 }\n"
			 "[[tool]]\nname = \"same\"\ndescription = \"\"\n[tool.input_schema]\nb = 2\na = 1.0\n"
			 "[[tool]]\nname = \"told\"\ndescription = \"old\"\ninput_schema = { type = \"object\" }\n"
			 "[[tool]]\nname = \"other\"\ndescription = \"o\"\ninput_schema = { a = 1 }\n");
	HOLD(schemas_drop) struct capsule_schemas *schemas = open_schemas(folder);
	compare_good(schemas,
		"{\"same\":{\"a\":1,\"b\":2},\"told\":{\"description\":\"new\",\"input_schema\":{\"type\":\"object\"}},"
		"\"new\":{},\"other\":{\"a\":2}}");
	assert_int_equal(capsule_schemas_count(schemas), 5);
	for (size_t i = 0; i < 5; i++) {
		capsule_schemas_item(schemas, i, &item);
		assert_int_equal(item.state, expected[i]);
		assert_int_equal(item.description_differs, i == 1);
		assert_int_equal(item.schema_differs, i == 3);
	}
	assert_string_equal(item.name, "gone");
	assert_string_equal(item.input_schema, "{\"a\":1}");
	capsule_schemas_item(schemas, 5, &item);
	assert_null(item.name);
}

#define GREET "{\"greet\":{\"description\":\"Says hi\",\"input_schema\":{\"type\":\"object\"}},\"mute\":{}}"
#define ADDED                                                                                                          \
	"\n[[tool]]\nname = \"greet\"\ndescription = \"Says hi\"\ninput_schema = { type = \"object\" }\n"              \
	"\n[[tool]]\nname = \"mute\"\ndescription = \"\"\ninput_schema = {}\n"

static void missing_tools_are_added_once(void **state)
{
	const struct folder *folder = *state;
	struct capsule_error err = { 0 };
	HOLD(free_drop) char *text = NULL;
	struct stat info;
	size_t added = 9;

	write_file(folder->file, MANIFEST "# the end");
	assert_int_equal(chmod(folder->file, 0604), 0);
	HOLD(schemas_drop) struct capsule_schemas *schemas = open_schemas(folder);
	assert_int_equal(capsule_schemas_write(schemas, &added, &err), CAPSULE_ESTATE);
	compare_good(schemas, GREET);
	assert_int_equal(capsule_schemas_write(schemas, &added, &err), CAPSULE_OK);
	assert_int_equal(added, 2);
	text = read_file(folder->file);
	assert_string_equal(text, MANIFEST "# the end\n" ADDED);
	assert_int_equal(stat(folder->file, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0604);
	assert_string_equal(capsule_schemas_notes(schemas),
		"tool `mute`: the module has no description of it; write one into Capsule.toml\n");
	assert_non_null(strstr(capsule_schemas_json(schemas), "\"state\":\"added\""));
	assert_int_equal(capsule_schemas_write(schemas, &added, &err), CAPSULE_OK);
	assert_int_equal(added, 0);
	HOLD(schemas_drop) struct capsule_schemas *again = open_schemas(folder);
	compare_good(again, GREET);
	assert_int_equal(capsule_schemas_write(again, &added, &err), CAPSULE_OK);
	assert_int_equal(added, 0);
}

/* `before` is the file when it is looked at, `now` when it is written. */
static void assert_not_written(const struct folder *folder, const char *before, const char *now, const char *answer,
	enum capsule_status status, const char *says)
{
	struct capsule_error err = { 0 };
	HOLD(free_drop) char *text = NULL;
	size_t added = 9;

	write_file(folder->file, before);
	HOLD(schemas_drop) struct capsule_schemas *schemas = open_schemas(folder);
	compare_good(schemas, answer);
	write_file(folder->file, now);
	assert_int_equal(capsule_schemas_write(schemas, &added, &err), status);
	assert_int_equal(added, 0);
	if (strstr(err.text, says) == NULL)
		fail_msg("'%s' does not say '%s'", err.text, says);
	text = read_file(folder->file);
	assert_string_equal(text, now);
}

static void what_can_not_be_written_changes_nothing(void **state)
{
	const struct folder *folder = *state;
	HOLD(buffer_fini) struct buffer deep = { 0 }, large = { 0 };

	assert_not_written(folder, MANIFEST, MANIFEST "# more\n", GREET, CAPSULE_ESTATE, "was changed meanwhile");
	assert_not_written(folder, MANIFEST, HEADER, GREET, CAPSULE_ESTATE, "was changed meanwhile");
	assert_not_written(folder, "tool = []\n" MANIFEST, "tool = []\n" MANIFEST, GREET, CAPSULE_EMANIFEST,
		"must become [[tool]] tables");
	buffer_append_text(&deep, "{\"t\":");
	for (int i = 0; i < 120; i++)
		buffer_append_text(&deep, "{\"a\":");
	buffer_append_text(&deep, "{}");
	for (int i = 0; i < 121; i++)
		buffer_append_byte(&deep, '}');
	assert_not_written(folder, MANIFEST, MANIFEST, buffer_text(&deep), CAPSULE_EMANIFEST, "nested too deeply");
	buffer_append_byte(&large, '{');
	for (int i = 0; i < 3; i++)
		buffer_printf(&large, "%s\"t%d\":{\"x\":\"%0*d\"}", i > 0 ? "," : "", i, 500000, 0);
	buffer_append_byte(&large, '}');
	assert_not_written(folder, MANIFEST, MANIFEST, buffer_text(&large), CAPSULE_ELIMIT, "nothing was changed");
}

static void a_link_is_not_replaced(void **state)
{
	const struct folder *folder = *state;
	struct capsule_error err = { 0 };
	char real[128];
	size_t added;

	(void)snprintf(real, sizeof real, "%s/real", folder->path);
	assert_int_equal(rename(folder->file, real), 0);
	assert_int_equal(symlink("real", folder->file), 0);
	HOLD(schemas_drop) struct capsule_schemas *schemas = open_schemas(folder);
	compare_good(schemas, GREET);
	assert_int_equal(capsule_schemas_write(schemas, &added, &err), CAPSULE_ESTATE);
	assert_non_null(strstr(err.text, "is a link"));
	HOLD(free_drop) char *text = read_file(real);
	assert_string_equal(text, MANIFEST);
	assert_int_equal(unlink(real), 0);
}

static void a_module_outside_is_refused(void **state)
{
	const struct folder *folder = *state;
	struct capsule_schemas *schemas = NULL;
	struct capsule_error err = { 0 };

	assert_int_equal(unlink(folder->module), 0);
	assert_int_equal(capsule_schemas_open(&schemas, folder->path, &err), CAPSULE_ENOTFOUND);
	assert_int_equal(symlink("/etc/passwd", folder->module), 0);
	assert_int_equal(capsule_schemas_open(&schemas, folder->path, &err), CAPSULE_EMODULE);
	assert_int_equal(capsule_schemas_open(&schemas, "", &err), CAPSULE_EINVAL);
	assert_null(schemas);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_written_as_toml),
		cmocka_unit_test(what_toml_lacks_is_left_out_and_told),
		cmocka_unit_test(notes_have_a_limit),
		cmocka_unit_test(values_are_compared_by_worth),
		cmocka_unit_test(random_schemas_come_back),
		cmocka_unit_test_setup_teardown(every_shape_is_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(anything_else_is_refused_with_its_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(limits_hold, set_up, tear_down),
		cmocka_unit_test_setup_teardown(states_are_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(missing_tools_are_added_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_can_not_be_written_changes_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_link_is_not_replaced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_module_outside_is_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
