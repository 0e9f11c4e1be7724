/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule inspect: a module from outside. The library gives a JSON object; here it becomes tables. */
#include "cli/command.h"
#include "cli/json.h"
#include "cli/session.h"
#include "cli/table.h"
#include <capsule/check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_KIB 64

static bool add_fact(struct table *table, const char *name, const char *value)
{
	const struct table_cell cells[TABLE_COLUMNS] = { { name, STYLE_FAINT }, { value, STYLE_PLAIN } };

	return cli_table_add(table, cells);
}

static const char *memory_text(yyjson_val *memory, char *buffer, size_t size)
{
	uint64_t least = cli_json_number(memory, "pages_min"), most = cli_json_number(memory, "pages_max");

	if (!yyjson_is_obj(memory))
		(void)snprintf(buffer, size, "none");
	else if (yyjson_is_raw(yyjson_obj_get(memory, "pages_max")))
		(void)snprintf(buffer, size, "%s to %s KiB", CLI_NUMBER(least * PAGE_KIB), CLI_NUMBER(most * PAGE_KIB));
	else
		(void)snprintf(buffer, size, "%s KiB, may grow", CLI_NUMBER(least * PAGE_KIB));
	return buffer;
}

static bool print_module(const struct output *out, yyjson_val *module)
{
	const char *capsule = cli_json_string(module, "capsule"), *kind = cli_json_string(module, "kind");
	char size[48], memory[80];
	struct table table = { 0 };
	bool added;

	(void)snprintf(size, sizeof size, "%s bytes", CLI_NUMBER(cli_json_number(module, "bytes")));
	(void)memory_text(yyjson_obj_get(module, "memory"), memory, sizeof memory);
	added = add_fact(&table, "module", cli_json_string(module, "file")) &&
		(capsule == NULL || add_fact(&table, "capsule", capsule)) && add_fact(&table, "size", size) &&
		add_fact(&table, "blake3", cli_json_string(module, "blake3")) && add_fact(&table, "kind", kind) &&
		add_fact(&table, "memory", memory);
	if (added)
		cli_table_print(out, &table, 0);
	cli_table_fini(&table);
	return added;
}

static void print_heading(const struct output *out, const char *title, size_t count)
{
	char heading[64];

	(void)snprintf(heading, sizeof heading, "%s (%s)", title, CLI_NUMBER(count));
	(void)fputc('\n', stdout);
	cli_print_styled(stdout, out->colour, STYLE_HEADING, heading);
	(void)fputc('\n', stdout);
}

static const char *module_of(yyjson_val *import)
{
	const char *module = cli_json_string(import, "module");

	return module != NULL ? module : "";
}

static int compare_modules(const void *a, const void *b)
{
	yyjson_val *x = *(yyjson_val *const *)a, *y = *(yyjson_val *const *)b;
	int order = strcmp(module_of(x), module_of(y));

	return order != 0 ? order : (x > y) - (x < y); /* within a module as in the file: values lie in its order */
}

/* Print the first of `imports` and those behind it that come from the same module. Returns how many, 0 when memory ran out. */
static size_t print_group(const struct output *out, yyjson_val *const *imports, size_t count)
{
	struct table table = { 0 };
	bool added = true;
	size_t size = 0;

	for (; added && size < count && strcmp(module_of(imports[size]), module_of(imports[0])) == 0; size++) {
		bool unknown = yyjson_is_false(yyjson_obj_get(imports[size], "known"));
		const struct table_cell cells[TABLE_COLUMNS] = {
			{ cli_json_string(imports[size], "name"), STYLE_NAME },
			{ cli_json_string(imports[size], "kind"), STYLE_FAINT },
			{ cli_json_string(imports[size], "type"), STYLE_PLAIN },
			{ unknown ? "unknown: no such import" : NULL, STYLE_BAD },
		};

		added = cli_table_add(&table, cells);
	}
	if (added) {
		(void)fputs("  ", stdout);
		cli_print_styled(stdout, false, STYLE_PLAIN, module_of(imports[0]));
		(void)fputc('\n', stdout);
		cli_table_print(out, &table, 4);
	}
	cli_table_fini(&table);
	return added ? size : 0;
}

