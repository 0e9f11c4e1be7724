/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls from the public side: arguments are checked once, here at the border, and copied behind the name of what is
 * called. */
#include "runtime/internal.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"

#include <stdio.h>

/* The nearest of all its tools, copied into `out`. */
static bool nearest_tool(const struct capsule *capsule, const char *name, char *out, size_t size, size_t *count)
{
	const char *json = capsule_tools_json(capsule), *near = NULL;
	HOLD(json_doc_drop) yyjson_doc *doc = yyjson_read(json, strlen(json), YYJSON_READ_NOFLAG);
	yyjson_arr_iter tools = yyjson_arr_iter_with(yyjson_doc_get_root(doc));
	HOLD(free_drop) const char **names = calloc(tools.max + 1, sizeof *names);
	yyjson_val *tool;

	*count = 0;
	while (names != NULL && (tool = yyjson_arr_iter_next(&tools)) != NULL)
		names[(*count)++] = yyjson_get_str(yyjson_obj_get(tool, "name"));
	if (names != NULL)
		near = text_nearest(name, names, *count);
	if (near != NULL)
		(void)snprintf(out, size, "%s", near);
	return near != NULL;
}

static enum capsule_status unknown_tool(const struct capsule *capsule, const char *name, struct capsule_error *err)
{
	char near[LIMIT_NAME + 1];
	size_t count;

	if (nearest_tool(capsule, name, near, sizeof near, &count))
		return error_set(err, CAPSULE_ENOTFOUND, "capsule '%s' has no tool `%.128s`; did you mean `%s`?",
			capsule->id, name, near);
	return error_set(
		err, CAPSULE_ENOTFOUND, "capsule '%s' has no tool `%.128s`; it has %zu", capsule->id, name, count);
}

static enum capsule_status find_tool(const struct capsule *capsule, const char *name, struct capsule_error *err)
{
	if (capsule->manifest == NULL && !capsule->bare)
		return error_set(err, CAPSULE_ESTATE, "capsule '%s' has not been loaded", capsule->id);
	if (capsule->manifest == NULL)
		return error_set(err, CAPSULE_EUNSUPPORTED, "'%s' is a bare module without tools: call its exports",
			capsule->id);
	if (manifest_tool_find(capsule->manifest, name) != NULL || composite_offers(capsule->composite, name))
		return CAPSULE_OK;
	/* Servers tell their tools when they run: the call is refused with the capsule's state. */
	if (capsule->servers != NULL && composite_state(capsule->composite, NULL) != COMPOSITE_READY)
		return CAPSULE_OK;
	return unknown_tool(capsule, name, err);
}

/* Guests get compact JSON. */
static enum capsule_status append_arguments(
	struct buffer *out, const char *arguments, size_t len, struct capsule_error *err)
{
	const struct json_limits limits = { .bytes_max = LIMIT_PAYLOAD, .depth_max = LIMIT_JSON_DEPTH };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	enum capsule_status status;

	/* A tool that takes none is called with these, and they need no parser. */
	if (len == 2 && memcmp(arguments, "{}", 2) == 0) {
		buffer_append(out, arguments, len);
		return buffer_check(out, err);
	}
	status = json_parse(&doc, span_of(arguments, len), &limits, "arguments", err);
	if (status != CAPSULE_OK)
		return status;
	json_append_compact(out, span_of(arguments, len));
	return buffer_check(out, err);
}

static void stamp(struct capsule_op *op)
{
	struct origin *origin = &op->call.origin;

	runtime_origin(op->runtime, origin);
	origin->call_id = dispatch_call_id(op->runtime->dispatch);
}

/* The name, its terminator, then the bytes: one block. */
static struct capsule_op *call_new(struct capsule *capsule, enum engine_call_kind kind, const char *name,
	capsule_done_fn done, void *user, struct capsule_error *err)
{
	struct capsule_op *op = operation_new(capsule->runtime, OPERATION_CALL, done, user, err);

	if (op == NULL)
		return NULL;
	op->call.kind = kind;
	op->capsule = capsule;
	buffer_append(&op->input, name, strlen(name) + 1);
	stamp(op);
	return op;
}

