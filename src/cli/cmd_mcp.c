/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* capsule mcp: talk to the MCP servers of a capsule, or to any program that is one, by hand. */
#include "cli/command.h"
#include "cli/invoke.h"
#include "cli/json.h"
#include "cli/mcp_result.h"
#include "cli/mcp_run.h"
#include "cli/path.h"
#include "cli/text.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_USAGE 2
#define US_PER_MS 1000.0

struct action {
	const char *name;
	size_t least, most; /* operands behind the folder and the server */
	const char *usage;  /* these */
	int (*run)(struct mcp_run *run);
};

static int usage(const struct action *action)
{
	(void)cli_say(
		"capsule mcp %s DIR [SERVER]%s%s, or capsule mcp %s%s%s -- COMMAND\n'capsule help mcp' explains it",
		action->name, action->usage[0] != '\0' ? " " : "", action->usage, action->name,
		action->usage[0] != '\0' ? " " : "", action->usage);
	return EXIT_USAGE;
}

/* ---- Asking ---- */

int mcp_run_wait(
	struct mcp_run *run, enum capsule_status started, struct capsule_op *op, const char *what, yyjson_doc **doc)
{
	const char *result;
	size_t len;
	int status;

	*doc = NULL;
	if (started != CAPSULE_OK)
		return cli_say_error(run->session.error);
	status = cli_session_wait(&run->session, op, "asking", what);
	if (status == 0) {
		result = capsule_op_result(op, &len);
		*doc = cli_json_read(result, len);
		status = *doc != NULL ? 0 : cli_say_memory();
	}
	capsule_op_free(op);
	return status;
}

int mcp_run_request(struct mcp_run *run, const char *method, const char *params, yyjson_doc **doc)
{
	struct capsule_op *op = NULL;
	enum capsule_status started = capsule_mcp_request(run->capsule, run->server, method, params,
		params != NULL ? strlen(params) : 0, NULL, NULL, &op, run->session.error);

	return mcp_run_wait(run, started, op, method, doc);
}

static int fetch(struct mcp_run *run, const char *list, yyjson_doc **doc)
{
	struct capsule_op *op = NULL;
	enum capsule_status started = capsule_mcp_list(
		run->capsule, run->server, list, NULL, NULL, &op, run->session.error);

	return mcp_run_wait(run, started, op, list, doc);
}

static int print_value(const struct mcp_run *run, yyjson_val *value)
{
	yyjson_mut_doc *copy = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = copy != NULL ? yyjson_val_mut_copy(copy, value) : NULL;
	int status;

	yyjson_mut_doc_set_root(copy, root);
	status = root != NULL ? cli_json_print(&run->cli->out, copy) : cli_say_memory();
	yyjson_mut_doc_free(copy);
	return status;
}

/* Print the answer `doc` (taken) as JSON or with `print`. */
static int print_doc(const struct mcp_run *run, int status, yyjson_doc *doc,
	void (*print)(const struct output *out, yyjson_val *answer))
{
	if (status == 0 && run->cli->options.json)
		status = print_value(run, yyjson_doc_get_root(doc));
	else if (status == 0)
		print(&run->cli->out, yyjson_doc_get_root(doc));
	yyjson_doc_free(doc);
	return status;
}

/* {"<key>": text} or {"<key>": text, "arguments": value} as JSON, owned. NULL after having said why. */
static char *make_params(const char *key, const char *text, const char *arguments)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	yyjson_doc *given = arguments != NULL ? cli_json_read(arguments, strlen(arguments)) : NULL;
	char *json = NULL;

	yyjson_mut_doc_set_root(doc, root);
	if (arguments != NULL && !yyjson_is_obj(yyjson_doc_get_root(given)))
		(void)cli_say("'%s' is no JSON object", CLI_SHORT(arguments));
	else if (cli_json_add_text(doc, root, key, text) &&
		(given == NULL ||
			yyjson_mut_obj_add_val(
				doc, root, "arguments", yyjson_val_mut_copy(doc, yyjson_doc_get_root(given)))))
		json = yyjson_mut_write(doc, YYJSON_WRITE_NOFLAG, NULL);
	else
		(void)cli_say_memory();
	yyjson_doc_free(given);
	yyjson_mut_doc_free(doc);
	return json;
}

static int ask_with(struct mcp_run *run, const char *method, char *params,
	void (*print)(const struct output *out, yyjson_val *answer))
{
	yyjson_doc *doc = NULL;
	int status = params == NULL ? 1 : mcp_run_request(run, method, params, &doc);

	free(params);
	return print_doc(run, status, doc, print);
}

/* ---- Actions ---- */

static int run_tools(struct mcp_run *run)
{
	yyjson_doc *doc;
	int status = fetch(run, "tools", &doc);

	return print_doc(run, status, doc, mcp_print_tools);
}

/* The name by which the tool is called, owned. NULL after having said why. */
static char *tool_name(const struct mcp_run *run)
{
	return run->server != NULL ? cli_path_printf("%s:%s", run->server, run->args[0])
				   : cli_path_printf("%s", run->args[0]);
}

