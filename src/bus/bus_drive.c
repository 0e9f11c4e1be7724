/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Each byte is a step: the bus and the model do the same, then they are compared. */
#include "bus/bus_drive.h"

#include "bus/bus_model.h"
#include "fuzz/target.h"

/* ---- Bytes ---- */

static bool is_over(void)
{
	return model.published >= model.input->events_most ||
		(model.input->data != NULL && model.at >= model.input->len);
}

static uint8_t next(void)
{
	if (model.input->data != NULL)
		return model.at < model.input->len ? model.input->data[model.at++] : 0;
	model.random ^= model.random << 13;
	model.random ^= model.random >> 7;
	model.random ^= model.random << 17;
	return (uint8_t)(model.random >> 40);
}

/* ---- What the hooks tell ---- */

static void hook_outcome(void *user, struct event *event, struct receiver *receiver, enum event_outcome outcome)
{
	(void)user;
	CHECK(event->first == NULL && event->refs > 0);
	model_note(&model.told,
		(struct record){ .kind = RECORD_OUTCOME,
			.event = model_number_of(event),
			.receiver = (uint32_t)(receiver - model.receivers),
			.outcome = outcome });
}

static void hook_settled(void *user, struct event *event)
{
	(void)user;
	model_note(&model.told, (struct record){ .kind = RECORD_SETTLED, .event = model_number_of(event) });
}

static void hook_room(void *user, struct event *event)
{
	(void)user;
	CHECK(list_empty(&event->over));
	model_note(&model.told, (struct record){ .kind = RECORD_ROOM, .event = model_number_of(event) });
}

static void lane_woke(struct lane *lane)
{
	CHECK(lane_peek(lane) != NULL);
	model.woke[lane - model.lanes] = true;
}

/* ---- Steps ---- */

static struct payload *some_payload(void)
{
	static const uint8_t bytes[PAYLOAD_MOST];
	static struct payload payload;

	payload.tagged = payload.inner = span_of(bytes, (size_t)next() * 4);
	payload.type = PAYLOAD_CUSTOM;
	return &payload;
}

static int free_chain(void)
{
	for (int i = 0; i < CHAINS; i++)
		if (!model.chains[i].used)
			return i;
	return -1;
}

static bool many_wait(void)
{
	size_t waiting = 0;

	for (size_t i = 0; i < EVENTS; i++)
		waiting += model.events[i].over > 0;
	return waiting >= OVER_MOST;
}

static void check_match(const struct bus_matches *matches, const uint32_t *found, size_t count)
{
	CHECK(matches->decider_count + matches->other_count == count);
	for (size_t i = 0; i < count; i++) {
		const struct receiver *receiver = i < matches->decider_count
			? matches->deciders[i]
			: matches->others[i - matches->decider_count];

		CHECK(receiver == &model.receivers[found[i]]);
		CHECK(receiver->decides == (i < matches->decider_count));
	}
}

static void step_publish(void)
{
	const char *topic = model_topics[next() % TOPICS];
	uint8_t how = next();
	bool may_wait = (how & 1) != 0 && !many_wait();
	int chain = (how & 6) == 6 ? free_chain() : -1;
	struct event_source source = { .source = "model" };
	uint32_t found[INBOXES * RECEIVERS];
	size_t count = model_match(topic, found), at = 0;
	struct bus_matches matches;
	struct known *known;

	while (at < EVENTS && model.events[at].event != NULL)
		at++;
	CHECK(at < EVENTS);
	known = &model.events[at];
	source.published_ns = (int64_t)at;
	CHECK(event_new_ipc(&known->event, &source, span_text(topic), some_payload(), NULL) == CAPSULE_OK);
	known->charge = known->event->charge;
	bus_match(model.bus, span_text(topic), EVENT_IPC, &matches);
	check_match(&matches, found, count);
	known->open = 1;
	for (size_t i = 0; i < count; i++)
		model_give(known, found[i], may_wait, chain);
	model_settle(known);
	if (chain >= 0) {
		model.chains[chain] = (struct open_chain){ .used = true, .event = event_hold(known->event) };
		list_init(&model.chains[chain].held);
	}
	bus_publish(model.bus, known->event, &matches, may_wait, chain >= 0 ? &model.chains[chain].held : NULL);
	model.published++;
}

