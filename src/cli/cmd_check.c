/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule check: any number of manifests, all their problems, also with each other, one verdict. */
#include "cli/command.h"
#include "cli/json.h"
#include <capsule/check.h>
#include <stdlib.h>
#include <string.h>

struct totals {
	size_t errors, warnings, checked;
};

/* Of each operand; NULL for one that could not be read. */
struct reports {
	struct capsule_report **items;
	size_t count;
};

static void free_reports(struct reports *reports)
{
	for (size_t i = 0; i < reports->count; i++)
		capsule_report_free(reports->items[i]);
	free(reports->items);
}

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

/* Check all operands, in order; those that can't be read are left out. */
static int check_all(struct cli *cli, struct reports *reports)
{
	int status = 0;

	reports->items = calloc(cli->operand_count, sizeof(struct capsule_report *));
	if (reports->items == NULL)
		return cli_say_memory();
	for (size_t i = 0; i < cli->operand_count; i++) {
		if (capsule_check(&reports->items[reports->count], cli->operands[i], cli->error) == CAPSULE_OK)
			reports->count++;
		else
			status = cli_say_error(cli->error);
	}
	/* What one requires may be provided by one that could not be read. */
	if (status == 0 && capsule_check_together(reports->items, reports->count, cli->error) != CAPSULE_OK)
		status = cli_say_error(cli->error);
	return status;
}

/* Tell, or collect in `all` when that is not NULL. */
static int tell(struct cli *cli, struct capsule_report *report, yyjson_mut_doc *all, struct totals *totals)
{
	totals->errors += capsule_report_errors(report);
	totals->warnings += capsule_report_warnings(report);
	totals->checked++;
	return (all != NULL ? collect(all, report) : print_text(&cli->out, report)) ? 0 : cli_say_memory();
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

static int tell_all(struct cli *cli, const struct reports *reports, yyjson_mut_doc *all, struct totals *totals)
{
	int status = 0;

	for (size_t i = 0; i < reports->count; i++) {
		int told = tell(cli, reports->items[i], all, totals);

		status = told != 0 ? told : status;
	}
	return status;
}

int cmd_check(struct cli *cli)
{
	struct totals totals = { 0 };
	struct reports reports = { 0 };
	yyjson_mut_doc *all = NULL;
	int status, told;

	if (cli->options.json) {
		all = yyjson_mut_doc_new(NULL);
		if (all == NULL)
			return cli_say_memory();
		yyjson_mut_doc_set_root(all, yyjson_mut_arr(all));
	}
	status = check_all(cli, &reports);
	told = tell_all(cli, &reports, all, &totals);
	if (all == NULL)
		print_summary(&totals);
	else if (cli_json_print(&cli->out, all) != 0)
		told = 1;
	yyjson_mut_doc_free(all);
	free_reports(&reports);
	status = status != 0 ? status : told;
	return status == 0 && totals.errors > 0 ? 1 : status;
}
