/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule fs: what a capsule wrote over a workspace, for people and for programs. */
#include "cli/command.h"
#include "cli/json.h"
#include "cli/path.h"
#include <capsule/check.h>
#include <capsule/files.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef enum capsule_status look_fn(
	struct capsule_overlay *overlay, const char *path, const char **json, struct capsule_error *err);

struct verb {
	const char *name;
	look_fn *run;
	int (*print)(const struct cli *cli, yyjson_val *answer, const struct capsule_overlay *overlay);
};

static const char *path_of(yyjson_val *item)
{
	return yyjson_is_str(item) ? yyjson_get_str(item) : cli_json_string(item, "path");
}

static bool has_path(yyjson_mut_val *items, const char *path)
{
	yyjson_mut_arr_iter each = yyjson_mut_arr_iter_with(items);
	yyjson_mut_val *item;

	while ((item = yyjson_mut_arr_iter_next(&each)) != NULL) {
		yyjson_mut_val *own = yyjson_mut_is_str(item) ? item : yyjson_mut_obj_get(item, "path");

		if (path != NULL && yyjson_mut_equals_str(own, path))
			return true;
	}
	return false;
}

/* Append `items` to those of `all`, unless they are there already. */
static bool join_arrays(yyjson_mut_doc *doc, yyjson_mut_val *all, yyjson_val *items)
{
	yyjson_arr_iter each = yyjson_arr_iter_with(items);
	bool first = yyjson_mut_arr_size(all) == 0;
	yyjson_val *item;

	while ((item = yyjson_arr_iter_next(&each)) != NULL) {
		if (!first && has_path(all, path_of(item)))
			continue;
		if (!yyjson_mut_arr_append(all, yyjson_val_mut_copy(doc, item)))
			return false;
	}
	return true;
}

/* The answers for several paths become one: arrays end to end, each path in them once. */
static bool join(yyjson_mut_doc *answers, yyjson_val *root)
{
	yyjson_mut_val *all = yyjson_mut_doc_get_root(answers);
	yyjson_obj_iter members;
	yyjson_val *key;

	if (all == NULL) {
		yyjson_mut_doc_set_root(answers, yyjson_val_mut_copy(answers, root));
		return yyjson_mut_doc_get_root(answers) != NULL;
	}
	if (yyjson_is_arr(root))
		return join_arrays(answers, all, root);
	members = yyjson_obj_iter_with(root);
	while ((key = yyjson_obj_iter_next(&members)) != NULL)
		if (!join_arrays(answers, yyjson_mut_obj_get(all, yyjson_get_str(key)), yyjson_obj_iter_get_val(key)))
			return false;
	return true;
}

static void print_path(const struct output *out, enum style style, const char *letter, const char *path)
{
	cli_print_styled(stdout, out->colour, style, letter);
	(void)fputs(" ", stdout);
	cli_print_styled(stdout, out->colour, STYLE_NAME, path);
}

static const char *plural(size_t count, const char *one, const char *many)
{
	return count == 1 ? one : many;
}

/* ` --name value` for the command that is advised, owned; "" when the option was not given, NULL after having said why. */
static char *option_again(const char *name, const char *value)
{
	char *word = value != NULL ? cli_path_word(value) : NULL, *option;

	if (value == NULL)
		return cli_path_printf("%s", "");
	option = word != NULL ? cli_path_printf(" --%s %s", name, word) : NULL;
	free(word);
	return option;
}

/* What can be done about conflicts. */
static void explain_conflicts(const struct cli *cli, size_t count, const struct capsule_overlay *overlay)
{
	char *capsule = cli_path_word(cli->operands[1]);
	char *workspace = option_again("workspace", cli->options.workspace);
	char *home = option_again("home", cli->options.home);

	(void)fflush(stdout);
	if (capsule != NULL && workspace != NULL && home != NULL)
		(void)cli_say(
			"%s %s: the workspace changed in the same place since the capsule wrote there, so it is left as "
			"it is. To keep what the workspace has: capsule fs rollback %s PATH%s%s. To take the "
			"capsule's: copy it from %s/upper, then commit again",
			CLI_NUMBER(count), plural(count, "conflict", "conflicts"), capsule, workspace, home,
			capsule_overlay_dir(overlay));
	free(capsule);
	free(workspace);
	free(home);
}

