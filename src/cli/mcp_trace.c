/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Lines on the wire as they go by. */
#include "cli/json.h"
#include "cli/mcp_run.h"
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS 1000000

/* NULL: memory ran out. */
static char *copy_line(const char *line, size_t len)
{
	char *copy = malloc(len + 1);

	if (copy == NULL)
		return NULL;
	memcpy(copy, line, len);
	copy[len] = 0;
	return copy;
}

static void print_json(double ms, const char *server, bool to_server, const char *line, size_t len)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *object = doc == NULL ? NULL : yyjson_mut_obj(doc);
	char *copy = copy_line(line, len), *text = NULL;

	if (object != NULL && copy != NULL && yyjson_mut_obj_add_real(doc, object, "ms", ms) &&
		cli_json_add_text(doc, object, "server", server) &&
		yyjson_mut_obj_add_bool(doc, object, "to_server", to_server) &&
		cli_json_add_text(doc, object, "line", copy)) {
		yyjson_mut_doc_set_root(doc, object);
		text = yyjson_mut_write(doc, YYJSON_WRITE_NOFLAG, NULL);
	}
	yyjson_mut_doc_free(doc);
	if (text == NULL)
		(void)cli_say_memory();
	else
		(void)printf("%s\n", text);
	free(text);
	free(copy);
}

/* capsule_mcp_trace_fn */
static void trace(void *user, const char *server, bool to_server, const char *line, size_t len)
{
	struct mcp_run *run = user;
	const struct output *out = &run->cli->out;
	double ms = (double)(cli_now_ns() - run->began_ns) / NS_PER_MS;

	cli_progress_erase(&run->session.progress);
	if (run->cli->options.json) {
		print_json(ms, server, to_server, line, len);
	} else {
		const char *colon = strrchr(server, ':');

		(void)printf("%10.3f ", ms);
		cli_print_styled(stdout, out->colour, to_server ? STYLE_GOOD : STYLE_NAME, to_server ? "->" : "<-");
		(void)fputc(' ', stdout);
		cli_print_styled(stdout, out->colour, STYLE_FAINT, colon != NULL ? colon + 1 : server);
		(void)fputc(' ', stdout);
		cli_print_clean(stdout, line, len, CLEAN_LINE);
		(void)fputc('\n', stdout);
	}
	(void)fflush(stdout);
}

void mcp_trace_begin(struct mcp_run *run)
{
	run->began_ns = cli_now_ns();
	capsule_mcp_trace(run->session.runtime, trace, run);
}
