/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The gate of a manifest: problems of the question first, then what is closed to all, then the capsule's entries, then those
 * of its component. */
#include "gate/gate.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "gate/path.h"
#include "gate/question.h"
#include "gate/rights.h"

#define RIGHTS_MAX 2 /* the capsule's and the component's */

struct manifest_gate {
	struct gate gate;
	const struct manifest *manifest;
	struct entry_roots roots;
	struct rights rights[RIGHTS_MAX];
	size_t rights_count;
	char **platforms; /* of manifest->uplinks, as they are compared */
};

static void manifest_gate_free(struct gate *gate)
{
	struct manifest_gate *self = (struct manifest_gate *)gate;

	for (size_t i = 0; i < self->rights_count; i++)
		rights_fini(&self->rights[i]);
	for (size_t i = 0; self->platforms != NULL && i < self->manifest->uplinks.count; i++)
		free(self->platforms[i]);
	free(self->platforms);
	entry_roots_fini(&self->roots);
	free(self);
}

/* Where a missing entry belongs: beside the first one of its key, else the table. */
static void set_denied_place(const struct manifest_gate *self, enum gate_operation operation, struct gate_decision *out)
{
	out->none_declared = operation != GATE_UPLINK || self->manifest->uplinks.count == 0;
	out->place = self->manifest->capabilities.place;
	if (operation == GATE_UPLINK && self->manifest->uplinks.count > 0)
		out->place = self->manifest->uplinks.items[0].place;
	for (size_t i = self->rights_count; operation != GATE_UPLINK && i-- > 0;) {
		const struct string_list *list = entry_list(self->rights[i].declared, operation);

		if (list->count == 0)
			continue;
		out->none_declared = false;
		out->place = list->places[0];
	}
}

/* The root that `path` is below, so that a fix can name it. */
static void set_scheme(const struct manifest_gate *self, struct span path, struct gate_decision *out)
{
	if (self->roots.workspace != NULL && path_below(span_text(self->roots.workspace), path, &out->scheme_len))
		out->scheme = "workspace://";
	else if (self->roots.global != NULL && path_below(span_text(self->roots.global), path, &out->scheme_len))
		out->scheme = "global://";
}

static void ask_uplink(
	const struct manifest_gate *self, const struct gate_question *question, struct gate_decision *out)
{
	for (size_t i = 0; i < self->manifest->uplinks.count; i++) {
		const struct manifest_uplink *uplink = &self->manifest->uplinks.items[i];

		if (!span_is(question->operand, uplink->name) || !span_is(question->more, self->platforms[i]))
			continue;
		out->allowed = true;
		out->reason = GATE_BY_RULE;
		out->rule = uplink->name;
		out->place = uplink->place;
		return;
	}
}

static void ask_rights(
	const struct manifest_gate *self, const struct gate_question *question, struct gate_decision *out)
{
	for (size_t i = 0; i < self->rights_count; i++) {
		const struct string_list *list = entry_list(self->rights[i].declared, question->operation);
		size_t index = rights_find(&self->rights[i], question);

		if (index == RIGHTS_NONE)
			continue;
		out->allowed = true;
		out->reason = GATE_BY_RULE;
		out->rule = list->items[index];
		out->place = list->places[index];
		out->by_component = i > 0;
		return;
	}
}

static void manifest_gate_ask(const struct gate *gate, const struct gate_question *question, struct gate_decision *out)
{
	const struct manifest_gate *self = (const struct manifest_gate *)gate;
	bool of_path = question->operation == GATE_READ || question->operation == GATE_WRITE;

	*out = (struct gate_decision){ .reason = GATE_NOT_DECLARED, .key = entry_key(question->operation) };
	if (question_problem(question, &out->reason) != NULL)
		return;
	out->reason = GATE_NOT_DECLARED;
	if (of_path && entry_protected(&self->roots, question->operand)) {
		out->reason = GATE_PROTECTED;
		return;
	}
	if (question->operation == GATE_UPLINK)
		ask_uplink(self, question, out);
	else
		ask_rights(self, question, out);
	if (out->allowed)
		return;
	set_denied_place(self, question->operation, out);
	if (of_path)
		set_scheme(self, question->operand, out);
}

static const struct gate_ops manifest_gate_ops = { .ask = manifest_gate_ask, .free = manifest_gate_free };

static enum capsule_status make_platforms(struct manifest_gate *self, struct capsule_error *err)
{
	self->platforms = calloc(self->manifest->uplinks.count + 1, sizeof *self->platforms);
	for (size_t i = 0; self->platforms != NULL && i < self->manifest->uplinks.count; i++) {
		self->platforms[i] = entry_platform(self->manifest->uplinks.items[i].platform);
		if (self->platforms[i] == NULL)
			return error_set(err, CAPSULE_ENOMEM, "no memory for the gate");
	}
	return self->platforms != NULL ? CAPSULE_OK : error_set(err, CAPSULE_ENOMEM, "no memory for the gate");
}

static enum capsule_status add_rights(
	struct manifest_gate *self, const struct manifest_capabilities *declared, struct capsule_error *err)
{
	return rights_make(&self->rights[self->rights_count++], declared, &self->roots, err);
}

static void manifest_gate_drop(struct manifest_gate **self)
{
	if (*self != NULL)
		manifest_gate_free(&(*self)->gate);
}

enum capsule_status gate_new_manifest(struct gate **out, const struct manifest *manifest,
	const struct gate_roots *roots, enum gate_for whom, struct capsule_error *err)
{
	HOLD(manifest_gate_drop) struct manifest_gate *self = calloc(1, sizeof *self);
	enum capsule_status status;

	if (self == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the gate");
	self->gate = (struct gate){ .ops = &manifest_gate_ops, .manifest_path = manifest->path };
	self->manifest = manifest;
	status = entry_roots_make(&self->roots, roots, err);
	if (status == CAPSULE_OK)
		status = make_platforms(self, err);
	if (status == CAPSULE_OK)
		status = add_rights(self, &manifest->capabilities, err);
	if (status == CAPSULE_OK && whom == GATE_FOR_COMPONENT && manifest->components.count > 0)
		status = add_rights(self, &manifest->components.items[0].capabilities, err);
	if (status == CAPSULE_OK)
		*out = &GIVE(self)->gate;
	return status;
}