static bool print_imports(const struct output *out, yyjson_val *imports)
{
	yyjson_arr_iter items = yyjson_arr_iter_with(imports);
	yyjson_val **sorted = calloc(items.max + 1, sizeof *sorted);
	size_t printed = 0;

	if (sorted == NULL)
		return false;
	for (size_t i = 0; i < items.max; i++)
		sorted[i] = yyjson_arr_iter_next(&items);
	qsort(sorted, items.max, sizeof(yyjson_val *), compare_modules);
	print_heading(out, "imports", items.max);
	while (printed < items.max) {
		size_t size = print_group(out, sorted + printed, items.max - printed);

		if (size == 0)
			break;
		printed += size;
	}
	free(sorted);
	return printed == items.max;
}

static bool print_exports(const struct output *out, yyjson_val *exports)
{
	yyjson_arr_iter items = yyjson_arr_iter_with(exports);
	struct table table = { 0 };
	bool added = true;
	yyjson_val *item;

	print_heading(out, "exports", items.max);
	while (added && (item = yyjson_arr_iter_next(&items)) != NULL) {
		const struct table_cell cells[TABLE_COLUMNS] = {
			{ cli_json_string(item, "name"), STYLE_NAME },
			{ cli_json_string(item, "kind"), STYLE_FAINT },
			{ cli_json_string(item, "type"), STYLE_PLAIN },
		};

		added = cli_table_add(&table, cells);
	}
	if (added)
		cli_table_print(out, &table, 2);
	cli_table_fini(&table);
	return added;
}

static bool add_host_function(struct table *table, yyjson_val *function)
{
	const char *state = cli_json_string(function, "state");
	bool ok = state != NULL && strcmp(state, "ok") == 0, refused = state != NULL && strcmp(state, "refused") == 0;
	const struct table_cell cells[TABLE_COLUMNS] = {
		{ cli_json_string(function, "name"), STYLE_NAME },
		{ ok                      ? "ok"
				: refused ? "refused"
					  : "not part of this release",
			ok                ? STYLE_GOOD
				: refused ? STYLE_BAD
					  : STYLE_WARNING },
		{ cli_json_string(function, "capability"), STYLE_FAINT },
		{ refused ? cli_json_string(function, "reason") : NULL, STYLE_PLAIN },
	};

	return cli_table_add(table, cells);
}

static bool print_host_functions(const struct output *out, yyjson_val *functions)
{
	yyjson_arr_iter items = yyjson_arr_iter_with(functions);
	struct table table = { 0 };
	bool added = true;
	yyjson_val *item;

	print_heading(out, "host functions", items.max);
	while (added && (item = yyjson_arr_iter_next(&items)) != NULL)
		added = add_host_function(&table, item);
	if (added)
		cli_table_print(out, &table, 2);
	cli_table_fini(&table);
	return added;
}

static int print(const struct output *out, const char *json, size_t len)
{
	yyjson_doc *doc = cli_json_read(json, len);
	yyjson_val *module = yyjson_doc_get_root(doc);
	bool printed = doc != NULL && print_module(out, module) &&
		print_imports(out, yyjson_obj_get(module, "imports")) &&
		print_exports(out, yyjson_obj_get(module, "exports")) &&
		print_host_functions(out, yyjson_obj_get(module, "host_functions"));

	yyjson_doc_free(doc);
	return printed ? 0 : cli_say_memory();
}

static int inspect(struct cli *cli, struct session *session)
{
	struct capsule_op *op = NULL;
	const char *json;
	size_t len;
	int status;

	if (capsule_inspect(session->runtime, cli->operands[0], NULL, NULL, &op, session->error) != CAPSULE_OK)
		return cli_say_error(session->error);
	status = cli_session_wait(session, op, "inspecting", cli->operands[0]);
	if (status == 0) {
		json = capsule_op_result(op, &len);
		status = cli->options.json ? cli_json_print_text(&cli->out, json) : print(&cli->out, json, len);
	}
	capsule_op_free(op);
	return status;
}

int cmd_inspect(struct cli *cli)
{
	struct session session;
	int status = cli_session_open(&session, cli);

	if (status == 0)
		status = inspect(cli, &session);
	cli_session_close(&session);
	return status;
}
