/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "cli/run_stats.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/text.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define TOLD_MOST 8
#define NS_PER_US 1000
#define NS_PER_MS 1000000
#define NS_PER_S 1000000000

static yyjson_doc *read_stats(struct capsule_runtime *runtime)
{
	const char *text = capsule_event_stats_json(runtime);

	return text != NULL ? cli_json_read(text, strlen(text)) : NULL;
}

/* ---- For people ---- */

static bool add_row(struct table *table, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static bool add_row(struct table *table, const char *name, const char *format, ...)
{
	struct table_cell cells[TABLE_COLUMNS] = { { .text = name, .style = STYLE_FAINT } };
	char text[256];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	cells[1].text = text;
	return cli_table_add(table, cells);
}

static const char *number(yyjson_val *object, const char *key, char *buffer, size_t size)
{
	return cli_number(cli_json_number(object, key), buffer, size);
}
#define NUMBER(object, key) number(object, key, (char[32]){ 0 }, 32)

/* A time with the unit that suits it. */
static const char *time_text(yyjson_val *object, const char *key, char *buffer, size_t size)
{
	uint64_t ns = cli_json_number(object, key);

	if (ns < NS_PER_MS)
		(void)snprintf(buffer, size, "%.1f µs", (double)ns / NS_PER_US);
	else if (ns < NS_PER_S)
		(void)snprintf(buffer, size, "%.1f ms", (double)ns / NS_PER_MS);
	else
		(void)snprintf(buffer, size, "%.1f s", (double)ns / NS_PER_S);
	return buffer;
}
#define TIME_TEXT(object, key) time_text(object, key, (char[32]){ 0 }, 32)

static bool add_outcomes(struct table *table, yyjson_val *object)
{
	yyjson_val *dropped = yyjson_obj_get(object, "dropped");

	return add_row(table, "received", "%s: delivered %s, failed %s, vetoed %s, pending %s",
		       NUMBER(object, "matched"), NUMBER(object, "delivered"), NUMBER(object, "failed"),
		       NUMBER(object, "vetoed"), NUMBER(object, "pending")) &&
		add_row(table, "dropped", "overflow %s, too large %s, gone %s, no memory %s",
			NUMBER(dropped, "overflow"), NUMBER(dropped, "too_large"), NUMBER(dropped, "gone"),
			NUMBER(dropped, "no_memory"));
}

static bool add_capsule(struct table *table, yyjson_val *capsule)
{
	yyjson_val *queue = yyjson_obj_get(capsule, "queue");

	return add_row(table, "published", "%s, refused %s", NUMBER(capsule, "published"),
		       NUMBER(capsule, "refused")) &&
		add_outcomes(table, capsule) &&
		add_row(table, "decided", "vetoed %s, rewritten %s", NUMBER(capsule, "vetoes"),
			NUMBER(capsule, "rewrites")) &&
		add_row(table, "queue", "%s messages, %s bytes; most at once %s messages", NUMBER(queue, "messages"),
			NUMBER(queue, "bytes"), NUMBER(queue, "most_messages")) &&
		add_row(table, "limits", "%s messages, %s bytes", NUMBER(queue, "max_messages"),
			NUMBER(queue, "max_bytes")) &&
		add_row(table, "time", "CPU %s, p50 %s, p99 %s", TIME_TEXT(capsule, "cpu_ns"),
			TIME_TEXT(capsule, "p50_ns"), TIME_TEXT(capsule, "p99_ns"));
}

static bool print_block(
	const struct output *out, const char *heading, yyjson_val *object, bool (*add)(struct table *, yyjson_val *))
{
	struct table table = { 0 };
	bool added = add(&table, object);

	cli_print_styled(stdout, out->colour, STYLE_HEADING, heading != NULL ? heading : "");
	(void)fputc('\n', stdout);
	if (added)
		cli_table_print(out, &table, 2);
	cli_table_fini(&table);
	return added;
}

static bool print_text(const struct output *out, yyjson_val *stats)
{
	yyjson_arr_iter capsules = yyjson_arr_iter_with(yyjson_obj_get(stats, "capsules"));
	bool printed = print_block(out, "all events", stats, add_outcomes);
	yyjson_val *capsule;

	while (printed && (capsule = yyjson_arr_iter_next(&capsules)) != NULL)
		printed = print_block(out, cli_json_string(capsule, "capsule"), capsule, add_capsule);
	return printed;
}

/* ---- For programs ---- */

static bool print_json(const struct output *out, struct capsule_runtime *runtime)
{
	const char *stats = capsule_event_stats_json(runtime);

	if (stats == NULL)
		return false;
	(void)fputs("{\"stats\":", stdout);
	cli_print_answer(out, stats, strlen(stats), false);
	(void)fputs("}\n", stdout);
	return true;
}

int run_stats_print(const struct output *out, struct capsule_runtime *runtime, bool json)
{
	yyjson_doc *doc = json ? NULL : read_stats(runtime);
	bool printed = json ? print_json(out, runtime) : doc != NULL && print_text(out, yyjson_doc_get_root(doc));

	yyjson_doc_free(doc);
	return printed ? 0 : cli_say_memory();
}

/* ---- What the command wants to know ---- */

uint64_t run_stats_pending(struct capsule_runtime *runtime)
{
	yyjson_doc *doc = read_stats(runtime);
	uint64_t pending = doc != NULL ? cli_json_number(yyjson_doc_get_root(doc), "pending") : UINT64_MAX;

	yyjson_doc_free(doc);
	return pending;
}

static void lower(uint64_t *limit, uint64_t room)
{
	uint64_t quarter = room / 4 > 0 ? room / 4 : 1;

	*limit = quarter < *limit ? quarter : *limit;
}

void run_stats_bound(struct capsule_runtime *runtime, uint64_t *messages, uint64_t *bytes)
{
	yyjson_doc *doc = read_stats(runtime);
	yyjson_arr_iter capsules = yyjson_arr_iter_with(yyjson_obj_get(yyjson_doc_get_root(doc), "capsules"));
	yyjson_val *capsule;

	while ((capsule = yyjson_arr_iter_next(&capsules)) != NULL) {
		yyjson_val *queue = yyjson_obj_get(capsule, "queue");

		lower(messages, cli_json_number(queue, "max_messages"));
		lower(bytes, cli_json_number(queue, "max_bytes"));
	}
	yyjson_doc_free(doc);
}

void run_stats_tell_pending(struct capsule_runtime *runtime)
{
	yyjson_doc *doc = read_stats(runtime);
	yyjson_arr_iter capsules = yyjson_arr_iter_with(yyjson_obj_get(yyjson_doc_get_root(doc), "capsules"));
	yyjson_val *capsule;
	unsigned told = 0;

	while (told < TOLD_MOST && (capsule = yyjson_arr_iter_next(&capsules)) != NULL) {
		uint64_t pending = cli_json_number(capsule, "pending");
		const char *id = cli_json_string(capsule, "capsule");

		if (pending == 0 || id == NULL)
			continue;
		told++;
		(void)cli_say("'%s' has %s that it has not dealt with", CLI_SHORT(id), CLI_NUMBER(pending));
	}
	yyjson_doc_free(doc);
}
