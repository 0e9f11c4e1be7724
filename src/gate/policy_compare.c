/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What one policy allows and another one does not. Rows without a target allow nothing and are not compared. */
#include "gate/policy.h"

#include "base/cleanup.h"
#include "base/topic.h"
#include "gate/entry_set.h"
#include "gate/policy_server.h"
#include "gate/question.h"

/* The rows of one policy, prepared for many questions. */
struct index {
	const struct policy *policy;
	struct entry_set paths[2][2], hosts[2]; /* the last index: by_component */
};

static void index_fini(struct index *index)
{
	for (size_t i = 0; i < 2; i++) {
		entry_set_fini(&index->paths[GATE_READ][i]);
		entry_set_fini(&index->paths[GATE_WRITE][i]);
		entry_set_fini(&index->hosts[i]);
	}
}

/* The set that `row` belongs to; NULL when its kind has none, and for "*" of net, which no set holds. */
static struct entry_set *set_of(struct index *index, const struct policy_row *row)
{
	if (row->operation == GATE_READ || row->operation == GATE_WRITE)
		return &index->paths[row->operation][row->by_component];
	if (row->operation == GATE_HTTP && strcmp(row->target, "*") != 0)
		return &index->hosts[row->by_component];
	return NULL;
}

static enum capsule_status index_make(struct index *out, const struct policy *policy, struct capsule_error *err)
{
	*out = (struct index){ .policy = policy };
	for (size_t i = 0; i < 2; i++) {
		out->paths[GATE_READ][i] = out->paths[GATE_WRITE][i] = entry_set_of_paths();
		out->hosts[i] = entry_set_of_hosts();
	}
	for (size_t i = 0; i < policy->count; i++) {
		const struct policy_row *row = &policy->rows[i];
		struct entry_set *set = row->target != NULL ? set_of(out, row) : NULL;

		if (set != NULL && !entry_set_add(set, span_text(row->target), i))
			return error_set(err, CAPSULE_ENOMEM, "no memory for comparing policies");
	}
	for (size_t i = 0; i < 2; i++) {
		entry_set_close(&out->paths[GATE_READ][i]);
		entry_set_close(&out->paths[GATE_WRITE][i]);
		entry_set_close(&out->hosts[i]);
	}
	return CAPSULE_OK;
}

/* Whoever may rewrite an event may deny it too. */
static bool decides_more(const struct policy_row *a, const struct policy_row *b)
{
	return topic_matches(span_text(b->entry), span_text(a->entry)) &&
		(strcmp(a->target, "rewrite") == 0 || strcmp(a->target, b->target) == 0);
}

/* Whether `a` allows all that `b` does; both have targets, are of one operation, and are in no set. */
static bool row_covers(const struct policy_row *a, const struct policy_row *b)
{
	struct span wide = span_text(a->target), wanted = span_text(b->target);

	switch (a->operation) {
	case GATE_HTTP:
		return strcmp(a->target, "*") == 0;
	case GATE_BIND: /* any address grants the same */
		return true;
	case GATE_IDENTITY:
		return identity_level(wide) >= identity_level(wanted);
	case GATE_PUBLISH:
		return topic_matches(wanted, wide);
	case GATE_SUBSCRIBE:
		return topic_covers(wide, wanted);
	case GATE_UPLINK:
		return strcmp(a->entry, b->entry) == 0 && span_equal(wide, wanted);
	case GATE_OPERATIONS:
		if (strcmp(a->key, b->key) != 0)
			return false;
		if (a->server != NULL && b->server != NULL)
			return strcmp(a->entry, b->entry) == 0 && policy_server_covers(a->server, b->server);
		return strcmp(a->key, POLICY_INTERCEPTOR) != 0 || decides_more(a, b);
	default:
		return span_equal(wide, wanted);
	}
}

/* Whether some row of the index allows what `row` does. What a component alone may do is less than what its capsule may. */
static bool covered(struct index *index, const struct policy_row *row)
{
	struct span wanted = span_text(row->target);

	for (size_t own = 0; own <= row->by_component; own++) {
		if ((row->operation == GATE_READ || row->operation == GATE_WRITE) &&
			entry_set_find(&index->paths[row->operation][own], wanted) != NULL)
			return true;
		if (row->operation == GATE_HTTP && entry_set_find(&index->hosts[own], wanted) != NULL)
			return true;
	}
	if (row->operation == GATE_READ || row->operation == GATE_WRITE)
		return false; /* all of these are in the sets */
	for (size_t i = 0; i < index->policy->count; i++) {
		const struct policy_row *other = &index->policy->rows[i];

		if (other->target != NULL && other->operation == row->operation &&
			other->by_component <= row->by_component && set_of(index, other) == NULL &&
			row_covers(other, row))
			return true;
	}
	return false;
}

/* Append what `policy` allows and the index does not. */
static size_t collect(const struct policy *policy, struct index *index, enum policy_change change,
	struct policy_difference *out, size_t count)
{
	for (size_t i = 0; i < policy->count; i++)
		if (policy->rows[i].target != NULL && !covered(index, &policy->rows[i]))
			out[count++] = (struct policy_difference){ .change = change, .row = &policy->rows[i] };
	return count;
}

enum capsule_status policy_compare(const struct policy *before, const struct policy *after,
	struct policy_difference **out, size_t *count, struct capsule_error *err)
{
	struct policy_difference *found = calloc(before->count + after->count + 1, sizeof *found);
	HOLD(index_fini) struct index old = { 0 }, new = { 0 };
	enum capsule_status status;

	if (found == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for comparing policies");
	status = index_make(&old, before, err);
	if (status == CAPSULE_OK)
		status = index_make(&new, after, err);
	if (status != CAPSULE_OK) {
		free(found);
		return status;
	}
	*count = collect(after, &old, POLICY_WIDENED, found, 0);
	*count = collect(before, &new, POLICY_NARROWED, found, *count);
	*out = found;
	return CAPSULE_OK;
}
