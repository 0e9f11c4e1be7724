/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Publish events, get them, watch what comes of them: a message that is rewritten before anybody gets it, one that is denied,
 * a tool call that a capsule stops, and more events than a slow capsule has room for.
 *
 * Usage: events EXAMPLES      (the folder with events/redact, events/policy, events/slow and capsules/counter) */
#include <capsule/capsule.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FLOOD 20 /* events at once; there is room for four in the inbox of `slow` */

struct program {
	struct capsule_runtime *runtime;
	struct capsule_error *error;
	unsigned settled, overflows; /* of the flood */
	bool lag_told;
};

static bool complain(const char *what, const struct capsule_error *error)
{
	(void)fprintf(stderr, "events: %s: %s\n", what, capsule_error_text(error));
	return false;
}

/* Load EXAMPLES/NAME and wait for it. NULL after a message. */
static struct capsule *load(struct program *program, const char *examples, const char *name)
{
	struct capsule *capsule = NULL;
	struct capsule_op *op = NULL;
	char path[4096];

	if (snprintf(path, sizeof path, "%s/%s", examples, name) >= (int)sizeof path) {
		(void)fprintf(stderr, "events: the path is too long\n");
		return NULL;
	}
	if (capsule_load(program->runtime, path, NULL, NULL, &op, program->error) == CAPSULE_OK &&
		capsule_op_wait(op, program->error) == CAPSULE_OK)
		capsule = capsule_op_capsule(op);
	else
		(void)complain(path, program->error);
	capsule_op_free(op);
	return capsule;
}

/* A message for this program: as those who decide have left it. */
static void got(void *user, const struct capsule_event *event, uint64_t lost)
{
	(void)user;
	printf("got %.*s %.*s, %" PRIu64 " lost before it\n", (int)event->topic_len, event->topic,
		(int)event->payload_len, event->payload, lost);
}

/* The runtime has noticed that events were lost. */
static void lagged(void *user, const struct capsule_event *event, uint64_t lost)
{
	struct program *program = user;

	(void)lost;
	program->lag_told = true;
	printf("told %.*s %.*s\n", (int)event->topic_len, event->topic, (int)event->payload_len, event->payload);
}

static bool is_sensor(const struct capsule_event *event)
{
	return event->topic_len > 7 && memcmp(event->topic, "sensor.", 7) == 0;
}

/* Hears of every event. It must not call into the runtime. */
static void watch(void *user, const struct capsule_event_notice *notice)
{
	struct program *program = user;

	if (notice->kind == CAPSULE_EVENT_DECIDED && notice->vetoed)
		printf("%s denied it: %s\n", notice->capsule, notice->reason);
	else if (notice->kind == CAPSULE_EVENT_DECIDED)
		printf("%s rewrote it\n", notice->capsule);
	if (!is_sensor(notice->event))
		return;
	program->settled += notice->kind == CAPSULE_EVENT_SETTLED;
	program->overflows += notice->kind == CAPSULE_EVENT_OUTCOME && notice->outcome == CAPSULE_OUTCOME_OVERFLOW;
}

/* Publish, and wait for what comes of it. */
static bool publish(struct program *program, const char *topic, const char *payload)
{
	struct capsule_op *op = NULL;
	bool good;

	printf("\n%s %s\n", topic, payload);
	good = capsule_publish(program->runtime, topic, payload, strlen(payload), NULL, NULL, &op, program->error) ==
			CAPSULE_OK &&
		capsule_op_wait(op, program->error) == CAPSULE_OK;
	if (good)
		printf("%s\n", capsule_op_result(op, NULL));
	else
		(void)complain(topic, program->error);
	capsule_op_free(op);
	return good;
}

/* The capsule `policy` guards tool calls too. */
static bool call_is_stopped(struct program *program, struct capsule *counter)
{
	struct capsule_op *op = NULL;
	bool stopped;

	printf("\ntool `reset` of counter\n");
	stopped = capsule_call(counter, "reset", "{}", 2, NULL, NULL, &op, program->error) == CAPSULE_OK &&
		capsule_op_wait(op, program->error) == CAPSULE_EDENIED;
	if (stopped)
		printf("%s\n", capsule_error_text(program->error));
	else
		(void)complain("the call was not stopped", program->error);
	capsule_op_free(op);
	return stopped;
}

/* Without an operation nobody waits for room: what does not fit is lost, counted and told. */
static bool flood(struct program *program)
{
	printf("\n%d events at once, for four of which there is room\n", FLOOD);
	for (int i = 0; i < FLOOD; i++)
		if (capsule_publish(program->runtime, "sensor.v1.x", "{\"n\":1}", 7, NULL, NULL, NULL,
			    program->error) != CAPSULE_OK)
			return complain("sensor.v1.x", program->error);
	while (program->settled < FLOOD || !program->lag_told)
		(void)capsule_runtime_turn(program->runtime, -1);
	printf("%u of them had no room\n", program->overflows);
	return true;
}

static bool run(struct program *program, const char *examples)
{
	struct capsule_subscription *mine = NULL, *notices = NULL;
	struct capsule *counter = load(program, examples, "capsules/counter");
	const char *stats, *end;
	bool good;

	if (counter == NULL || load(program, examples, "events/redact") == NULL ||
		load(program, examples, "events/policy") == NULL || load(program, examples, "events/slow") == NULL)
		return false;
	capsule_watch_events(program->runtime, watch, program);
	if (capsule_subscribe(program->runtime, "user.v1.prompt", NULL, got, program, &mine, program->error) !=
			CAPSULE_OK ||
		capsule_subscribe(program->runtime, "astrid.v1.event_bus.lagged", NULL, lagged, program, &notices,
			program->error) != CAPSULE_OK)
		return complain("subscribe", program->error);
	good = publish(program, "user.v1.prompt", "{\"text\":\"My card is 4111111111111111\"}") &&
		publish(program, "user.v1.prompt", "{\"text\":\"rm -rf /\"}") && call_is_stopped(program, counter) &&
		flood(program);
	stats = capsule_event_stats_json(program->runtime);
	end = stats != NULL ? strstr(stats, ",\"capsules\"") : NULL; /* from here on it is told of each capsule */
	if (good && end != NULL)
		printf("\n%.*s}\n", (int)(end - stats), stats);
	capsule_unsubscribe(notices);
	capsule_unsubscribe(mine);
	return good;
}

int main(int argc, char **argv)
{
	struct program program = { .error = capsule_error_new() };
	const struct capsule_runtime_options options = { .size = sizeof options, .memory_store = true };
	bool good;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: events EXAMPLES\n");
		return 2;
	}
	good = (capsule_runtime_new(&program.runtime, &options, program.error) == CAPSULE_OK ||
		       complain("no runtime", program.error)) &&
		run(&program, argv[1]);
	capsule_runtime_free(program.runtime);
	capsule_error_free(program.error);
	return good ? 0 : 1;
}
