/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The states of a capsule: which may follow which, and why it has failed. */
#include "composite/internal.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <assert.h>

#define TO(state) (1u << COMPOSITE_##state)

static const unsigned allowed[] = {
	[COMPOSITE_UNLOADED] = TO(LOADING),
	[COMPOSITE_LOADING] = TO(READY) | TO(FAILED) | TO(UNLOADING),
	[COMPOSITE_READY] = TO(UNLOADING) | TO(FAILED),
	[COMPOSITE_UNLOADING] = TO(UNLOADED),
	[COMPOSITE_FAILED] = TO(UNLOADING) | TO(LOADING),
};

static const char *const names[] = {
	[COMPOSITE_UNLOADED] = "unloaded",
	[COMPOSITE_LOADING] = "loading",
	[COMPOSITE_READY] = "ready",
	[COMPOSITE_UNLOADING] = "unloading",
	[COMPOSITE_FAILED] = "failed",
};

void composite_move(struct composite *composite, enum composite_state state)
{
	assert((allowed[composite->state] & 1u << state) != 0);
	composite->state = state;
	if (composite->changed != NULL)
		composite->changed(composite->user);
}

void composite_set_reason(struct composite *composite, const struct capsule_error *why)
{
	free(composite->why);
	composite->why = text_copy(span_text(why->text));
	composite->why_status = why->status;
	composite->why_errno = why->os_errno;
}

void composite_reason(const struct composite *composite, struct capsule_error *why)
{
	(void)error_set(why, composite->why_status, "%s",
		composite->why != NULL ? composite->why : "there was no memory to keep the reason");
	if (why != NULL)
		why->os_errno = composite->why_errno;
}

enum composite_state composite_state(const struct composite *composite, struct capsule_error *why)
{
	if (composite->state == COMPOSITE_FAILED)
		composite_reason(composite, why);
	return composite->state;
}

const char *composite_state_name(enum composite_state state)
{
	return names[state];
}

enum capsule_status composite_refuse(const struct composite *composite, struct capsule_error *err)
{
	static const char *const words[] = {
		[COMPOSITE_UNLOADED] = "is not loaded",
		[COMPOSITE_LOADING] = "is being loaded",
		[COMPOSITE_READY] = "is loaded",
		[COMPOSITE_UNLOADING] = "is being unloaded",
		[COMPOSITE_FAILED] = "has failed",
	};

	if (composite->state == COMPOSITE_FAILED && composite->why != NULL)
		return error_set(err, CAPSULE_ESTATE, "capsule '%s' has failed: %s", composite->id, composite->why);
	return error_set(err, CAPSULE_ESTATE, "capsule '%s' %s", composite->id, words[composite->state]);
}
