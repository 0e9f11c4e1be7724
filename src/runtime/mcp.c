/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The public side of servers beyond their tools. */
#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"
#include "runtime/internal.h"
#include "runtime/servers.h"
#include <capsule/mcp.h>

#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

#define METHOD_MAX 128

static enum capsule_status enter(const struct capsule *capsule, const void *out, const char *server,
	const char *function, struct engine **engine, struct capsule_error *err)
{
	enum capsule_status status = runtime_enter(capsule == NULL ? NULL : capsule->runtime, out, function, err);

	return status == CAPSULE_OK ? servers_find(capsule, server, engine, err) : status;
}

/* An operation whose producer is about to be asked. NULL when out of memory. */
static struct capsule_op *begin(
	struct capsule *capsule, capsule_done_fn done, void *user, const char *what, struct capsule_error *err)
{
	struct capsule_op *op = operation_new(capsule->runtime, OPERATION_REQUEST, done, user, err);

	if (op != NULL)
		op_start(&op->call.op, operation_done, op, NULL, 0, what);
	return op;
}

/* The producer refused: nobody has seen the handle. */
static enum capsule_status take_back(struct capsule_op *op, enum capsule_status status)
{
	op->call.op.stop = NULL;
	op_fini(&op->call.op);
	operation_discard(op);
	return status;
}

static enum capsule_status check_method(const char *method, struct capsule_error *err)
{
	size_t len = method == NULL ? 0 : strlen(method);

	if (len == 0 || len > METHOD_MAX)
		return error_set(err, CAPSULE_EINVAL, "a method has 1 to %d bytes, as \"resources/read\"", METHOD_MAX);
	if (strcmp(method, "tools/call") == 0)
		return error_set(err, CAPSULE_EUNSUPPORTED,
			"tools/call is not asked directly: call the tool with capsule_call(), which asks for consent");
	if (strcmp(method, "initialize") == 0)
		return error_set(err, CAPSULE_EUNSUPPORTED, "initialize is asked once, when the server is started");
	return CAPSULE_OK;
}

static enum capsule_status read_params(struct buffer *out, const char *params, size_t len, struct capsule_error *err)
{
	const struct json_limits limits = { .bytes_max = LIMIT_PAYLOAD, .depth_max = LIMIT_JSON_DEPTH };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	enum capsule_status status;

	if (len == 0)
		return CAPSULE_OK;
	if (params == NULL)
		return error_set(err, CAPSULE_EINVAL, "%zu bytes of params are announced, but they are NULL", len);
	status = json_parse(&doc, span_of(params, len), &limits, "params", err);
	if (status != CAPSULE_OK)
		return status;
	if (!yyjson_is_obj(yyjson_doc_get_root(doc)))
		return error_set(err, CAPSULE_EINVAL, "params is no JSON object");
	(void)json_append_compact(out, span_of(params, len));
	return buffer_check(out, err);
}

enum capsule_status capsule_mcp_request(struct capsule *capsule, const char *server, const char *method,
	const char *params, size_t len, capsule_done_fn done, void *user, struct capsule_op **out,
	struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer compact = { 0 };
	struct engine *engine = NULL;
	struct capsule_op *op;
	enum capsule_status status = enter(capsule, out, server, "capsule_mcp_request", &engine, err);

	if (status == CAPSULE_OK)
		status = check_method(method, err);
	if (status == CAPSULE_OK)
		status = read_params(&compact, params, len, err);
	if (status != CAPSULE_OK)
		return status;
	op = begin(capsule, done, user, "request", err);
	if (op == NULL)
		return CAPSULE_ENOMEM;
	status = mcp_engine_request(engine, span_text(method), buffer_span(&compact), &op->call.op, err);
	if (status != CAPSULE_OK)
		return take_back(op, status);
	*out = op;
	return CAPSULE_OK;
}

static enum capsule_status list_of(const char *name, enum mcp_list *list, struct capsule_error *err)
{
	static const char *const names[MCP_LISTS] = { [MCP_TOOLS] = "tools",
		[MCP_RESOURCES] = "resources",
		[MCP_RESOURCE_TEMPLATES] = "resources/templates",
		[MCP_PROMPTS] = "prompts" };

	for (unsigned i = 0; name != NULL && i < MCP_LISTS; i++) {
		*list = (enum mcp_list)i;
		if (strcmp(names[i], name) == 0)
			return CAPSULE_OK;
	}
	return error_set(err, CAPSULE_EINVAL,
		"there is no list `%.128s`: it is tools, resources, resources/templates or prompts",
		name == NULL ? "" : name);
}