static void step_drain(uint32_t lane)
{
	struct bus_entry *entry;
	struct model_entry *first;

	if (!model.models[lane / LANES].lane_open[lane % LANES])
		return;
	while ((entry = lane_peek(&model.lanes[lane])) != NULL) {
		first = model_first(lane);
		CHECK(first != NULL && !first->held);
		model_end(first, OUTCOME_DELIVERED);
		bus_entry_end(entry, OUTCOME_DELIVERED);
	}
	first = model_first(lane);
	CHECK(first == NULL || first->held);
}

static void step_take(uint32_t lane)
{
	struct bus_entry *entry;
	struct model_entry *first;
	size_t at = 0;

	while (at < TAKEN && model.taken[at].entry != NULL)
		at++;
	if (at == TAKEN || !model.models[lane / LANES].lane_open[lane % LANES])
		return;
	entry = lane_peek(&model.lanes[lane]);
	if (entry == NULL)
		return;
	first = model_first(lane);
	CHECK(first != NULL && !first->held);
	model.taken[at] = (struct taken){ .entry = entry, .known = first->known, .receiver = first->receiver };
	model_remove(first);
	bus_entry_take(entry);
}

static void step_end(size_t at, enum event_outcome outcome)
{
	struct taken taken = model.taken[at];

	if (taken.entry == NULL)
		return;
	model.taken[at].entry = NULL;
	model_outcome(taken.known, taken.receiver, outcome);
	bus_entry_end(taken.entry, outcome);
}

/* Let the first one of a chain go, as it is or rewritten. */
static void release(int chain, struct bus_entry *entry, struct model_entry *first)
{
	struct event *event = model.chains[chain].event;
	struct model_inbox *of = &model.models[model_inbox_of(first->receiver)];
	const struct inbox_budget *budget = &model.inboxes[model_inbox_of(first->receiver)].budget;
	bool drops = model.receivers[first->receiver].on_full == ON_FULL_DROP_OLDEST, rewritten = entry->event != event;
	uint64_t id = first->id;
	size_t messages, bytes, over;

	first->chain = -1;
	if (rewritten) {
		first->charge = event->charge;
		if (event->charge > budget->bytes) {
			model_end(first, OUTCOME_TOO_LARGE);
			first = NULL;
		}
	}
	while (rewritten && first != NULL && (model_sum(of, &messages, &bytes, &over), bytes > budget->bytes)) {
		struct model_entry *oldest = drops ? model_oldest(of) : first;
		bool self = oldest->id == id;

		model_end(oldest, OUTCOME_OVERFLOW);
		first = NULL;
		for (size_t i = 0; i < of->count && !self; i++)
			first = of->entries[i].id == id ? &of->entries[i] : first;
	}
	if (first != NULL) {
		first->held = false;
		model_admit(model_inbox_of(first->receiver));
	}
	bus_entry_release(entry, event);
}

/* What a chain does next: rewrite, let one go, veto one, or end. */
static void step_chain(int number, uint8_t what)
{
	struct open_chain *chain = &model.chains[number];
	struct model_entry *first = model_earliest(number, NULL);
	struct bus_entry *entry;

	if (!chain->used)
		return;
	CHECK(list_empty(&chain->held) == (first == NULL));
	if (first == NULL) {
		event_release(chain->event);
		chain->used = false;
		return;
	}
	entry = LIST_ENTRY(chain->held.next, struct bus_entry, held_link);
	CHECK(entry->receiver == &model.receivers[first->receiver] && entry->held);
	if (what % 4 == 0) {
		struct event *event = NULL;

		CHECK(event_new_rewritten(&event, chain->event, some_payload(), NULL) == CAPSULE_OK);
		event_release(chain->event);
		chain->event = event;
	}
	if (what % 4 < 3) {
		release(number, entry, first);
		return;
	}
	model_end(first, OUTCOME_VETOED);
	bus_entry_end(entry, OUTCOME_VETOED);
}

