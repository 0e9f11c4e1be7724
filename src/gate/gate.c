/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What all gates have in common, and those that need no manifest. */
#include "gate/gate.h"

#include "gate/entry.h"

#include <stdlib.h>

static const char *const operation_names[GATE_OPERATIONS] = {
	[GATE_READ] = "read",
	[GATE_WRITE] = "write",
	[GATE_HTTP] = "http",
	[GATE_PROCESS] = "process",
	[GATE_BIND] = "bind",
	[GATE_UPLINK] = "uplink",
	[GATE_IDENTITY] = "identity",
	[GATE_PUBLISH] = "publish",
	[GATE_SUBSCRIBE] = "subscribe",
};

const char *gate_operation_name(enum gate_operation operation)
{
	return operation < GATE_OPERATIONS ? operation_names[operation] : "";
}

bool gate_operation_find(const char *name, enum gate_operation *out)
{
	for (size_t i = 0; i < GATE_OPERATIONS; i++) {
		if (strcmp(name, operation_names[i]) == 0) {
			*out = (enum gate_operation)i;
			return true;
		}
	}
	return false;
}

bool gate_allows(const struct gate *gate, enum gate_operation operation, struct span operand, struct gate_decision *out)
{
	const struct gate_question question = { .operation = operation, .operand = operand };

	gate_ask(gate, &question, out);
	return out->allowed;
}

void gate_free(struct gate *gate)
{
	if (gate != NULL)
		gate->ops->free(gate);
}

/* ---- Always the same answer ---- */

static void ask_allow(const struct gate *gate, const struct gate_question *question, struct gate_decision *out)
{
	(void)gate;
	*out = (struct gate_decision){ .allowed = true, .reason = GATE_BY_ALL, .key = entry_key(question->operation) };
}

static void ask_deny(const struct gate *gate, const struct gate_question *question, struct gate_decision *out)
{
	(void)gate;
	*out = (struct gate_decision){ .reason = GATE_BY_ALL, .key = entry_key(question->operation) };
}

static void free_static(struct gate *gate)
{
	(void)gate;
}

static const struct gate_ops allow_ops = { .ask = ask_allow, .free = free_static };
static const struct gate_ops deny_ops = { .ask = ask_deny, .free = free_static };

/* Nobody writes to them: to free one does nothing. */
static const struct gate allow_gate = { .ops = &allow_ops }, deny_gate = { .ops = &deny_ops };

struct gate *gate_allow_all(void)
{
	return (struct gate *)(uintptr_t)&allow_gate;
}

struct gate *gate_deny_all(void)
{
	return (struct gate *)(uintptr_t)&deny_gate;
}

/* ---- What two gates allow ---- */

struct narrow_gate {
	struct gate gate;
	struct gate *inner, *narrower;
};

static void narrow_ask(const struct gate *gate, const struct gate_question *question, struct gate_decision *out)
{
	const struct narrow_gate *self = (const struct narrow_gate *)gate;
	struct gate_decision second;

	gate_ask(self->inner, question, out);
	if (!out->allowed)
		return;
	gate_ask(self->narrower, question, &second);
	if (!second.allowed)
		*out = (struct gate_decision){ .reason = GATE_BY_EMBEDDER, .key = out->key };
}

static void narrow_free(struct gate *gate)
{
	struct narrow_gate *self = (struct narrow_gate *)gate;

	gate_free(self->inner);
	gate_free(self->narrower);
	free(self);
}

static const struct gate_ops narrow_ops = { .ask = narrow_ask, .free = narrow_free };

struct gate *gate_new_narrow(struct gate *inner, struct gate *narrower)
{
	struct narrow_gate *self = calloc(1, sizeof *self);

	if (self == NULL)
		return NULL;
	self->gate = (struct gate){ .ops = &narrow_ops, .manifest_path = inner->manifest_path };
	self->inner = inner;
	self->narrower = narrower;
	return &self->gate;
}