static int print_diff(const struct cli *cli, yyjson_val *answer, const struct capsule_overlay *overlay)
{
	static const struct {
		const char *status, *letter;
		enum style style;
	} kinds[] = { { "added", "A", STYLE_GOOD }, { "modified", "M", STYLE_WARNING }, { "deleted", "D", STYLE_BAD },
		{ "folder", "F", STYLE_GOOD } };
	yyjson_arr_iter each = yyjson_arr_iter_with(answer);
	size_t conflicts = 0;
	yyjson_val *item;

	while ((item = yyjson_arr_iter_next(&each)) != NULL) {
		const char *status = cli_json_string(item, "status"), *path = path_of(item);
		bool conflict = yyjson_get_bool(yyjson_obj_get(item, "conflict"));

		for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
			if (status != NULL && strcmp(status, kinds[i].status) == 0)
				cli_print_styled(stdout, cli->out.colour, kinds[i].style, kinds[i].letter);
		print_path(&cli->out, STYLE_BAD, conflict ? "!" : " ", path);
		if (!yyjson_is_null(yyjson_obj_get(item, "new_size")))
			(void)printf("  %s bytes", CLI_NUMBER(cli_json_number(item, "new_size")));
		(void)fputc('\n', stdout);
		conflicts += conflict;
	}
	if (yyjson_arr_size(answer) == 0)
		(void)puts("no changes");
	if (conflicts > 0)
		explain_conflicts(cli, conflicts, overlay);
	return 0;
}

static void print_paths(const struct cli *cli, yyjson_val *items, enum style style, const char *letter)
{
	yyjson_arr_iter each = yyjson_arr_iter_with(items);
	yyjson_val *item;

	while ((item = yyjson_arr_iter_next(&each)) != NULL) {
		const char *reason = cli_json_string(item, "reason");

		print_path(&cli->out, style, letter, path_of(item));
		if (reason != NULL) {
			(void)fputs("  ", stdout);
			cli_print_styled(stdout, false, STYLE_PLAIN, reason);
		}
		(void)fputc('\n', stdout);
	}
}

static int print_commit(const struct cli *cli, yyjson_val *answer, const struct capsule_overlay *overlay)
{
	yyjson_val *committed = yyjson_obj_get(answer, "committed"), *failed = yyjson_obj_get(answer, "failed");
	yyjson_val *conflicts = yyjson_obj_get(answer, "conflicts");
	size_t done = yyjson_arr_size(committed), left = yyjson_arr_size(failed);

	print_paths(cli, committed, STYLE_GOOD, "committed");
	print_paths(cli, conflicts, STYLE_WARNING, "conflict ");
	print_paths(cli, failed, STYLE_BAD, "failed   ");
	(void)printf("%s %s committed\n", CLI_NUMBER(done), plural(done, "change", "changes"));
	if (yyjson_arr_size(conflicts) > 0)
		explain_conflicts(cli, yyjson_arr_size(conflicts), overlay);
	(void)fflush(stdout);
	if (left > 0)
		(void)cli_say("%s %s could not be made and %s in the overlay: remove the reason, then commit again",
			CLI_NUMBER(left), plural(left, "change", "changes"), plural(left, "stays", "stay"));
	return 0;
}

static int print_rollback(const struct cli *cli, yyjson_val *answer, const struct capsule_overlay *overlay)
{
	yyjson_val *dropped = yyjson_obj_get(answer, "dropped");
	size_t count = yyjson_arr_size(dropped);

	(void)overlay;
	print_paths(cli, dropped, STYLE_BAD, "dropped");
	(void)printf("%s %s dropped\n", CLI_NUMBER(count), plural(count, "change", "changes"));
	return 0;
}

