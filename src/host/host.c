/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is the same for every host function: its arguments, whether the manifest grants it, waiting and the way back. */
#include "host/host.h"

#include "base/text.h"
#include "host/host_rows.h"

#include <assert.h>
#include <inttypes.h>

/* Room that a call keeps for itself when its guest is idle; an idle capsule should cost next to nothing. */
#define ROOM_KEPT 4096

#define PREFIX "astrid_"

static_assert(offsetof(struct kv_request, op) == 0, "state.op and the operation of state.kv are the same");
static_assert(
	offsetof(struct host_call, state.recv.op) == offsetof(struct host_call, state.op), "and that of state.recv");

/* What to write into Capsule.toml for each capability that rows ask for, and what the gate is asked then. */
struct capability {
	const char *key, *example;
	enum gate_operation operation;
};

static const struct capability capabilities[] = {
	{ "fs_read", "workspace://<folder>", GATE_READ },
	{ "fs_write", "workspace://<folder>", GATE_WRITE },
	{ "host_process", "<command>", GATE_PROCESS },
	{ "identity", "resolve", GATE_IDENTITY },
	{ "ipc_publish", "<topic>", GATE_PUBLISH },
	{ "ipc_subscribe", "<topic>", GATE_SUBSCRIBE },
	{ "net", "<host>", GATE_HTTP },
	{ "net_bind", "unix://<path>", GATE_BIND },
};

static const struct capability *capability_of(const char *key)
{
	size_t i = sizeof capabilities / sizeof capabilities[0];

	while (i > 0 && strcmp(capabilities[--i].key, key) != 0)
		;
	return &capabilities[i];
}

/* Life. */

void host_call_init(struct host_call *call, struct host *host, void (*resume)(struct host_call *call), void *user)
{
	memset(call, 0, sizeof *call);
	call->host = host;
	call->resume = resume;
	call->user = user;
	op_init(&call->state.op, host->loop);
}

void host_call_fini(struct host_call *call)
{
	host_fs_free(call);
	host_process_free(call);
	host_ipc_free(call);
	op_fini(&call->state.op);
	call->op = NULL;
	buffer_fini(&call->out);
	buffer_fini(&call->repaired);
}

static void trim(struct buffer *buffer)
{
	if (buffer->capacity > ROOM_KEPT)
		buffer_fini(buffer);
}

void host_call_trim(struct host_call *call)
{
	if (call->op != NULL) { /* it may have put down something for its finish */
		if (call->out.len == 0)
			trim(&call->out);
		return;
	}
	call->result = span_of(NULL, 0);
	host_fs_free(call);
	host_process_free(call);
	host_ipc_free(call);
	trim(&call->out);
	trim(&call->repaired);
	trim(&call->state.op.result);
}

/* Arguments. */

enum capsule_status host_arg_check(
	const struct host_function *row, uint32_t index, uint64_t len, struct capsule_error *err)
{
	const struct host_arg *arg = &row->args[index];

	assert(index < row->arg_count);
	if (row->checks_itself || arg->kind == HOST_UNREAD || len <= arg->limit)
		return CAPSULE_OK;
	return error_set(err, CAPSULE_ELIMIT,
		"%s %s: memory allocation of %" PRIu64 " bytes exceeds maximum allowed limit of %" PRIu32 " bytes",
		row->name, arg->name, len, arg->limit);
}

/* Check the text arguments. Those to be repaired are copied one behind the other first, because the room moves meanwhile. */
enum capsule_status host_call_texts(struct host_call *call, struct capsule_error *err)
{
	const struct host_function *row = call->row;
	size_t lens[HOST_ARGS_MAX] = { 0 }, at = 0;

	buffer_clear(&call->repaired);
	for (uint32_t i = 0; i < row->arg_count; i++) {
		const struct host_arg *arg = &row->args[i];
		size_t broken, start = call->repaired.len;

		if (arg->kind != HOST_LOSSY && arg->kind != HOST_TEXT)
			continue;
		broken = text_utf8_valid_prefix(call->args[i]);
		if (broken == call->args[i].len)
			continue;
		if (arg->kind == HOST_TEXT)
			return error_set(err, CAPSULE_EINVAL, "%s %s is not valid UTF-8: byte %zu of %zu is 0x%02x",
				row->name, arg->name, broken + 1, call->args[i].len, call->args[i].data[broken]);
		(void)text_append_lossy(&call->repaired, call->args[i]);
		lens[i] = call->repaired.len - start;
	}
	if (buffer_check(&call->repaired, err) != CAPSULE_OK)
		return error_in(err, "%s arguments", row->name);
	for (uint32_t i = 0; i < row->arg_count; at += lens[i], i++) {
		if (lens[i] > 0)
			call->args[i] = span_of(call->repaired.data + at, lens[i]);
	}
	return CAPSULE_OK;
}

/* Grants. */

enum capsule_status host_granted(const struct host_function *row, const char *capsule_id,
	const struct manifest *manifest, struct capsule_error *err)
{
	const char *key = row->capability;

	if (key == NULL || (manifest != NULL && manifest_component_grants(manifest, key)))
		return CAPSULE_OK;
	if (manifest == NULL)
		return error_set(err, CAPSULE_EDENIED,
			"security denied: %s needs the capability `%s`, not declared in manifest, for '%s' has none; make it "
			"a capsule whose Capsule.toml has, under [capabilities]:  %s = [\"%s\"]",
			row->name, key, capsule_id, key, capability_of(key)->example);
	return error_set(err, CAPSULE_EDENIED,
		"security denied: %s needs the capability `%s`, not declared in manifest of capsule '%s' (no %s "
		"declarations); add under [capabilities] of Capsule.toml:  %s = [\"%s\"]",
		row->name, key, capsule_id, key, key, capability_of(key)->example);
}

