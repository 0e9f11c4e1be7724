/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule cache: the folder of compiled modules, for people and for programs. */
#include "cli/command.h"
#include "cli/json.h"
#include "cli/path.h"
#include "cli/table.h"
#include <capsule/cache.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HASH_SHOWN 12 /* digits; enough to tell modules apart */

/* "12,345 bytes" up to 10 KiB, then with one decimal. */
static const char *size_text(uint64_t bytes, char *buffer, size_t size)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB" };
	double value = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < UINT64_C(10240)) {
		(void)snprintf(buffer, size, "%s byte%s", CLI_NUMBER(bytes), bytes == 1 ? "" : "s");
		return buffer;
	}
	for (; value >= 1024 && unit + 1 < sizeof units / sizeof units[0]; unit++)
		value /= 1024;
	(void)snprintf(buffer, size, "%.1f %s", value, units[unit]);
	return buffer;
}

static const char *time_text(uint64_t seconds, char *buffer, size_t size)
{
	time_t when = (time_t)seconds;
	struct tm parts;

	if (seconds == 0 || localtime_r(&when, &parts) == NULL || strftime(buffer, size, "%Y-%m-%d %H:%M", &parts) == 0)
		(void)snprintf(buffer, size, "-");
	return buffer;
}

static enum style state_style(const char *state)
{
	return strcmp(state, "broken") == 0 ? STYLE_BAD : strcmp(state, "ok") == 0 ? STYLE_GOOD : STYLE_FAINT;
}

static bool is_broken(yyjson_val *entry)
{
	const char *state = cli_json_string(entry, "state");

	return state == NULL || strcmp(state, "broken") == 0;
}

static bool add_entry(struct table *table, yyjson_val *entry)
{
	const char *name = cli_json_string(entry, "name"), *module = cli_json_string(entry, "module");
	const char *state = cli_json_string(entry, "state"), *key = cli_json_string(entry, "key");
	char hash[HASH_SHOWN + 1], size[48], used[48];
	const struct table_cell cells[TABLE_COLUMNS] = {
		{ name != NULL && name[0] != '\0' ? name : key, STYLE_NAME },
		{ hash, STYLE_FAINT },
		{ size_text(cli_json_number(entry, "bytes"), size, sizeof size), STYLE_PLAIN },
		{ time_text(cli_json_number(entry, "used"), used, sizeof used), STYLE_PLAIN },
		{ state, state_style(state != NULL ? state : "broken") },
	};

	(void)snprintf(hash, sizeof hash, "%s", module != NULL && module[0] != '\0' ? module : "-");
	return cli_table_add(table, cells);
}

/* Print the entries, or those of them that are broken. */
static bool print_entries(const struct output *out, yyjson_val *root, bool broken_only)
{
	static const struct table_cell titles[TABLE_COLUMNS] = { { "NAME", STYLE_HEADING }, { "MODULE", STYLE_HEADING },
		{ "SIZE", STYLE_HEADING }, { "LAST USED", STYLE_HEADING }, { "STATE", STYLE_HEADING } };
	yyjson_arr_iter items = yyjson_arr_iter_with(yyjson_obj_get(root, "entries"));
	struct table table = { 0 };
	bool added = cli_table_add(&table, titles);
	yyjson_val *entry;

	while (added && (entry = yyjson_arr_iter_next(&items)) != NULL) {
		if (!broken_only || is_broken(entry))
			added = add_entry(&table, entry);
	}
	if (added && table.count > 1)
		cli_table_print(out, &table, 0);
	cli_table_fini(&table);
	return added;
}

static size_t count_broken(yyjson_val *root)
{
	yyjson_arr_iter items = yyjson_arr_iter_with(yyjson_obj_get(root, "entries"));
	yyjson_val *entry;
	size_t count = 0;

	while ((entry = yyjson_arr_iter_next(&items)) != NULL)
		count += is_broken(entry);
	return count;
}

static const char *plural(size_t count)
{
	return count == 1 ? "entry" : "entries";
}