/* Print what came together. Returns the exit status. */
static int print_answers(
	const struct cli *cli, const struct verb *verb, yyjson_mut_doc *answers, const struct capsule_overlay *overlay)
{
	yyjson_doc *doc = yyjson_mut_doc_imut_copy(answers, NULL);
	yyjson_val *root = yyjson_doc_get_root(doc);
	int status;

	if (doc == NULL)
		return cli_say_memory();
	status = cli->options.json ? cli_json_print(&cli->out, answers) : verb->print(cli, root, overlay);
	if (status == 0 &&
		(yyjson_arr_size(yyjson_obj_get(root, "conflicts")) > 0 ||
			yyjson_arr_size(yyjson_obj_get(root, "failed")) > 0))
		status = 1;
	yyjson_doc_free(doc);
	return status;
}

/* Do it for one path and put the answer to the others. */
static int run_path(const struct cli *cli, const struct verb *verb, struct capsule_overlay *overlay, const char *path,
	yyjson_mut_doc *answers)
{
	const char *json = NULL;
	yyjson_doc *doc;
	bool joined;

	if (verb->run(overlay, path, &json, cli->error) != CAPSULE_OK)
		return cli_say_error(cli->error);
	doc = cli_json_read(json, strlen(json));
	joined = doc != NULL && join(answers, yyjson_doc_get_root(doc));
	yyjson_doc_free(doc);
	return joined ? 0 : cli_say_memory();
}

static int run(const struct cli *cli, const struct verb *verb, struct capsule_overlay *overlay)
{
	yyjson_mut_doc *answers = yyjson_mut_doc_new(NULL);
	int status = answers != NULL ? 0 : cli_say_memory();
	size_t at = 2;

	do
		status = status != 0
			? status
			: run_path(cli, verb, overlay, at < cli->operand_count ? cli->operands[at] : NULL, answers);
	while (status == 0 && ++at < cli->operand_count);
	/* What was done for the paths before one that failed is told as well. */
	if (answers != NULL && yyjson_mut_doc_get_root(answers) != NULL) {
		int printed = print_answers(cli, verb, answers, overlay);

		status = status != 0 ? status : printed;
	}
	yyjson_mut_doc_free(answers);
	return status;
}

/* A folder here that is named like an id: ./name, which is no id. In `*path`, NULL when `capsule` is as it has to be. */
static int find_folder(const char *capsule, char **path)
{
	struct stat info;
	char *manifest;

	*path = NULL;
	if (!capsule_id_valid(capsule))
		return 0;
	manifest = cli_path_printf("./%s/Capsule.toml", capsule);
	if (manifest == NULL)
		return 1;
	if (stat(manifest, &info) == 0)
		*path = cli_path_printf("./%s", capsule);
	free(manifest);
	return 0;
}

int cmd_fs(struct cli *cli)
{
	static const struct verb verbs[] = { { "diff", capsule_overlay_diff, print_diff },
		{ "commit", capsule_overlay_commit, print_commit },
		{ "rollback", capsule_overlay_rollback, print_rollback } };
	struct capsule_overlay *overlay = NULL;
	const struct verb *verb = verbs;
	char *home = NULL, *folder = NULL;
	int status;

	while (strcmp(verb->name, cli->operands[0]) != 0)
		verb++; /* it is one of them: the operands were checked */
	status = cli_path_absolute(cli->options.home, &home);
	if (status == 0)
		status = find_folder(cli->operands[1], &folder);
	if (status == 0 &&
		capsule_overlay_open(&overlay, folder != NULL ? folder : cli->operands[1], cli->options.workspace, home,
			cli->error) != CAPSULE_OK)
		status = cli_say_error(cli->error);
	if (status == 0)
		status = run(cli, verb, overlay);
	capsule_overlay_close(overlay);
	free(folder);
	free(home);
	return status;
}
