/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule schemas: the tools that a module says it has, beside those of its manifest. */
#include "cli/json.h"
#include "cli/session.h"
#include "cli/table.h"
#include <capsule/check.h>
#include <string.h>

struct look {
	const char *word;
	enum style style;
};

static const struct look looks[] = {
	[CAPSULE_SCHEMA_SAME] = { "same", STYLE_GOOD },
	[CAPSULE_SCHEMA_DIFFERS] = { "differs", STYLE_WARNING },
	[CAPSULE_SCHEMA_MISSING] = { "missing", STYLE_BAD },
	[CAPSULE_SCHEMA_UNSERVED] = { "unserved", STYLE_WARNING },
	[CAPSULE_SCHEMA_ADDED] = { "added", STYLE_GOOD },
};

static const char *what_differs(const struct capsule_schemas_item *item)
{
	if (item->description_differs)
		return item->schema_differs ? "description, input_schema" : "description";
	return item->schema_differs ? "input_schema" : NULL;
}

static int print_table(const struct output *out, const struct capsule_schemas *schemas)
{
	size_t count = capsule_schemas_count(schemas), missing = 0;
	struct table table = { 0 };
	bool made = true;

	for (size_t i = 0; i < count && made; i++) {
		struct capsule_schemas_item item;

		capsule_schemas_item(schemas, i, &item);
		missing += item.state == CAPSULE_SCHEMA_MISSING;
		made = cli_table_add(&table,
			(struct table_cell[TABLE_COLUMNS]){ { item.name, STYLE_NAME },
				{ looks[item.state].word, looks[item.state].style },
				{ what_differs(&item), STYLE_FAINT } });
	}
	if (made)
		cli_table_print(out, &table, 0);
	cli_table_fini(&table);
	if (!made)
		return cli_say_memory();
	if (count == 0)
		(void)puts("no tools");
	if (missing > 0)
		(void)printf("--write adds what is missing to the manifest\n");
	return 0;
}

/* A line each, on standard error: they are about what was written and no part of the result. */
static int print_notes(struct capsule_schemas *schemas)
{
	const char *lines = capsule_schemas_notes(schemas);

	if (lines == NULL)
		return cli_say_memory();
	(void)cli_say_lines(lines);
	return 0;
}

static int show(struct cli *cli, struct capsule_schemas *schemas, const char *answer, size_t len)
{
	size_t added = 0;
	int status;

	if (capsule_schemas_compare(schemas, answer, len, cli->error) != CAPSULE_OK)
		return cli_say_error(cli->error);
	if (cli->options.write && capsule_schemas_write(schemas, &added, cli->error) != CAPSULE_OK)
		return cli_say_error(cli->error);
	if (cli->options.json) {
		const char *json = capsule_schemas_json(schemas);

		status = json != NULL ? cli_json_print_text(&cli->out, json) : cli_say_memory();
	} else {
		status = print_table(&cli->out, schemas);
	}
	(void)fflush(stdout); /* before the notes, where both streams go to one place */
	return status == 0 && added > 0 ? print_notes(schemas) : status;
}

static int call(struct cli *cli, struct session *session, struct capsule_schemas *schemas)
{
	struct capsule *capsule = NULL;
	struct capsule_op *op = NULL;
	int status = cli_session_load(session, cli, capsule_schemas_module(schemas), true, &capsule);

	if (status != 0)
		return status;
	if (capsule_call_export(capsule, CAPSULE_SCHEMAS_EXPORT, "", 0, NULL, NULL, &op, cli->error) != CAPSULE_OK)
		return cli_say_error(cli->error);
	status = cli_session_wait(session, op, "calling", CAPSULE_SCHEMAS_EXPORT);
	if (status == 0) {
		size_t len;
		const char *answer = capsule_op_result(op, &len);

		status = show(cli, schemas, answer, len);
	} else if (capsule_error_status(capsule_op_error(op)) == CAPSULE_ENOTFOUND) {
		(void)cli_say(
			"the module does not tell its tools: write [[tool]] tables by hand, or let it export " CAPSULE_SCHEMAS_EXPORT
			", which answers {\"tools\":[{\"name\":...,\"description\":...,\"input_schema\":{...}}]}");
	}
	capsule_op_free(op);
	return status;
}

int cmd_schemas(struct cli *cli)
{
	struct capsule_schemas *schemas = NULL;
	struct session session;
	int status;

	if (capsule_schemas_open(&schemas, cli->operands[0], cli->error) != CAPSULE_OK)
		return cli_say_error(cli->error);
	status = cli_session_open(&session, cli);
	if (status == 0)
		status = call(cli, &session, schemas);
	cli_session_close(&session);
	capsule_schemas_free(schemas);
	return status;
}