static void call_committed(struct op *op, void *user)
{
	(void)op;
	tool_call_end(user, operation_done);
}

/* The engine is done with it; what the guest wrote may have to be committed before anybody is told. */
static void call_done(struct op *op, void *user)
{
	struct capsule_op *handle = user;

	if (op->error.status == CAPSULE_OK && services_commit(&handle->capsule->services, op, call_committed, handle))
		return;
	call_committed(op, handle);
}

static enum capsule_status call_engine(struct capsule_op *op, struct capsule_error *err)
{
	const char *name = (const char *)op->input.data;
	size_t skip = strlen(name) + 1;

	op->call.name = name;
	op->call.input = span_of(op->input.data + skip, op->input.len - skip);
	return composite_call(op->capsule->composite, &op->call, call_done, op, err);
}

static enum capsule_status call_start(struct capsule_op *op, struct capsule_op **out, struct capsule_error *err)
{
	enum capsule_status status = buffer_check(&op->input, err);

	if (status == CAPSULE_OK)
		status = op->call.kind == ENGINE_TOOL && op->capsule->member != NULL
			? tool_call_begin(op, call_engine, err)
			: call_engine(op, err);
	if (status != CAPSULE_OK) {
		operation_discard(op);
		return status;
	}
	*out = op;
	return CAPSULE_OK;
}

static enum capsule_status enter(const struct capsule *capsule, const void *out, const char *function,
	const void *bytes, size_t len, struct capsule_error *err)
{
	enum capsule_status status = runtime_enter(capsule == NULL ? NULL : capsule->runtime, out, function, err);

	if (status == CAPSULE_OK && bytes == NULL && len > 0)
		return error_set(
			err, CAPSULE_EINVAL, "%s(): %zu bytes are announced, but they are NULL", function, len);
	return status;
}

enum capsule_status capsule_call(struct capsule *capsule, const char *name, const char *arguments, size_t len,
	capsule_done_fn done, void *user, struct capsule_op **out, struct capsule_error *err)
{
	struct capsule_error local;
	struct capsule_op *op;
	enum capsule_status status;

	if (err == NULL)
		err = &local;
	status = enter(capsule, out, "capsule_call", arguments, len, err);
	if (status != CAPSULE_OK)
		return status;
	if (name == NULL || name[0] == '\0')
		return error_set(err, CAPSULE_EINVAL, "no tool is named");
	status = find_tool(capsule, name, err);
	if (status != CAPSULE_OK)
		return status;
	op = call_new(capsule, ENGINE_TOOL, name, done, user, err);
	if (op == NULL)
		return CAPSULE_ENOMEM;
	op->as_text = true;
	status = append_arguments(&op->input, arguments, len, err);
	if (status != CAPSULE_OK) {
		operation_discard(op);
		return status;
	}
	return call_start(op, out, err);
}

enum capsule_status capsule_call_export(struct capsule *capsule, const char *name, const void *input, size_t len,
	capsule_done_fn done, void *user, struct capsule_op **out, struct capsule_error *err)
{
	struct capsule_error local;
	struct capsule_op *op;
	enum capsule_status status;

	if (err == NULL)
		err = &local;
	status = enter(capsule, out, "capsule_call_export", input, len, err);
	if (status != CAPSULE_OK)
		return status;
	if (name == NULL || name[0] == '\0')
		return error_set(err, CAPSULE_EINVAL, "no export is named");
	if (len > LIMIT_PAYLOAD)
		return error_set(err, CAPSULE_ELIMIT, "the input of %zu bytes is over the limit of %u bytes", len,
			LIMIT_PAYLOAD);
	op = call_new(capsule, ENGINE_EXPORT, name, done, user, err);
	if (op == NULL)
		return CAPSULE_ENOMEM;
	buffer_append(&op->input, input, len);
	return call_start(op, out, err);
}
