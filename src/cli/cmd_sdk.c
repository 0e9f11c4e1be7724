/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule sdk: one path for Makefiles, all of them for people. */
#include "cli/command.h"
#include "cli/path.h"
#include "cli/share.h"
#include "cli/table.h"
#include <stdlib.h>

static int print_one(const struct sdks *sdks, const char *language)
{
	int status = cli_sdks_check(sdks, language);

	if (status == 0)
		(void)printf("%s/%s\n", sdks->dir, language);
	return status;
}

static bool add(struct table *table, const struct sdks *sdks, const char *language)
{
	char *path = cli_path_printf("%s/%s", sdks->dir, language);
	const struct table_cell cells[TABLE_COLUMNS] = { { language, STYLE_NAME }, { path, STYLE_PLAIN } };
	bool added = path != NULL && cli_table_add(table, cells);

	free(path);
	return added;
}

static int print_all(const struct output *out, const struct sdks *sdks)
{
	struct table table = { 0 };
	bool added = true;

	for (size_t i = 0; added && i < sdks->count; i++)
		added = add(&table, sdks, sdks->languages[i]);
	if (added)
		cli_table_print(out, &table, 0);
	cli_table_fini(&table);
	return added ? 0 : cli_say_memory();
}

int cmd_sdk(struct cli *cli)
{
	struct sdks sdks;
	int status = cli_sdks_find(&sdks);

	if (status == 0)
		status = cli->operand_count > 0 ? print_one(&sdks, cli->operands[0]) : print_all(&cli->out, &sdks);
	cli_sdks_fini(&sdks);
	return status;
}
