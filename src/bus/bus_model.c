/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "bus/bus_model.h"

#include "base/topic.h"
#include "fuzz/target.h"

struct model model;

const char *const model_patterns[PATTERNS] = { "a.b", "a.*", "*.b", "*", "*.*", "a.b.c" };
const char *const model_topics[TOPICS] = { "a.b", "a.c", "b.b", "a", "a.b.c", "c.d.e" };

/* ---- The model ---- */

void model_note(struct records *records, struct record record)
{
	CHECK(records->count < RECORDS);
	records->rows[records->count++] = record;
}

uint32_t model_number_of(const struct event *event)
{
	CHECK(event->published_ns >= 0 && event->published_ns < EVENTS);
	return (uint32_t)event->published_ns;
}

uint32_t model_inbox_of(uint32_t receiver)
{
	return receiver / RECEIVERS;
}

/* Two receivers to each lane. */
uint32_t model_lane_of(uint32_t receiver)
{
	return model_inbox_of(receiver) * LANES + receiver % RECEIVERS / (RECEIVERS / LANES);
}

static uint32_t lane_of_entry(const struct model_entry *entry)
{
	return model_lane_of(entry->receiver);
}

static bool may_drop(const struct model_entry *entry)
{
	return !entry->over && model.receivers[entry->receiver].on_full == ON_FULL_DROP_OLDEST;
}

void model_settle(struct known *known)
{
	CHECK(known->open > 0);
	if (--known->open > 0)
		return;
	known->settled = true;
	model_note(
		&model.expected, (struct record){ .kind = RECORD_SETTLED, .event = (uint32_t)(known - model.events) });
}

static void count_outcome(struct bus_counts *counts, enum event_outcome outcome)
{
	counts->pending--;
	counts->outcomes[outcome]++;
}

void model_outcome(struct known *known, uint32_t receiver, enum event_outcome outcome)
{
	struct model_inbox *inbox = &model.models[model_inbox_of(receiver)];

	count_outcome(&model.counts, outcome);
	count_outcome(&inbox->counts, outcome);
	if (outcome == OUTCOME_OVERFLOW || outcome == OUTCOME_TOO_LARGE)
		inbox->lagged[model_lane_of(receiver) % LANES]++;
	known->delivered += outcome == OUTCOME_DELIVERED;
	model_note(&model.expected,
		(struct record){ .kind = RECORD_OUTCOME,
			.event = (uint32_t)(known - model.events),
			.receiver = receiver,
			.outcome = outcome });
	model_settle(known);
}

void model_sum(const struct model_inbox *inbox, size_t *messages, size_t *bytes, size_t *over)
{
	*messages = *bytes = *over = 0;
	for (size_t i = 0; i < inbox->count; i++) {
		if (inbox->entries[i].over) {
			++*over;
			continue;
		}
		++*messages;
		*bytes += inbox->entries[i].charge;
	}
}

static bool model_fits(uint32_t inbox, size_t charge, bool mind_over)
{
	const struct inbox_budget *budget = &model.inboxes[inbox].budget;
	size_t messages, bytes, over;

	model_sum(&model.models[inbox], &messages, &bytes, &over);
	return (over == 0 || !mind_over) && messages < budget->messages && bytes + charge <= budget->bytes;
}

static void model_not_over(struct model_entry *entry)
{
	entry->over = false;
	if (--entry->known->over == 0)
		model_note(&model.expected,
			(struct record){ .kind = RECORD_ROOM, .event = (uint32_t)(entry->known - model.events) });
}

void model_admit(uint32_t inbox)
{
	struct model_inbox *of = &model.models[inbox];

	for (size_t i = 0; i < of->count; i++) {
		if (!of->entries[i].over)
			continue;
		if (!model_fits(inbox, of->entries[i].charge, false))
			return;
		model_not_over(&of->entries[i]);
	}
}

void model_remove(struct model_entry *entry)
{
	uint32_t inbox = model_inbox_of(entry->receiver);
	struct model_inbox *of = &model.models[inbox];
	size_t at = (size_t)(entry - of->entries);

	if (entry->over)
		model_not_over(entry);
	memmove(entry, entry + 1, (of->count - at - 1) * sizeof *entry);
	of->count--;
	model_admit(inbox);
}

