/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The key-value functions. What the store can do at once is the answer of begin; the rest waits for the pool. Arguments
 * stay where they are in the guest: the store reads them inside kv_submit(), or keeps copies for the pool, or lets go of
 * them when the call is cancelled. */
#include "host/host_rows.h"

static enum capsule_status open_scope(struct host *host, struct capsule_error *err)
{
	if (host->kv != NULL)
		return CAPSULE_OK;
	return host->services.kv(host->services.user, &host->kv, err);
}

static enum host_answer submit(struct host_call *call, enum kv_verb verb, struct span value, struct capsule_error *err)
{
	struct kv_request *request = &call->state.kv;

	if (open_scope(call->host, err) != CAPSULE_OK)
		return host_call_failed(call, err);
	request->verb = verb;
	request->key = call->args[0];
	request->value = value;
	call->op = &request->op;
	if (kv_submit(call->host->kv, request, host_call_resume, call) == KV_WAITING)
		return HOST_WAITING;
	return host_call_finish(call, err) == CAPSULE_OK ? HOST_READY : HOST_FAILED;
}

enum host_answer host_kv_get(struct host_call *call, struct capsule_error *err)
{
	return submit(call, KV_GET, span_of(NULL, 0), err);
}

enum host_answer host_kv_set(struct host_call *call, struct capsule_error *err)
{
	return submit(call, KV_SET, call->args[1], err);
}

enum host_answer host_kv_delete(struct host_call *call, struct capsule_error *err)
{
	return submit(call, KV_DELETE, span_of(NULL, 0), err);
}

enum host_answer host_kv_list_keys(struct host_call *call, struct capsule_error *err)
{
	return submit(call, KV_LIST, span_of(NULL, 0), err);
}

enum host_answer host_kv_clear_prefix(struct host_call *call, struct capsule_error *err)
{
	return submit(call, KV_CLEAR_PREFIX, span_of(NULL, 0), err);
}

enum capsule_status host_kv_clear_prefix_finish(struct host_call *call, struct capsule_error *err)
{
	return host_call_decimal(call, call->state.kv.count, err);
}
