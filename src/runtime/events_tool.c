/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Tool calls as events: before the call a message under tool.v1.call.<capsule>.<tool>, after it one under
 * tool.v1.result.<capsule>.<tool>, which interceptors that decide can deny or rewrite; and the lifecycle events of tool
 * calls. A call that nobody wants to know of costs a comparison. */
#include "runtime/events.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"
#include "runtime/internal.h"

#define CALL_TOPIC "tool.v1.call."
#define RESULT_TOPIC "tool.v1.result."

enum stage { STAGE_CALL, STAGE_RUNNING, STAGE_RESULT };

struct tool_watch {
	struct list_node link; /* of runtime->tool_watches */
	struct capsule_op *op; /* NULL: it is gone, those who decide are still asked */
	char *capsule; /* its id: the capsule may go while the call's writes are committed, or while somebody is asked */
	enum stage stage;
	bool asks;
	bool told;      /* of its start, and not yet of its end */
	struct uuid id; /* in events */
	int64_t started_ns;
	enum capsule_status (*start)(struct capsule_op *op, struct capsule_error *err);
	op_done_fn done;
};

/* ---- Who wants to know ---- */

static const char *name_of(const struct capsule_op *op)
{
	return (const char *)op->input.data;
}

static struct span arguments_of(const struct capsule_op *op)
{
	size_t skip = strlen(name_of(op)) + 1;

	return span_of(op->input.data + skip, op->input.len - skip);
}

/* A dot in a tool's name would be a segment more. */
static void append_topic(struct buffer *out, const char *prefix, const char *capsule, const char *tool)
{
	(void)(buffer_append_text(out, prefix) && buffer_append_text(out, capsule) && buffer_append_byte(out, '.'));
	for (const char *at = tool; *at != '\0'; at++)
		(void)buffer_append_byte(out, *at == '.' ? '_' : (uint8_t)*at);
}

static bool reaches(const struct capsule_op *op, const char *prefix)
{
	HOLD(buffer_fini) struct buffer topic = { 0 };

	append_topic(&topic, prefix, op->capsule->id, name_of(op));
	/* Without memory to find out it is assumed, so that nobody is passed by. */
	return topic.failed || dispatch_reaches(op->runtime->dispatch, buffer_span(&topic));
}

static bool is_wanted(struct capsule_op *op)
{
	struct capsule *capsule = op->capsule;
	struct dispatch *dispatch = op->runtime->dispatch;
	const struct manifest_tool *tool;

	if (dispatch_wanted(dispatch, EVENT_TOOL_CALL_STARTED) ||
		dispatch_wanted(dispatch, EVENT_TOOL_CALL_COMPLETED) ||
		dispatch_wanted(dispatch, EVENT_TOOL_CALL_FAILED))
		return true;
	if (capsule->quiet_tool != NULL && capsule->quiet_at == dispatch_generation(dispatch) &&
		strcmp(capsule->quiet_tool->name, name_of(op)) == 0)
		return false;
	if (reaches(op, CALL_TOPIC) || reaches(op, RESULT_TOPIC))
		return true;
	tool = manifest_tool_find(capsule->manifest, name_of(op));
	capsule->quiet_tool = tool;
	capsule->quiet_at = dispatch_generation(dispatch);
	return false;
}

/* ---- Lifecycle events ---- */

static void tell_started(struct tool_watch *watch)
{
	const char *server = servers_of_tool(watch->op->capsule, name_of(watch->op));
	struct event_value values[] = { { .kind = EVENT_UUID, .uuid = watch->id },
		{ .kind = EVENT_TEXT, .text = span_text(name_of(watch->op)) }, { .kind = EVENT_NULL } };

	if (server != NULL)
		values[2] = (struct event_value){ .kind = EVENT_TEXT, .text = span_text(server) };

	watch->told = true;
	dispatch_lifecycle(watch->op->runtime->dispatch, EVENT_TOOL_CALL_STARTED, values, 3);
}