void model_end(struct model_entry *entry, enum event_outcome outcome)
{
	struct model_entry ended = *entry;

	model_remove(entry);
	model_outcome(ended.known, ended.receiver, outcome);
}

struct model_entry *model_oldest(struct model_inbox *inbox)
{
	for (size_t i = 0; i < inbox->count; i++)
		if (may_drop(&inbox->entries[i]))
			return &inbox->entries[i];
	return NULL;
}

struct model_entry *model_first(uint32_t lane)
{
	struct model_inbox *inbox = &model.models[lane / LANES];

	for (size_t i = 0; i < inbox->count; i++)
		if (lane_of_entry(&inbox->entries[i]) == lane)
			return &inbox->entries[i];
	return NULL;
}

struct model_entry *model_earliest(int chain, const struct known *known)
{
	struct model_entry *first = NULL;

	for (size_t k = 0; k < INBOXES; k++)
		for (size_t i = 0; i < model.models[k].count; i++) {
			struct model_entry *entry = &model.models[k].entries[i];
			bool wanted = chain >= 0 ? entry->chain == chain : entry->over && entry->known == known;

			if (wanted && (first == NULL || entry->id < first->id))
				first = entry;
		}
	return first;
}

/* The bytes in `inbox` that can't be dropped. */
static size_t model_stays(const struct model_inbox *inbox)
{
	size_t bytes = 0;

	for (size_t i = 0; i < inbox->count; i++) {
		const struct model_entry *entry = &inbox->entries[i];

		if (!entry->over && model.receivers[entry->receiver].on_full != ON_FULL_DROP_OLDEST)
			bytes += entry->charge;
	}
	return bytes;
}

void model_give(struct known *known, uint32_t receiver, bool may_wait, int chain)
{
	uint32_t inbox = model_inbox_of(receiver);
	struct model_inbox *of = &model.models[inbox];
	enum on_full on_full = model.receivers[receiver].on_full;
	size_t messages, bytes, over;
	bool fits = model_fits(inbox, known->charge, true), waits = false;
	struct model_entry *oldest;

	known->matches++;
	known->open++;
	model.counts.matched++, model.counts.pending++, of->counts.matched++, of->counts.pending++;
	if (known->charge > model.inboxes[inbox].budget.bytes) {
		model_outcome(known, receiver, OUTCOME_TOO_LARGE);
		return;
	}
	model_sum(of, &messages, &bytes, &over);
	while (!fits && on_full == ON_FULL_DROP_OLDEST && over == 0 &&
		model_stays(of) + known->charge <= model.inboxes[inbox].budget.bytes &&
		(oldest = model_oldest(of)) != NULL) {
		model_end(oldest, OUTCOME_OVERFLOW);
		fits = model_fits(inbox, known->charge, true);
	}
	waits = !fits && on_full == ON_FULL_BLOCK && may_wait;
	if (!fits && !waits) {
		model_outcome(known, receiver, OUTCOME_OVERFLOW);
		return;
	}
	known->over += waits;
	CHECK(of->count < ENTRIES);
	of->entries[of->count++] = (struct model_entry){ .id = ++model.next,
		.known = known,
		.receiver = receiver,
		.charge = known->charge,
		.held = chain >= 0,
		.over = waits,
		.chain = chain };
}

size_t model_match(const char *topic, uint32_t found[static INBOXES * RECEIVERS])
{
	size_t count = 0;

	for (uint32_t i = 0; i < INBOXES * RECEIVERS; i++) {
		struct span pattern = span_text(model_patterns[model.pattern[i]]);
		size_t at = count;

		if (model.added[i] == 0 ||
			!(model.tail[i] == TOPIC_TAIL_ONE ? topic_matches(span_text(topic), pattern)
							  : topic_delivers(span_text(topic), pattern)))
			continue;
		for (; at > 0; at--) {
			const struct receiver *before = &model.receivers[found[at - 1]], *new = &model.receivers[i];
			bool in_order = before->decides != new->decides ? before->decides
				: before->decides && before->priority != new->priority
				? before->priority < new->priority
				: model.added[found[at - 1]] < model.added[i];

			if (in_order)
				break;
			found[at] = found[at - 1];
		}
		found[at] = i;
		count++;
	}
	return count;
}