/* A publisher does not wait any longer. */
static void step_withdraw(struct known *known)
{
	if (known->event == NULL || known->over == 0)
		return;
	while (known->over > 0) {
		CHECK(!list_empty(&known->event->over));
		model_end(model_earliest(-1, known), OUTCOME_OVERFLOW);
		bus_entry_end(LIST_ENTRY(known->event->over.next, struct bus_entry, over_link), OUTCOME_OVERFLOW);
	}
	CHECK(list_empty(&known->event->over));
}

static bool has_taken(uint32_t inbox)
{
	for (size_t i = 0; i < TAKEN; i++)
		if (model.taken[i].entry != NULL && model_inbox_of(model.taken[i].receiver) == inbox)
			return true;
	return false;
}

static void step_add(uint32_t number)
{
	struct receiver *receiver = &model.receivers[number];
	uint32_t inbox = model_inbox_of(number), lane = model_lane_of(number);
	uint8_t how = next();

	if (model.added[number] != 0 || !model.models[inbox].open || !model.models[inbox].lane_open[lane % LANES] ||
		has_taken(inbox))
		return;
	*receiver = (struct receiver){
		.on_full = (enum on_full)(how % 3), .decides = (how & 0x30) == 0, .priority = how >> 6, .label = "model"
	};
	model.tail[number] = (how & 4) != 0 ? TOPIC_TAIL_REST : TOPIC_TAIL_ONE;
	model.pattern[number] = next() % PATTERNS;
	model.added[number] = ++model.next;
	CHECK(receiver_add(receiver, &model.lanes[lane], span_text(model_patterns[model.pattern[number]]),
		      model.tail[number], NULL) == CAPSULE_OK);
}

static void model_receiver_gone(uint32_t number)
{
	struct model_inbox *of = &model.models[model_inbox_of(number)];

	model.added[number] = 0;
	for (size_t i = 0; i < of->count;)
		if (of->entries[i].receiver == number)
			model_end(&of->entries[i], OUTCOME_GONE);
		else
			i++;
}

static void step_remove(uint32_t number)
{
	if (model.added[number] != 0)
		model_receiver_gone(number);
	receiver_remove(&model.receivers[number]);
}

static void lane_open(uint32_t lane)
{
	struct model_inbox *of = &model.models[lane / LANES];

	lane_init(&model.lanes[lane], &model.inboxes[lane / LANES], lane_woke);
	of->lane_open[lane % LANES] = true;
	of->lane_rank[lane % LANES] = ++model.next;
	of->lagged[lane % LANES] = 0;
}

/* Its receivers go in the order in which they were added. */
static void step_lane(uint32_t lane)
{
	struct model_inbox *of = &model.models[lane / LANES];
	uint32_t one = lane / LANES * RECEIVERS + lane % LANES * (RECEIVERS / LANES), other = one + 1;

	if (!of->open)
		return;
	if (!of->lane_open[lane % LANES]) {
		if (!has_taken(lane / LANES))
			lane_open(lane);
		return;
	}
	if (model.added[one] > model.added[other]) {
		uint32_t swap = one;

		one = other;
		other = swap;
	}
	if (model.added[one] != 0)
		model_receiver_gone(one);
	if (model.added[other] != 0)
		model_receiver_gone(other);
	of->lane_open[lane % LANES] = false;
	lane_close(&model.lanes[lane]);
}

