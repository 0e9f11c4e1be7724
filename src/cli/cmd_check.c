/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule check: any number of manifests, all their problems, one verdict. */
#include "cli/command.h"
#include "cli/json.h"
#include <capsule/check.h>
#include <string.h>

struct totals {
	size_t errors, warnings, checked;
};

/* Add the problems of one report to `all`. */
static bool collect(yyjson_mut_doc *all, struct capsule_report *report)
{
	const char *json = capsule_report_json(report);
	yyjson_doc *problems = json != NULL ? cli_json_read(json, strlen(json)) : NULL;
	yyjson_arr_iter items = yyjson_arr_iter_with(yyjson_doc_get_root(problems));
	bool collected = problems != NULL;
	yyjson_val *item;

	while (collected && (item = yyjson_arr_iter_next(&items)) != NULL)
		collected = yyjson_mut_arr_append(yyjson_mut_doc_get_root(all), yyjson_val_mut_copy(all, item));
	yyjson_doc_free(problems);
	return collected;
}

static bool print_text(const struct output *out, struct capsule_report *report)
{
	const char *text = capsule_report_text(report, out->colour);

	if (text != NULL)
		(void)fputs(text, stdout);
	return text != NULL;
}

/* Check `path` and tell, or collect in `all` when that is not NULL. */
static int check(struct cli *cli, const char *path, yyjson_mut_doc *all, struct totals *totals)
{
	struct capsule_report *report = NULL;
	bool told;

	if (capsule_check(&report, path, cli->error) != CAPSULE_OK)
		return cli_say_error(cli->error);
	totals->errors += capsule_report_errors(report);
	totals->warnings += capsule_report_warnings(report);
	totals->checked++;
	told = all != NULL ? collect(all, report) : print_text(&cli->out, report);
	capsule_report_free(report);
	return told ? 0 : cli_say_memory();
}

static void print_summary(const struct totals *totals)
{
	if (totals->checked == 0)
		return;
	if (totals->errors == 0 && totals->warnings == 0)
		(void)printf("no problems found in %zu manifest%s\n", totals->checked, totals->checked == 1 ? "" : "s");
	else
		(void)printf("%zu error%s, %zu warning%s\n", totals->errors, totals->errors == 1 ? "" : "s",
			totals->warnings, totals->warnings == 1 ? "" : "s");
}

int cmd_check(struct cli *cli)
{
	struct totals totals = { 0 };
	yyjson_mut_doc *all = NULL;
	int status = 0;

	if (cli->options.json) {
		all = yyjson_mut_doc_new(NULL);
		if (all == NULL)
			return cli_say_memory();
		yyjson_mut_doc_set_root(all, yyjson_mut_arr(all));
	}
	for (size_t i = 0; i < cli->operand_count; i++) {
		int checked = check(cli, cli->operands[i], all, &totals);

		status = checked != 0 ? checked : status;
	}
	if (all == NULL)
		print_summary(&totals);
	else if (cli_json_print(&cli->out, all) != 0)
		status = 1;
	yyjson_mut_doc_free(all);
	return status == 0 && totals.errors > 0 ? 1 : status;
}
