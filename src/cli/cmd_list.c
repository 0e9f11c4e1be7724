/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule list: which capsules there are, and why some of them are not used. */
#include "cli/command.h"
#include "cli/found.h"
#include "cli/json.h"
#include "cli/path.h"
#include "cli/table.h"
#include <stdlib.h>
#include <string.h>

static enum style state_style(const char *state)
{
	if (strcmp(state, "good") == 0)
		return STYLE_GOOD;
	return strcmp(state, "broken") == 0 ? STYLE_BAD : STYLE_WARNING;
}

static bool add_found(struct table *table, const struct capsule_found *found)
{
	const struct table_cell cells[TABLE_COLUMNS] = {
		{ found->id != NULL ? found->id : "-", STYLE_NAME },
		{ found->version != NULL ? found->version : "-", STYLE_PLAIN },
		{ found->state, state_style(found->state) },
		{ found->origin, STYLE_FAINT },
		{ found->dir, STYLE_PLAIN },
	};

	return cli_table_add(table, cells) && (found->problem == NULL || cli_table_note(table, found->problem));
}

static int print_table(const struct output *out, const struct capsule_discovery *discovery)
{
	static const struct table_cell titles[TABLE_COLUMNS] = { { "ID", STYLE_HEADING }, { "VERSION", STYLE_HEADING },
		{ "STATE", STYLE_HEADING }, { "ORIGIN", STYLE_HEADING }, { "FOLDER", STYLE_HEADING } };
	size_t count = capsule_discovery_count(discovery);
	struct table table = { 0 };
	bool added = cli_table_add(&table, titles);

	for (size_t i = 0; i < count && added; i++) {
		struct capsule_found found;

		capsule_discovery_item(discovery, i, &found);
		added = add_found(&table, &found);
	}
	if (added && count > 0)
		cli_table_print(out, &table, 0);
	else if (added)
		cli_found_tell_places(stdout, "no capsules in:", discovery);
	cli_table_fini(&table);
	return added ? 0 : cli_say_memory();
}

static bool add_object(yyjson_mut_doc *doc, yyjson_mut_val *array, const struct capsule_found *found)
{
	yyjson_mut_val *object = yyjson_mut_arr_add_obj(doc, array);

	return object != NULL && cli_json_add_text(doc, object, "id", found->id) &&
		cli_json_add_text(doc, object, "version", found->version) &&
		cli_json_add_text(doc, object, "description", found->description) &&
		cli_json_add_text(doc, object, "dir", found->dir) &&
		cli_json_add_text(doc, object, "origin", found->origin) &&
		cli_json_add_text(doc, object, "state", found->state) &&
		cli_json_add_text(doc, object, "problem", found->problem) &&
		yyjson_mut_obj_add_uint(doc, object, "tools", found->tools);
}

static int print_json(const struct output *out, const struct capsule_discovery *discovery)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *array = yyjson_mut_arr(doc);
	bool made = array != NULL;
	int status;

	yyjson_mut_doc_set_root(doc, array);
	for (size_t i = 0; i < capsule_discovery_count(discovery) && made; i++) {
		struct capsule_found found;

		capsule_discovery_item(discovery, i, &found);
		made = add_object(doc, array, &found);
	}
	status = made ? cli_json_print(out, doc) : cli_say_memory();
	yyjson_mut_doc_free(doc);
	return status;
}

static bool any_broken(const struct capsule_discovery *discovery)
{
	for (size_t i = 0; i < capsule_discovery_count(discovery); i++) {
		struct capsule_found found;

		capsule_discovery_item(discovery, i, &found);
		if (strcmp(found.state, "broken") == 0)
			return true;
	}
	return false;
}

int cmd_list(struct cli *cli)
{
	struct capsule_discover_options options = { .size = sizeof options,
		.roots = cli->operands,
		.root_count = cli->operand_count,
		.workspace = cli->options.workspace,
		.trust = cli->options.trust };
	struct capsule_discovery *discovery = NULL;
	char *home = NULL;
	int status = cli_path_absolute(cli->options.home, &home), told;

	options.home = home;
	if (status == 0 && capsule_discover(&discovery, &options, cli->error) != CAPSULE_OK)
		status = cli_say_error(cli->error);
	if (status == 0) {
		told = cli_say_lines(capsule_discovery_warnings(discovery)); /* of whole folders */
		status = cli->options.json ? print_json(&cli->out, discovery) : print_table(&cli->out, discovery);
		if (status == 0 && (told != 0 || any_broken(discovery)))
			status = 1;
	}
	capsule_discovery_free(discovery);
	free(home);
	return status;
}