static void tell_ended(struct tool_watch *watch, const struct capsule_error *error)
{
	const struct capsule_op *op = watch->op;
	struct dispatch *dispatch = op->runtime->dispatch;
	int64_t ms = (loop_now(op->runtime->loop) - watch->started_ns) / NS_PER_MS;
	const struct event_value id = { .kind = EVENT_UUID, .uuid = watch->id };
	const struct event_value name = { .kind = EVENT_TEXT, .text = span_text(name_of(op)) };
	const struct event_value took = { .kind = EVENT_NUMBER, .number = (uint64_t)(ms < 0 ? 0 : ms) };
	const struct event_value text = { .kind = EVENT_TEXT, .text = span_text(error->text) };
	const struct event_value good[] = { id, name, took }, bad[] = { id, name, text, took };

	watch->told = false;
	if (error->status == CAPSULE_OK)
		dispatch_lifecycle(dispatch, EVENT_TOOL_CALL_COMPLETED, good, 3);
	else
		dispatch_lifecycle(dispatch, EVENT_TOOL_CALL_FAILED, bad, 4);
}

/* ---- Messages ---- */

static void append_head(struct buffer *json, const struct tool_watch *watch)
{
	char id[UUID_TEXT_LEN + 1];

	uuid_format(&watch->id, id);
	(void)(buffer_printf(json, "{\"call_id\":\"%s\",\"capsule\":", id) &&
		json_append_string(json, span_text(watch->capsule)) && buffer_append_text(json, ",\"tool\":") &&
		json_append_string(json, span_text(name_of(watch->op))));
}

static void append_call(struct buffer *json, const struct tool_watch *watch)
{
	append_head(json, watch);
	(void)(buffer_append_text(json, ",\"arguments\":") && buffer_append_span(json, arguments_of(watch->op)) &&
		buffer_append_byte(json, '}'));
}

static void append_result(struct buffer *json, const struct tool_watch *watch)
{
	const struct op *op = &watch->op->call.op;

	append_head(json, watch);
	if (op->error.status == CAPSULE_OK)
		(void)(buffer_append_text(json, ",\"ok\":true,\"result\":") &&
			json_append_lossy(json, buffer_span(&op->result)));
	else
		(void)(buffer_append_text(json, ",\"ok\":false,\"error\":") &&
			json_append_lossy(json, span_text(op->error.text)));
	(void)buffer_append_byte(json, '}');
}

static void decided(void *user, const struct event *event, const char *denied);

/* The message itself; `watch->asks` says afterwards whether somebody decides about it. */
static enum capsule_status publish_message(struct tool_watch *watch, struct span topic, struct capsule_error *err)
{
	struct capsule_op *op = watch->op;
	HOLD(buffer_fini) struct buffer json = { .limit = LIMIT_PUBLISH };
	struct publication publication = {
		.source = "runtime", .topic = topic, .decided = decided, .decided_user = watch
	};
	struct payload payload = { 0 };
	enum capsule_status status;

	if (watch->stage == STAGE_CALL)
		append_call(&json, watch);
	else
		append_result(&json, watch);
	status = buffer_check(&json, err);
	if (status == CAPSULE_OK)
		status = payload_read(&payload, buffer_span(&json), err);
	publication.origin = op->call.origin;
	publication.payload = &payload;
	payload.request = PAYLOAD_NO_REQUEST;
	if (status == CAPSULE_OK)
		status = dispatch_publish(op->runtime->dispatch, &publication, err);
	payload_fini(&payload);
	watch->asks = status == CAPSULE_OK && publication.asks;
	return status;
}

static void log_unseen(const struct tool_watch *watch, const struct capsule_error *err)
{
	const struct capsule_op *op = watch->op;
	HOLD(buffer_fini) struct buffer text = { 0 };

	(void)buffer_printf(&text, "tool `%s`: those who observe it were not told of the %s: %s", name_of(op),
		watch->stage == STAGE_CALL ? "call" : "result", err->text);
	log_write(&op->runtime->log, CAPSULE_LOG_WARN, watch->capsule, buffer_span(&text));
}

/* Publish what `watch` is at. What can't be shown to those who decide about it does not happen; those who only observe
 * miss it. */
static enum capsule_status publish(struct tool_watch *watch, struct capsule_error *err)
{
	struct capsule_op *op = watch->op;
	struct dispatch *dispatch = op->runtime->dispatch;
	bool is_call = watch->stage == STAGE_CALL;
	HOLD(buffer_fini) struct buffer topic = { 0 };
	enum capsule_status status;

