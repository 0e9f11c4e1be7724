/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule version. */
#include "cli/command.h"
#include "cli/json.h"
#include <capsule/check.h>

int cmd_version(struct cli *cli)
{
	yyjson_mut_doc *doc;
	yyjson_mut_val *root;
	int status;

	if (!cli->options.json) {
		(void)printf("capsule %s\n%s\n", capsule_version(), capsule_build_info());
		return 0;
	}
	doc = yyjson_mut_doc_new(NULL);
	root = yyjson_mut_obj(doc);
	yyjson_mut_doc_set_root(doc, root);
	if (yyjson_mut_obj_add_str(doc, root, "version", capsule_version()) &&
		yyjson_mut_obj_add_str(doc, root, "build", capsule_build_info()))
		status = cli_json_print(&cli->out, doc);
	else
		status = cli_say_memory();
	yyjson_mut_doc_free(doc);
	return status;
}
