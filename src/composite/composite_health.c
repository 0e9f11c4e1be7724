/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What engines tell by themselves: they failed, they are coming back, their tools changed, a call has ended. */
#include "composite/internal.h"

void composite_check_health(struct composite *composite)
{
	struct capsule_error why;

	for (size_t i = 0; composite->state == COMPOSITE_READY && i < composite->count; i++) {
		struct engine *engine = composite->engines[i];

		if (engine->ops->health(engine, &why) != ENGINE_FAILED)
			continue;
		composite_set_reason(composite, &why);
		composite_move(composite, COMPOSITE_FAILED);
	}
}

enum composite_state composite_health(const struct composite *composite, struct capsule_error *why)
{
	for (size_t i = 0; composite->state == COMPOSITE_READY && i < composite->count; i++) {
		struct engine *engine = composite->engines[i];

		if (engine->ops->health(engine, why) == ENGINE_RECOVERING)
			return COMPOSITE_FAILED;
	}
	return composite_state(composite, why);
}

/* Its tools, or the health of an engine, are others now. */
static void tell_retooled(struct composite *composite)
{
	if (composite->state == COMPOSITE_READY && composite->retooled != NULL)
		composite->retooled(composite->user);
}

/* Engines are few: asking them is simpler than a counter that has to be right. */
static unsigned recovering(const struct composite *composite)
{
	unsigned count = 0;

	for (size_t i = 0; i < composite->count; i++)
		count += composite->engines[i]->ops->health(composite->engines[i], NULL) == ENGINE_RECOVERING;
	return count;
}

void composite_engine_changed(struct engine *engine, void *user)
{
	struct composite *composite = user;
	unsigned before = composite->recovering;

	(void)engine;
	/* An armed timer is only moved: that needs no memory. */
	if (composite->motion == MOTION_GRACE && composite_calls(composite) == 0)
		(void)loop_timer_arm(composite->loop, &composite->grace, loop_now(composite->loop));
	composite_check_health(composite);
	composite->recovering = recovering(composite);
	if (composite->recovering != before)
		tell_retooled(composite);
}

void composite_engine_retooled(struct engine *engine, void *user)
{
	(void)engine;
	tell_retooled(user);
}