enum capsule_status capsule_mcp_list(struct capsule *capsule, const char *server, const char *name,
	capsule_done_fn done, void *user, struct capsule_op **out, struct capsule_error *err)
{
	struct engine *engine = NULL;
	struct capsule_op *op;
	enum mcp_list list = MCP_TOOLS;
	enum capsule_status status = enter(capsule, out, server, "capsule_mcp_list", &engine, err);

	if (status == CAPSULE_OK)
		status = list_of(name, &list, err);
	if (status != CAPSULE_OK)
		return status;
	op = begin(capsule, done, user, "list", err);
	if (op == NULL)
		return CAPSULE_ENOMEM;
	status = mcp_engine_list(engine, list, &op->call.op, err);
	if (status != CAPSULE_OK)
		return take_back(op, status);
	*out = op;
	return CAPSULE_OK;
}

const char *capsule_mcp_servers_json(struct capsule *capsule)
{
	struct servers *servers;
	struct buffer *out;

	if (capsule == NULL || !runtime_usable(capsule->runtime))
		return NULL;
	servers = capsule->servers;
	if (servers == NULL)
		return "[]";
	out = &servers->json;
	buffer_clear(out);
	(void)buffer_append_byte(out, '[');
	for (size_t i = 0; i < servers->count; i++)
		(void)((i == 0 || buffer_append_byte(out, ',')) && mcp_engine_append_json(servers->engines[i], out));
	(void)buffer_append_byte(out, ']');
	return buffer_text(out);
}

enum capsule_status capsule_mcp_approve(
	struct capsule *capsule, const char *server, size_t *changed, struct capsule_error *err)
{
	struct engine *engine = NULL;
	size_t count = 0;
	enum capsule_status status = enter(capsule, capsule, server, "capsule_mcp_approve", &engine, err);

	if (status == CAPSULE_OK)
		status = mcp_engine_approve(engine, &count, err);
	if (changed != NULL)
		*changed = count;
	return status;
}

void capsule_mcp_trace(struct capsule_runtime *runtime, capsule_mcp_trace_fn trace, void *user)
{
	if (runtime == NULL || !runtime_usable(runtime))
		return;
	runtime->mcp_trace = trace;
	runtime->mcp_trace_user = user;
}

/* ---- A program beside the server ---- */

static void inside_done(void *user, const struct process_result *result, const struct capsule_error *failure)
{
	struct op *op = user;
	int code;

	op->producer = NULL;
	op->stop = NULL;
	if (failure != NULL) {
		op_fail(op, failure);
		return;
	}
	code = result->end == PROCESS_EXITED ? result->code : 128 + (result->code != 0 ? result->code : SIGKILL);
	(void)buffer_printf(&op->result, "%d", code);
	op_finish(op);
}

static void inside_stopped(struct op *op)
{
	process_abandon(op->producer);
}

enum capsule_status capsule_mcp_run_inside(struct capsule *capsule, const char *server, const char *const *argv,
	const int *streams, capsule_done_fn done, void *user, struct capsule_op **out, struct capsule_error *err)
{
	static const int own[] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO };
	const int *fds = streams != NULL ? streams : own;
	struct process_spec spec = { .argv = argv,
		.input = fds[0],
		.output = { .keep = PROCESS_GIVEN, .fd = fds[1] },
		.error = { .keep = PROCESS_GIVEN, .fd = fds[2] } };
	struct engine *engine = NULL;
	struct process *process = NULL;
	struct capsule_op *op;
	enum capsule_status status = enter(capsule, out, server, "capsule_mcp_run_inside", &engine, err);

	if (status != CAPSULE_OK)
		return status;
	if (argv == NULL || argv[0] == NULL || argv[0][0] != '/')
		return error_set(err, CAPSULE_EINVAL, "argv must begin with the absolute path of a program");
	op = begin(capsule, done, user, "run", err);
	if (op == NULL)
		return CAPSULE_ENOMEM;
	status = mcp_engine_run_inside(engine, &process, &spec, inside_done, &op->call.op, err);
	if (status != CAPSULE_OK)
		return take_back(op, status);
	op->call.op.producer = process;
	op->call.op.stop = inside_stopped;
	*out = op;
	return CAPSULE_OK;
}