static int call_tool(struct mcp_run *run, const char *name)
{
	static const struct invocation tool = { .kind = BATCH_TOOL, .name_key = "tool" };
	struct input input;
	int status = cli_input_read(&input, run->arg_count > 1 ? run->args[1] : "{}");

	if (status == 0)
		status = cli_invoke_loaded(run->cli, &run->session, run->capsule, &tool, name, &input);
	cli_input_fini(&input);
	return status;
}

static int run_call(struct mcp_run *run)
{
	char *name = tool_name(run);
	int status = name != NULL ? call_tool(run, name) : 1;

	free(name);
	return status;
}

static int print_pings(const struct mcp_run *run, const int64_t *ns, uint64_t count)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc), *times = yyjson_mut_obj_add_arr(doc, root, "ping_us");
	bool made = times != NULL;
	int status;

	yyjson_mut_doc_set_root(doc, root);
	for (uint64_t i = 0; made && i < count; i++)
		made = yyjson_mut_arr_add_real(doc, times, (double)ns[i] / US_PER_MS);
	status = made ? cli_json_print(&run->cli->out, doc) : cli_say_memory();
	yyjson_mut_doc_free(doc);
	return status;
}

static int run_ping(struct mcp_run *run)
{
	uint64_t count = run->cli->options.repeat;
	int64_t *ns = calloc(count, sizeof *ns);
	int status = 0;

	if (ns == NULL)
		return cli_say_memory();
	for (uint64_t i = 0; status == 0 && i < count; i++) {
		yyjson_doc *doc = NULL;
		int64_t began = cli_now_ns();

		status = mcp_run_request(run, "ping", NULL, &doc);
		ns[i] = cli_now_ns() - began;
		yyjson_doc_free(doc);
		if (status == 0 && !run->cli->options.json)
			(void)printf("answered in %.3f ms\n", (double)ns[i] / US_PER_MS / US_PER_MS);
	}
	if (status == 0 && run->cli->options.json)
		status = print_pings(run, ns, count);
	free(ns);
	return status;
}

static int list_resources(struct mcp_run *run)
{
	yyjson_doc *resources = NULL, *templates = NULL;
	char *text = NULL, *a = NULL, *b = NULL;
	int status = fetch(run, "resources", &resources);

	if (status == 0)
		status = fetch(run, "resources/templates", &templates);
	if (status == 0 && !run->cli->options.json)
		mcp_print_resources(&run->cli->out, yyjson_doc_get_root(resources), yyjson_doc_get_root(templates));
	if (status == 0 && run->cli->options.json) {
		a = yyjson_write(resources, YYJSON_WRITE_NOFLAG, NULL);
		b = yyjson_write(templates, YYJSON_WRITE_NOFLAG, NULL);
		text = a != NULL && b != NULL ? cli_path_printf("{\"resources\":%s,\"templates\":%s}", a, b) : NULL;
		status = text != NULL ? cli_json_print_text(&run->cli->out, text) : cli_say_memory();
	}
	free(a);
	free(b);
	free(text);
	yyjson_doc_free(resources);
	yyjson_doc_free(templates);
	return status;
}

static int run_resources(struct mcp_run *run)
{
	if (run->arg_count == 0)
		return list_resources(run);
	return ask_with(run, "resources/read", make_params("uri", run->args[0], NULL), mcp_print_contents);
}

static int run_prompts(struct mcp_run *run)
{
	yyjson_doc *doc;
	int status;

	if (run->arg_count > 0)
		return ask_with(run, "prompts/get",
			make_params("name", run->args[0], run->arg_count > 1 ? run->args[1] : NULL),
			mcp_print_messages);
	status = fetch(run, "prompts", &doc);
	return print_doc(run, status, doc, mcp_print_prompts);
}

/* The lines come by themselves: call something, or wait for Ctrl-C. */
static int run_trace(struct mcp_run *run)
{
	const char *arguments = run->arg_count > 1 ? run->args[1] : "{}";
	struct capsule_op *op = NULL;
	char *name;
	int status;

	while (run->arg_count == 0 && run->session.interrupted_by == 0)
		(void)cli_session_step(&run->session, NULL);
	if (run->arg_count == 0)
		return 0;
	name = tool_name(run);
	if (name == NULL)
		return 1;
	if (capsule_call(run->capsule, name, arguments, strlen(arguments), NULL, NULL, &op, run->session.error) ==
		CAPSULE_OK)
		status = cli_session_wait(&run->session, op, "calling", name);
	else
		status = cli_say_error(run->session.error);
	capsule_op_free(op);
	free(name);
	return status;
}

static yyjson_doc *read_servers(const struct mcp_run *run)
{
	const char *json = capsule_mcp_servers_json(run->capsule);

	return json != NULL ? cli_json_read(json, strlen(json)) : NULL;
}

static int run_servers(struct mcp_run *run)
{
	yyjson_doc *doc = read_servers(run);

	return print_doc(run, doc != NULL ? 0 : cli_say_memory(), doc, mcp_print_servers);
}