/* ---- Both beside each other ---- */

static void compare_records(void)
{
	CHECK(model.told.count == model.expected.count);
	for (size_t i = 0; i < model.told.count; i++) {
		const struct record *have = &model.told.rows[i], *want = &model.expected.rows[i];

		CHECK(have->kind == want->kind && have->event == want->event && have->receiver == want->receiver &&
			have->outcome == want->outcome);
	}
	model.told.count = model.expected.count = 0;
}

static void compare_counts(const struct bus_counts *have, const struct bus_counts *want)
{
	uint64_t sum = have->pending;

	CHECK(have->matched == want->matched && have->pending == want->pending);
	for (int i = 0; i < OUTCOMES; i++) {
		CHECK(have->outcomes[i] == want->outcomes[i]);
		sum += have->outcomes[i];
	}
	CHECK(sum == have->matched);
}

static void compare_lane(uint32_t number)
{
	const struct lane *lane = &model.lanes[number];
	const struct model_inbox *of = &model.models[number / LANES];
	const struct list_node *node = lane->entries.next;
	size_t count = 0;

	for (size_t i = 0; i < of->count; i++) {
		const struct model_entry *want = &of->entries[i];
		const struct bus_entry *have = LIST_ENTRY(node, struct bus_entry, lane_link);

		if (lane_of_entry(want) != number)
			continue;
		CHECK(node != &lane->entries);
		CHECK(have->receiver == &model.receivers[want->receiver] && have->held == want->held &&
			have->over == want->over && have->within == !want->over);
		CHECK(model_number_of(have->event) == (uint32_t)(want->known - model.events) &&
			have->event->charge == want->charge);
		CHECK(list_empty(&have->held_link) == (want->chain < 0));
		node = node->next;
		count++;
	}
	CHECK(node == &lane->entries && lane->count == count && lane->lagged == of->lagged[number % LANES]);
}

static void compare_inbox(uint32_t number)
{
	const struct inbox *inbox = &model.inboxes[number];
	size_t messages, bytes, over;

	model_sum(&model.models[number], &messages, &bytes, &over);
	CHECK(inbox->messages == messages && inbox->bytes == bytes && list_empty(&inbox->over) == (over == 0));
	CHECK(messages <= inbox->budget.messages && bytes <= inbox->budget.bytes);
	CHECK(inbox->messages_most <= inbox->budget.messages);
	compare_counts(&inbox->counts, &model.models[number].counts);
}

/* Where there is something to take now and was nothing, somebody was told. */
static void check_wakes(void)
{
	for (uint32_t i = 0; i < INBOXES * LANES; i++) {
		bool ready = model.models[i / LANES].lane_open[i % LANES] && lane_peek(&model.lanes[i]) != NULL;

		CHECK(!ready || model.ready[i] || model.woke[i]);
		model.ready[i] = ready;
		model.woke[i] = false;
	}
}

void model_compare(void)
{
	compare_records();
	compare_counts(bus_counts(model.bus), &model.counts);
	check_wakes();
	for (uint32_t i = 0; i < INBOXES; i++) {
		if (!model.models[i].open)
			continue;
		compare_inbox(i);
		for (uint32_t k = 0; k < LANES && model.steps % model.input->deep_every == 0; k++)
			if (model.models[i].lane_open[k])
				compare_lane(i * LANES + k);
	}
	for (size_t i = 0; i < EVENTS; i++) {
		struct known *known = &model.events[i];

		if (known->event == NULL || !known->settled)
			continue;
		CHECK(known->event->open == 0 && known->event->matches == known->matches &&
			known->event->taken == known->delivered && list_empty(&known->event->over));
		event_release(known->event);
		*known = (struct known){ 0 };
	}
}