	watch->asks = false;
	append_topic(&topic, is_call ? CALL_TOPIC : RESULT_TOPIC, watch->capsule, name_of(op));
	status = buffer_check(&topic, err);
	if (status != CAPSULE_OK || !dispatch_reaches(dispatch, buffer_span(&topic)))
		return status;
	status = publish_message(watch, buffer_span(&topic), err);
	if (status == CAPSULE_OK)
		return CAPSULE_OK;
	if (dispatch_asks(dispatch, buffer_span(&topic)))
		return error_in(err, is_call ? "tool call" : "tool result");
	log_unseen(watch, err);
	error_clear(err);
	return CAPSULE_OK;
}

/* ---- The watch ---- */

static void watch_free(struct tool_watch *watch)
{
	list_remove(&watch->link);
	free(watch->capsule);
	free(watch);
}

static enum capsule_status watch_new(struct capsule_op *op,
	enum capsule_status (*start)(struct capsule_op *op, struct capsule_error *err), struct capsule_error *err)
{
	struct tool_watch *watch = calloc(1, sizeof *watch);
	enum capsule_status status;

	if (watch == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a tool call that others want to know of");
	list_init(&watch->link);
	watch->capsule = text_copy(span_text(op->capsule->id));
	status = watch->capsule != NULL
		? uuid_make(&watch->id, err)
		: error_set(err, CAPSULE_ENOMEM, "no memory for a tool call that others want to know of");
	if (status != CAPSULE_OK) {
		watch_free(watch);
		return status;
	}
	watch->op = op;
	watch->start = start;
	watch->started_ns = loop_now(op->runtime->loop);
	op->watch = watch;
	list_append(&op->runtime->tool_watches, &watch->link);
	return CAPSULE_OK;
}

/* An operation that is not pending ends as failed, in the next turn. Those who are still asked go on; what they say does
 * not matter. */
static void end_as(struct capsule_op *op, const struct capsule_error *why)
{
	tool_call_forget(op);
	op_start(&op->call.op, operation_done, op, NULL, 0, "call");
	op_fail(&op->call.op, why);
}

/* ---- Before the call ---- */

static enum capsule_status start(struct tool_watch *watch, struct capsule_error *err)
{
	enum capsule_status status;

	watch->stage = STAGE_RUNNING;
	tell_started(watch);
	status = watch->start(watch->op, err);
	if (status != CAPSULE_OK)
		tell_ended(watch, err);
	return status;
}

/* What a rewriter made of it: `key` of the payload, as JSON, or the bytes of a text. */
static enum capsule_status take_rewritten(
	const struct event *event, const char *key, bool as_text, struct buffer *out, struct capsule_error *err)
{
	const struct json_limits limits = { .bytes_max = LIMIT_PUBLISH };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	yyjson_val *value;
	enum capsule_status status = json_parse(&doc, event->inner, &limits, "rewritten payload", err);

	if (status != CAPSULE_OK)
		return status;
	value = yyjson_obj_get(yyjson_doc_get_root(doc), key);
	if (value == NULL || (as_text && !yyjson_is_str(value)))
		return error_set(
			err, CAPSULE_EINVAL, "the rewritten payload has no %s `%s`", as_text ? "text" : "value", key);
	if (as_text)
		(void)buffer_append(out, yyjson_get_str(value), yyjson_get_len(value));
	else
		(void)json_append_compact(out, json_member_text(yyjson_doc_get_root(doc), event->inner, key));
	return buffer_check(out, err);
}

static enum capsule_status go_on_with_call(
	struct tool_watch *watch, const struct event *event, struct capsule_error *err)
{
	struct buffer *input = &watch->op->input;
	size_t name_len = strlen(name_of(watch->op)) + 1;
	enum capsule_status status = CAPSULE_OK;

	if (event->first != NULL) {
		HOLD(buffer_fini) struct buffer arguments = { 0 };

		status = take_rewritten(event, "arguments", false, &arguments, err);
		if (status != CAPSULE_OK)
			return error_in(err, "tool call");
		input->len = name_len;
		(void)buffer_append_span(input, buffer_span(&arguments));
		status = buffer_check(input, err);
	}
	return status == CAPSULE_OK ? start(watch, err) : status;
}

enum capsule_status tool_call_begin(struct capsule_op *op,
	enum capsule_status (*begin)(struct capsule_op *op, struct capsule_error *err), struct capsule_error *err)
{
	enum capsule_status status;