void host_call_tell_refused(
	const struct host_call *call, const struct gate_question *question, const struct gate_decision *decision)
{
	const struct host_services *services = &call->host->services;

	if (services->refused != NULL)
		services->refused(services->user, call->origin, question, decision);
}

/* Nothing of the kind is declared, so nothing needs to be judged; whoever audits wants to know what was asked for all the
 * same. */
static void tell_not_granted(const struct host_call *call)
{
	const struct host_function *row = call->row;
	const struct gate_question question = {
		.operation = capability_of(row->capability)->operation,
		.operand = row->arg_count > 0 && row->args[0].kind == HOST_TEXT ? call->args[0] : span_text(row->name),
	};
	struct gate_decision decision = { .reason = GATE_NOT_DECLARED, .key = row->capability, .none_declared = true };

	if (call->host->manifest != NULL)
		decision.place = call->host->manifest->capabilities.place;
	host_call_tell_refused(call, &question, &decision);
}

enum capsule_status host_call_granted(const struct host_call *call, struct capsule_error *err)
{
	enum capsule_status status = host_granted(call->row, call->host->capsule_id, call->host->manifest, err);

	if (status == CAPSULE_EDENIED)
		tell_not_granted(call);
	return status;
}

static const struct gate *gate_of(const struct host_call *call)
{
	return call->host->gate != NULL ? call->host->gate : gate_deny_all();
}

bool host_call_allows(
	const struct host_call *call, const struct gate_question *question, struct gate_decision *decision)
{
	gate_ask(gate_of(call), question, decision);
	return decision->allowed;
}

enum capsule_status host_call_permit(
	const struct host_call *call, const char *what, const struct gate_question *question, struct capsule_error *err)
{
	struct gate_decision decision;

	if (host_call_allows(call, question, &decision))
		return CAPSULE_OK;
	host_call_tell_refused(call, question, &decision);
	(void)gate_refuse(err, gate_of(call), call->host->capsule_id, question, &decision);
	return error_in(err, "security denied %s", what);
}

/* The way of a call. */

void host_call_origin(const struct host_call *call, struct origin *out)
{
	if (call->origin != NULL)
		*out = *call->origin;
	else
		origin_init(out);
	/* In a call it is the call that leads to what is done, whatever the guest reads meanwhile. */
	if (out->call_id == 0 && out->hops < call->host->received_hops)
		out->hops = call->host->received_hops;
}

enum host_answer host_call_begin(struct host_call *call, const struct host_function *row, struct capsule_error *err)
{
	assert(call->op == NULL);
	call->row = row;
	call->result = span_of(NULL, 0);
	call->number = 0;
	call->delivered = false;
	buffer_clear(&call->out);
	if (!row->checks_itself &&
		(host_call_texts(call, err) != CAPSULE_OK || host_call_granted(call, err) != CAPSULE_OK))
		return HOST_FAILED;
	if (row->begin == NULL) {
		(void)error_set(err, CAPSULE_EUNSUPPORTED,
			"%s: the %s service is not part of this release; `capsule inspect` shows which functions are",
			row->name, row->service);
		return HOST_FAILED;
	}
	return row->begin(call, err);
}

enum capsule_status host_call_finish(struct host_call *call, struct capsule_error *err)
{
	const struct op *op = call->op;

	call->op = NULL;
	if (op->error.status != CAPSULE_OK) {
		(void)error_copy(err, &op->error);
		(void)host_call_failed(call, err);
		return op->error.status;
	}
	if (call->row->finish != NULL)
		return call->row->finish(call, err);
	call->result = buffer_span(&op->result);
	return CAPSULE_OK;
}

void host_call_cancel(struct host_call *call)
{
	if (call->op == NULL)
		return;
	/* Not op_cancel(): its done() would come in a later turn, when another call may be waiting here. */
	if (call->op != &call->state.op) {
		host_fs_free(call);
		host_process_free(call);
		return;
	}
	op_fini(call->op);
	op_init(call->op, call->host->loop);
	call->op = NULL;
}

void host_call_resume(struct op *op, void *user)
{
	struct host_call *call = user;

	assert(call->op == op);
	call->resume(call);
}

/* Guests know the functions by their names without the prefix: "kv_get failed: ..." */
enum host_answer host_call_failed(const struct host_call *call, struct capsule_error *err)
{
	const char *name = call->row->name;
	size_t prefix = sizeof PREFIX - 1;

	(void)error_in(err, "%s failed", strncmp(name, PREFIX, prefix) == 0 ? name + prefix : name);
	return HOST_FAILED;
}

enum capsule_status host_call_decimal(struct host_call *call, uint64_t value, struct capsule_error *err)
{
	char digits[20]; /* of UINT64_MAX */
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	buffer_clear(&call->out);
	(void)buffer_append(&call->out, digits + at, sizeof digits - at);
	if (buffer_check(&call->out, err) != CAPSULE_OK)
		return error_in(err, "%s result", call->row->name);
	call->result = buffer_span(&call->out);
	return CAPSULE_OK;
}