static int list(struct cli *cli, yyjson_val *root)
{
	size_t count = yyjson_arr_size(yyjson_obj_get(root, "entries"));
	const char *dir = cli_json_string(root, "dir");
	char size[48];

	if (!print_entries(&cli->out, root, false))
		return cli_say_memory();
	(void)printf("%s %s, %s, in ", CLI_NUMBER(count), plural(count),
		size_text(cli_json_number(root, "bytes"), size, sizeof size));
	cli_print_styled(stdout, false, STYLE_PLAIN, dir != NULL ? dir : "");
	(void)fputc('\n', stdout);
	return 0;
}

static int verify(struct cli *cli, yyjson_val *root)
{
	size_t count = yyjson_arr_size(yyjson_obj_get(root, "entries")), broken = count_broken(root);

	if (!print_entries(&cli->out, root, true))
		return cli_say_memory();
	(void)printf("%s %s read, %s broken%s\n", CLI_NUMBER(count), plural(count), CLI_NUMBER(broken),
		broken > 0 && cli->options.remove ? " and removed" : "");
	if (broken > 0 && !cli->options.remove)
		(void)fputs("'capsule cache verify --remove' removes what is broken\n", stdout);
	return 0;
}

/* Both list and verify: the library's JSON as it is, or as a table. */
static int show(struct cli *cli, struct capsule_cache *cache, bool verified)
{
	const char *json = NULL;
	enum capsule_status found = verified ? capsule_cache_verify(cache, cli->options.remove, &json, cli->error)
					     : capsule_cache_list(cache, &json, cli->error);
	yyjson_doc *doc;
	yyjson_val *root;
	int status;

	if (found != CAPSULE_OK)
		return cli_say_error(cli->error);
	doc = cli_json_read(json, strlen(json));
	if (doc == NULL)
		return cli_say_memory();
	root = yyjson_doc_get_root(doc);
	if (!cli->options.json)
		status = verified ? verify(cli, root) : list(cli, root);
	else
		status = cli_json_print_text(&cli->out, json);
	if (status == 0 && verified && !cli->options.remove && count_broken(root) > 0)
		status = 1;
	yyjson_doc_free(doc);
	return status;
}

static int print_cleared(const struct output *out, uint64_t entries, uint64_t bytes)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	bool made;
	int status;

	yyjson_mut_doc_set_root(doc, root);
	made = yyjson_mut_obj_add_uint(doc, root, "entries", entries) &&
		yyjson_mut_obj_add_uint(doc, root, "bytes", bytes);
	status = made ? cli_json_print(out, doc) : cli_say_memory();
	yyjson_mut_doc_free(doc);
	return status;
}

static int clear(struct cli *cli, struct capsule_cache *cache)
{
	uint64_t entries = 0, bytes = 0;
	char size[48];

	if (capsule_cache_clear(cache, &entries, &bytes, cli->error) != CAPSULE_OK)
		return cli_say_error(cli->error);
	if (cli->options.json)
		return print_cleared(&cli->out, entries, bytes);
	(void)printf(
		"%s %s removed, %s freed\n", CLI_NUMBER(entries), plural(entries), size_text(bytes, size, sizeof size));
	return 0;
}

static int run(struct cli *cli, struct capsule_cache *cache, const char *verb)
{
	if (strcmp(verb, "clear") == 0)
		return clear(cli, cache);
	return show(cli, cache, strcmp(verb, "verify") == 0);
}

int cmd_cache(struct cli *cli)
{
	const char *verb = cli->operand_count > 0 ? cli->operands[0] : "list";
	struct capsule_cache *cache = NULL;
	char *home = NULL, *dir = NULL;
	int status;

	if (cli->options.remove && strcmp(verb, "verify") != 0) {
		(void)cli_say("--remove goes with 'verify': capsule cache verify --remove");
		return 2;
	}
	status = cli_path_absolute(cli->options.home, &home);
	if (status == 0 && home != NULL) {
		dir = cli_path_printf("%s/cache/capsules", home);
		status = dir != NULL ? 0 : 1;
	}
	if (status == 0 && capsule_cache_open(&cache, dir, cli->error) != CAPSULE_OK)
		status = cli_say_error(cli->error);
	if (status == 0)
		status = run(cli, cache, verb);
	if (cache != NULL)
		capsule_cache_close(cache);
	free(dir);
	free(home);
	return status;
}
