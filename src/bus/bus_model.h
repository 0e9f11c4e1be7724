/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A bus with a few inboxes, and a model of it that is plain arrays and sums. Of tests and the fuzz target. */
#ifndef BUS_BUS_MODEL_H
#define BUS_BUS_MODEL_H

#include "bus/bus_drive.h"
#include "bus/bus_internal.h"

enum {
	INBOXES = 3,
	LANES = 2,     /* of each inbox */
	RECEIVERS = 4, /* likewise */
	EVENTS = 128,
	TAKEN = 8,
	CHAINS = 4,
	ENTRIES = 96,
	RECORDS = 1024,
	OVER_MOST = 6, /* events whose publishers wait at once */
	PAYLOAD_MOST = 1024,
	PATTERNS = 6,
	TOPICS = 6,
};

extern const char *const model_patterns[PATTERNS], *const model_topics[TOPICS];

/* An event and what the model knows of it. */
struct known {
	struct event *event; /* one reference; NULL: free */
	size_t charge;
	uint32_t matches, open, delivered, over;
	bool settled;
};

/* What a hook was told, or will be. */
struct record {
	enum { RECORD_OUTCOME, RECORD_SETTLED, RECORD_ROOM } kind;
	uint32_t event, receiver;
	enum event_outcome outcome;
};

struct records {
	struct record rows[RECORDS];
	size_t count;
};

struct model_entry {
	uint64_t id; /* ascending */
	struct known *known;
	uint32_t receiver;
	size_t charge;
	bool held, over;
	int chain; /* that holds it; -1 for none */
};

struct model_inbox {
	bool open;
	struct model_entry entries[ENTRIES]; /* of all lanes, in the order of publication */
	size_t count;
	struct bus_counts counts;
	bool lane_open[LANES];
	uint64_t lane_rank[LANES]; /* in which order they were opened */
	uint64_t lagged[LANES];
};

struct taken {
	struct bus_entry *entry; /* NULL: free */
	struct known *known;
	uint32_t receiver;
};

struct open_chain {
	bool used;
	struct list_node held;
	struct event *event; /* one reference */
};

struct model {
	/* The bus. */
	struct bus *bus;
	struct inbox inboxes[INBOXES];
	struct lane lanes[INBOXES * LANES];
	struct receiver receivers[INBOXES * RECEIVERS];
	uint8_t pattern[INBOXES * RECEIVERS];
	enum topic_tail tail[INBOXES * RECEIVERS];
	struct taken taken[TAKEN];
	struct open_chain chains[CHAINS];
	bool woke[INBOXES * LANES], ready[INBOXES * LANES];
	struct records told;
	/* The model. */
	struct model_inbox models[INBOXES];
	struct bus_counts counts;
	struct known events[EVENTS];
	uint64_t added[INBOXES * RECEIVERS]; /* when; 0: not */
	uint64_t next;                       /* of ids, ranks and orders */
	struct records expected;
	/* Where the bytes come from. */
	const struct bus_drive_input *input;
	size_t at;
	uint64_t random, published, steps;
};

extern struct model model;

/** Note what a hook was told, or is to be. The number of an event, which is its place in model.events. */
void model_note(struct records *records, struct record record);
uint32_t model_number_of(const struct event *event);

/** The inbox and the lane of a receiver. */
uint32_t model_inbox_of(uint32_t receiver);
uint32_t model_lane_of(uint32_t receiver);

/** Each does what the function of the bus with the like name does, and notes what the hooks have to be told. Entries
 *  move when one is removed. */
void model_settle(struct known *known);
void model_outcome(struct known *known, uint32_t receiver, enum event_outcome outcome);
void model_admit(uint32_t inbox);
void model_remove(struct model_entry *entry);
void model_end(struct model_entry *entry, enum event_outcome outcome);
void model_give(struct known *known, uint32_t receiver, bool may_wait, int chain);

/** What is within the budget of `inbox`, and how many are beyond it. */
void model_sum(const struct model_inbox *inbox, size_t *messages, size_t *bytes, size_t *over);

/** The first one to drop; the first one of a lane, held or not; the first one that `chain` holds or, when it is -1,
 *  for which the publisher of `known` waits. NULL for none. */
struct model_entry *model_oldest(struct model_inbox *inbox);
struct model_entry *model_first(uint32_t lane);
struct model_entry *model_earliest(int chain, const struct known *known);

/** Who gets it: those that decide by priority, all others behind them; both in the order in which they were added.
 *  How many. */
size_t model_match(const char *topic, uint32_t found[static INBOXES * RECEIVERS]);

/** After each step: both were told the same and have the same; events whose books are closed are forgotten. */
void model_compare(void);

#endif