static int run_approve(struct mcp_run *run)
{
	size_t changed = 0;

	if (run->cli->behind != SIZE_MAX) {
		(void)cli_say("nothing is kept of a command: only tools of a capsule are approved");
		return EXIT_USAGE;
	}
	if (capsule_mcp_approve(run->capsule, run->server, &changed, run->session.error) != CAPSULE_OK)
		return cli_say_error(run->session.error);
	if (run->cli->options.json)
		(void)printf("{\"changed\":%zu}\n", changed);
	else
		(void)printf("approved: the tools as they are now; %s %s others before\n", CLI_NUMBER(changed),
			changed == 1 ? "was" : "were");
	return 0;
}

static const struct action actions[] = {
	{ "tools", 0, 0, "", run_tools },
	{ "call", 1, 2, "TOOL [ARGUMENTS|-]", run_call },
	{ "ping", 0, 0, "", run_ping },
	{ "resources", 0, 1, "[URI]", run_resources },
	{ "prompts", 0, 2, "[NAME [ARGUMENTS]]", run_prompts },
	{ "trace", 0, 2, "[TOOL [ARGUMENTS]]", run_trace },
	{ "servers", 0, 0, "", run_servers },
	{ "approve", 0, 0, "", run_approve },
};

/* ---- What is talked to ---- */

/* The current folder, which the command may read, unless that would be everything. NULL: nothing is shown. */
static char *shown_folder(void)
{
	const char *home = getenv("HOME");
	char *here = realpath(".", NULL), *resolved = home != NULL ? realpath(home, NULL) : NULL;
	bool all = here == NULL || strcmp(here, "/") == 0 || (resolved != NULL && strcmp(here, resolved) == 0);

	free(resolved);
	if (!all)
		return here;
	free(here);
	return NULL;
}

static int load_command(struct mcp_run *run)
{
	struct cli *cli = run->cli;
	struct capsule_command command = {
		.size = sizeof command, .argv = cli->operands + cli->behind, .network = cli->options.network
	};
	char *dir = shown_folder();
	struct capsule_op *op = NULL;
	int status;

	command.dir = dir;
	if (capsule_load_command(run->session.runtime, &command, NULL, NULL, &op, run->session.error) != CAPSULE_OK)
		status = cli_say_error(run->session.error);
	else
		status = cli_session_wait(&run->session, op, "starting", command.argv[0]);
	if (op != NULL)
		run->capsule = capsule_op_capsule(op);
	capsule_op_free(op);
	free(dir);
	return status;
}

/* The first word behind the folder is a server if there is one of that name and enough is left without it: "call DIR
 * fetch fetch {}" and "call DIR fetch {}" both mean what they should. */
static void take_server(struct mcp_run *run, const struct action *action)
{
	bool json_next = run->arg_count > 1 && (run->args[1][0] == '{' || strcmp(run->args[1], "-") == 0);

	if (run->arg_count <= action->least || (action->least > 0 && json_next))
		return;
	/* One word too many can be nothing else: who looks for it says which there are. */
	if (run->arg_count <= action->most && !cli_mcp_has_server(run->capsule, run->args[0]))
		return;
	run->server = run->args[0];
	run->args++;
	run->arg_count--;
}

static int load_and_run(struct mcp_run *run, const struct action *action)
{
	struct cli *cli = run->cli;
	int status = cli_session_open(&run->session, cli);

	if (status == 0 && action->run == run_trace)
		mcp_trace_begin(run);
	if (status == 0 && cli->behind != SIZE_MAX)
		status = load_command(run);
	else if (status == 0)
		status = cli_session_load(&run->session, cli, cli->operands[1], false, &run->capsule);
	if (status == 0 && cli->behind == SIZE_MAX)
		take_server(run, action);
	if (status == 0)
		status = run->arg_count >= action->least && run->arg_count <= action->most ? action->run(run)
											   : usage(action);
	/* Ctrl-C is how a trace ends, also one of a server that never gets ready. */
	if (action->run == run_trace && run->arg_count == 0 && run->session.interrupted_by == SIGINT)
		status = 0;
	cli_session_close(&run->session);
	return status;
}

int cmd_mcp(struct cli *cli)
{
	struct mcp_run run = { .cli = cli };
	const struct action *action = actions;
	bool command = cli->behind != SIZE_MAX;
	size_t before = command ? cli->behind : cli->operand_count, fixed = command ? 1 : 2;

	while (strcmp(action->name, cli->operands[0]) != 0)
		action++; /* it is one of them: the operands were checked */
	if (before < fixed || (command && cli->behind >= cli->operand_count))
		return usage(action);
	run.args = cli->operands + fixed;
	run.arg_count = before - fixed;
	if (run.arg_count < action->least || run.arg_count > action->most + (command ? 0 : 1))
		return usage(action);
	if (command)
		cli->options.memory_store = true; /* nothing is kept of it */
	else if (cli->options.network) {
		(void)cli_say("--network goes with a command behind --; of a capsule the manifest says it");
		return EXIT_USAGE;
	}
	return load_and_run(&run, action);
}