	if (!is_wanted(op))
		return begin(op, err);
	status = watch_new(op, begin, err);
	if (status == CAPSULE_OK)
		status = publish(op->watch, err);
	if (status != CAPSULE_OK || op->watch->asks)
		return status;
	return start(op->watch, err);
}

/* ---- After it ---- */

static void finish(struct capsule_op *op)
{
	struct tool_watch *watch = op->watch;
	op_done_fn done = watch->done;

	tell_ended(watch, &op->call.op.error);
	op->watch = NULL;
	watch_free(watch);
	done(&op->call.op, op);
}

static enum capsule_status take_result(struct tool_watch *watch, const struct event *event, struct capsule_error *err)
{
	struct op *op = &watch->op->call.op;
	HOLD(buffer_fini) struct buffer text = { 0 };
	enum capsule_status status;

	if (event->first == NULL || op->error.status != CAPSULE_OK)
		return CAPSULE_OK;
	status = take_rewritten(event, "result", true, &text, err);
	if (status != CAPSULE_OK)
		return error_in(err, "tool result");
	buffer_clear(&op->result);
	(void)buffer_append_span(&op->result, buffer_span(&text));
	return buffer_check(&op->result, err);
}

void tool_call_end(struct capsule_op *op, op_done_fn done)
{
	struct tool_watch *watch = op->watch;
	struct capsule_error err;

	if (watch == NULL) {
		done(&op->call.op, op);
		return;
	}
	watch->done = done;
	watch->stage = STAGE_RESULT;
	if (publish(watch, &err) != CAPSULE_OK) {
		buffer_clear(&op->call.op.result);
		(void)error_copy(&op->call.op.error, &err);
	}
	if (!watch->asks)
		finish(op);
}

/* decided_fn: from a turn. */
static void decided(void *user, const struct event *event, const char *denied)
{
	struct tool_watch *watch = user;
	struct capsule_op *op = watch->op;
	bool is_call = watch->stage == STAGE_CALL;
	struct capsule_error err;
	enum capsule_status status;

	watch->asks = false;
	if (op == NULL) {
		watch_free(watch);
		return;
	}
	if (denied != NULL)
		status = error_set(&err, CAPSULE_EDENIED, "tool `%.128s`: the %s is %s", name_of(op),
			is_call ? "call" : "result", denied);
	else
		status = is_call ? go_on_with_call(watch, event, &err) : take_result(watch, event, &err);
	if (is_call && status != CAPSULE_OK) {
		end_as(op, &err);
		return;
	}
	if (status != CAPSULE_OK) {
		buffer_clear(&op->call.op.result);
		(void)error_copy(&op->call.op.error, &err);
	}
	if (!is_call)
		finish(op);
}

/* ---- Cancelled ---- */

bool tool_call_asks(const struct capsule_op *op)
{
	return op->watch != NULL && op->watch->asks;
}

void tool_call_forget(struct capsule_op *op)
{
	struct tool_watch *watch = op->watch;
	struct capsule_error given_up;

	op->watch = NULL;
	if (watch == NULL)
		return;
	(void)error_set(&given_up, CAPSULE_ECANCELLED, "call: cancelled");
	if (watch->told)
		tell_ended(watch, &given_up);
	watch->op = NULL;
	if (!watch->asks)
		watch_free(watch);
}

void tool_call_cancel(struct capsule_op *op)
{
	struct capsule_error err;

	(void)error_set(&err, CAPSULE_ECANCELLED, "call: cancelled");
	end_as(op, &err);
}

void tool_calls_end(const struct capsule *capsule)
{
	struct capsule_error err;

	(void)error_set(&err, CAPSULE_ECANCELLED, "cancelled: capsule '%s' is unloaded", capsule->id);
	LIST_EACH_SAFE (node, &capsule->runtime->tool_watches) {
		struct tool_watch *watch = LIST_ENTRY(node, struct tool_watch, link);

		if (watch->op != NULL && watch->asks && watch->stage == STAGE_CALL && watch->op->capsule == capsule)
			end_as(watch->op, &err);
	}
}

void tool_watches_free(struct capsule_runtime *runtime)
{
	while (!list_empty(&runtime->tool_watches))
		watch_free(LIST_ENTRY(runtime->tool_watches.next, struct tool_watch, link));
}
