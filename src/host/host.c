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

/* What to write into Capsule.toml for each capability that rows ask for. */
static const struct {
	const char *capability, *example;
} examples[] = {
	{ "fs_read", "workspace://<folder>" },
	{ "fs_write", "workspace://<folder>" },
	{ "host_process", "<command>" },
	{ "identity", "resolve" },
	{ "ipc_publish", "<topic>" },
	{ "ipc_subscribe", "<topic>" },
	{ "net", "<host>" },
	{ "net_bind", "unix://<path>" },
};

static const char *example_of(const char *capability)
{
	for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
		if (strcmp(examples[i].capability, capability) == 0)
			return examples[i].example;
	}
	return "*";
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
	assert(call->op == NULL);
	call->result = span_of(NULL, 0);
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
	if (arg->kind == HOST_UNREAD || len <= arg->limit)
		return CAPSULE_OK;
	return error_set(err, CAPSULE_ELIMIT,
		"%s %s: memory allocation of %" PRIu64 " bytes exceeds maximum allowed limit of %" PRIu32 " bytes",
		row->name, arg->name, len, arg->limit);
}

/* Check the text arguments. Those to be repaired are copied one behind the other first, because the room moves meanwhile. */
static enum capsule_status repair_args(struct host_call *call, struct capsule_error *err)
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

	if (key == NULL || (manifest != NULL && manifest_grants(manifest, key)))
		return CAPSULE_OK;
	if (manifest == NULL)
		return error_set(err, CAPSULE_EDENIED,
			"security denied: %s needs the capability `%s`, not declared in manifest, for '%s' has none; make it "
			"a capsule whose Capsule.toml has, under [capabilities]:  %s = [\"%s\"]",
			row->name, key, capsule_id, key, example_of(key));
	return error_set(err, CAPSULE_EDENIED,
		"security denied: %s needs the capability `%s`, not declared in manifest of capsule '%s' (no %s "
		"declarations); add under [capabilities] of Capsule.toml:  %s = [\"%s\"]",
		row->name, key, capsule_id, key, key, example_of(key));
}

/* The way of a call. */

enum host_answer host_call_begin(struct host_call *call, const struct host_function *row, struct capsule_error *err)
{
	assert(call->op == NULL);
	call->row = row;
	call->result = span_of(NULL, 0);
	call->number = 0;
	if (repair_args(call, err) != CAPSULE_OK)
		return HOST_FAILED;
	if (host_granted(row, call->host->capsule_id, call->host->manifest, err) != CAPSULE_OK)
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