static void inbox_shut(uint32_t number)
{
	struct model_inbox *of = &model.models[number];
	uint32_t first = of->lane_rank[0] < of->lane_rank[1] ? 0 : 1;

	for (uint32_t i = 0; i < RECEIVERS; i++)
		model.added[number * RECEIVERS + i] = 0;
	for (uint32_t k = 0; k < LANES; k++) {
		uint32_t lane = number * LANES + (k == 0 ? first : 1 - first);
		struct model_entry *entry;

		while ((entry = model_first(lane)) != NULL)
			model_end(entry, OUTCOME_GONE);
		of->lane_open[lane % LANES] = false;
	}
	of->open = false;
	inbox_close(&model.inboxes[number], OUTCOME_GONE);
	inbox_close(&model.inboxes[number], OUTCOME_GONE);
	for (uint32_t k = 0; k < LANES; k++)
		lane_close(&model.lanes[number * LANES + k]);
}

static void inbox_open(uint32_t number)
{
	struct inbox_budget budget = { .messages = 1 + next() % 6 };

	budget.bytes = EVENT_OVERHEAD + 128 + (uint64_t)next() * 24;
	inbox_init(&model.inboxes[number], model.bus, &budget, NULL);
	model.models[number] = (struct model_inbox){ .open = true };
	for (uint32_t k = 0; k < LANES; k++)
		lane_open(number * LANES + k);
}

static void step_inbox(uint32_t number)
{
	if (model.models[number].open)
		inbox_shut(number);
	else if (!has_taken(number))
		inbox_open(number);
}

static void step_lagged(uint32_t lane)
{
	struct model_inbox *of = &model.models[lane / LANES];

	if (!of->lane_open[lane % LANES])
		return;
	CHECK(lane_take_lagged(&model.lanes[lane]) == of->lagged[lane % LANES]);
	CHECK(lane_take_lagged(&model.lanes[lane]) == 0);
	of->lagged[lane % LANES] = 0;
}

static void step(void)
{
	uint8_t what = next(), which = what >= 120 ? next() : 0;

	if (what < 120)
		step_publish();
	else if (what < 160)
		step_take(which % (INBOXES * LANES));
	else if (what < 190)
		step_end(which % TAKEN, (which & 8) != 0 ? OUTCOME_DELIVERED : OUTCOME_FAILED);
	else if (what < 225)
		step_chain(which % CHAINS, which >> 4);
	else if (what < 233)
		step_drain(which % (INBOXES * LANES));
	else if (what < 244)
		step_add(which % (INBOXES * RECEIVERS));
	else if (what < 247)
		step_withdraw(&model.events[which % EVENTS]);
	else if (what < 250)
		step_lagged(which % (INBOXES * LANES));
	else if (what < 253)
		step_remove(which % (INBOXES * RECEIVERS));
	else if (what < 255)
		step_lane(which % (INBOXES * LANES));
	else
		step_inbox(which % INBOXES);
	model.steps++;
	model_compare();
}

static void end_all(void)
{
	for (size_t i = 0; i < TAKEN; i++)
		step_end(i, OUTCOME_FAILED);
	for (int i = 0; i < CHAINS; i++)
		while (model.chains[i].used)
			step_chain(i, 3);
	for (uint32_t i = 0; i < INBOXES; i++)
		if (model.models[i].open)
			inbox_shut(i);
	model_compare();
	CHECK(bus_counts(model.bus)->pending == 0);
	for (size_t i = 0; i < EVENTS; i++)
		CHECK(model.events[i].event == NULL);
	bus_free(model.bus);
}

uint64_t bus_drive(const struct bus_drive_input *input)
{
	const struct bus_hooks hooks = { .outcome = hook_outcome, .settled = hook_settled, .room = hook_room };

	memset(&model, 0, sizeof model);
	model.input = input;
	model.random = input->seed | 1;
	CHECK(bus_new(&model.bus, &hooks, NULL) == CAPSULE_OK);
	for (uint32_t i = 0; i < INBOXES; i++)
		inbox_open(i);
	for (uint32_t i = 0; i < INBOXES * RECEIVERS; i++)
		step_add(i);
	while (!is_over())
		step();
	end_all();
	return model.published;
}
