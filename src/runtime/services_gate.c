/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The gate of a capsule and what becomes of its refusals. */
#include "runtime/internal.h"

#include "base/cleanup.h"
#include "consent/trust.h"

/* What the embedder takes away from a capsule. */
struct embedder_gate {
	struct gate gate;
	const struct services *services;
};

static void embedder_ask(const struct gate *gate, const struct gate_question *question, struct gate_decision *out)
{
	const struct services *services = ((const struct embedder_gate *)(const void *)gate)->services;
	struct capsule_runtime *runtime = services->runtime;
	struct span operand = question->operand;

	gate_ask(gate_deny_all(), question, out);
	runtime_enter_embedder(runtime);
	out->allowed = runtime->gate(runtime->gate_user, services->id, gate_operation_name(question->operation),
		operand.len > 0 ? (const char *)operand.data : "", operand.len);
	runtime_leave_embedder(runtime);
	out->reason = out->allowed ? GATE_BY_ALL : GATE_BY_EMBEDDER;
}

static void embedder_free(struct gate *gate)
{
	free(gate);
}

static const struct gate_ops embedder_ops = { .ask = embedder_ask, .free = embedder_free };

static enum capsule_status narrow(struct services *services, struct capsule_error *err)
{
	struct embedder_gate *embedder = calloc(1, sizeof *embedder);
	struct gate *both = NULL;

	if (embedder != NULL) {
		embedder->gate.ops = &embedder_ops;
		embedder->services = services;
		both = gate_new_narrow(services->gate, &embedder->gate);
	}
	if (both == NULL) {
		free(embedder);
		return error_set(err, CAPSULE_ENOMEM, "no memory for a gate");
	}
	services->gate = both;
	return CAPSULE_OK;
}

static struct gate_roots roots_of(const struct services *services)
{
	return (struct gate_roots){ .workspace = services->workspace_path,
		.global = services->global_path,
		.forbidden = services->runtime->home.path };
}

enum capsule_status services_check_rights(
	const struct services *services, const char *rights, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer now = { 0 };
	const struct gate_roots roots = roots_of(services);
	struct policy policy = { 0 };
	enum capsule_status status = policy_make(&policy, services->manifest, &roots, err);

	if (status == CAPSULE_OK)
		status = trust_append_rights(&policy, &now, err);
	policy_fini(&policy);
	if (status != CAPSULE_OK)
		return status;
	if (span_is(buffer_span(&now), rights))
		return CAPSULE_OK;
	return error_set(err, CAPSULE_EMANIFEST,
		"it may do something else than was approved, because a link or a folder changed: approve it again");
}

enum capsule_status services_make_gate(struct services *services, struct capsule_error *err)
{
	const struct capsule_runtime *runtime = services->runtime;
	const struct gate_roots roots = roots_of(services);
	enum capsule_status status = gate_new_manifest(
		&services->gate, services->manifest, &roots, GATE_FOR_COMPONENT, err);

	return status == CAPSULE_OK && runtime->gate != NULL ? narrow(services, err) : status;
}

void services_refused(void *user, const struct origin *origin, const struct gate_question *question,
	const struct gate_decision *decision)
{
	struct services *services = user;
	struct capsule_runtime *runtime = services->runtime;
	const struct gate *gate = services->gate != NULL ? services->gate : gate_deny_all();
	HOLD(buffer_fini) struct buffer operand = { 0 }, reason = { 0 }, line = { 0 };
	struct capsule_audit_record record = { .capsule = services->id,
		.principal = origin != NULL ? origin->principal : runtime->principal,
		.operation = gate_operation_name(question->operation),
		.key = decision->key };

	(void)buffer_append_span(&operand, question->operand);
	(void)gate_append_reason(gate, question, decision, &reason);
	record.operand = buffer_text(&operand);
	record.reason = buffer_text(&reason);
	if (record.operand == NULL || record.reason == NULL)
		record.operand = record.reason = "(no memory for the text)";
	(void)buffer_printf(&line, "refused: %s `%s`: %s", record.operation, record.operand, record.reason);
	log_write(&runtime->log, runtime->audit != NULL ? CAPSULE_LOG_INFO : CAPSULE_LOG_WARN, services->id,
		buffer_span(&line));
	if (runtime->audit == NULL)
		return;
	runtime_enter_embedder(runtime);
	runtime->audit(runtime->audit_user, &record);
	runtime_leave_embedder(runtime);
}
