/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A program that embeds the runtime and does what each line of its standard input says, for tests of events between
 * capsules. A line is a verb and its operands with tabs between them; each is answered by one line of JSON.
 *
 * Usage: event_session [OPTION=VALUE]...       options of the runtime, see options[]
 *
 * load DIR                    begin DIR's load and wait for its end       NAME is a name for what was started:
 * unload ID                                                               load-as, unload-as, call-as, publish-as NAME ...
 * call ID TOOL ARGUMENTS                                                  wait NAME, cancel NAME, free NAME, done NAME
 * publish TOPIC PAYLOAD       wait until every receiver has its outcome   post TOPIC PAYLOAD: nobody waits
 * subscribe NAME PATTERN [lifecycle] [MESSAGES]                           unsubscribe NAME
 * take NAME COUNT             turn until COUNT events are there, give them all
 * notices                     what was told of events since the last time (begins with `watch`)
 * log                         what was logged since the last time
 * settle                      turn until nothing can go on without waiting
 * turn ID STATE               turn until the server of ID is in that state
 * call-again ID TOOL ARGUMENTS   as call, until the server of the tool runs
 * health ID, tools ID, servers ID, stats */
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/json.h"
#include <capsule/capsule.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPERANDS_MAX 8
#define THINGS_MAX 4096
#define GIVE_UP_S 110 /* a test that waits for what never comes ends with this program */

struct thing {
	char name[32];
	struct capsule_op *op;
	struct capsule_subscription *subscription;
	struct buffer events; /* JSON, with commas between them */
	unsigned count;
};

static struct session {
	struct capsule_runtime *runtime;
	struct capsule_error *err;
	struct thing things[THINGS_MAX];
	struct capsule *capsules[THINGS_MAX];
	struct buffer notices, log;
	char *operands[OPERANDS_MAX];
	int count;
} session;

/* ---- Answers ---- */

static void answer(const struct buffer *json)
{
	(void)fwrite(json->data, 1, json->len, stdout);
	(void)putchar('\n');
	(void)fflush(stdout);
}

static void answer_outcome(enum capsule_status status, const char *text, size_t len)
{
	HOLD(buffer_fini) struct buffer json = { 0 };

	(void)(buffer_printf(&json, "{\"status\":%d,\"%s\":", (int)status, status == CAPSULE_OK ? "result" : "error") &&
		json_append_lossy(&json,
			status == CAPSULE_OK ? span_of(text, len) : span_text(capsule_error_text(session.err))) &&
		buffer_append_byte(&json, '}'));
	answer(&json);
}

static void answer_list(struct buffer *items)
{
	HOLD(buffer_fini) struct buffer json = { 0 };

	(void)(buffer_append_byte(&json, '[') && buffer_append_span(&json, buffer_span(items)) &&
		buffer_append_byte(&json, ']'));
	answer(&json);
	buffer_clear(items);
}

static void next_item(struct buffer *items)
{
	if (items->len > 0)
		(void)buffer_append_byte(items, ',');
}

static void append_event(struct buffer *json, const struct capsule_event *event)
{
	(void)(buffer_printf(json, "{\"number\":%llu,\"type\":\"%s\",\"source_id\":\"%s\",\"topic\":",
		       (unsigned long long)event->number, event->type, event->source_id) &&
		json_append_lossy(json, span_of(event->topic, event->topic_len)) &&
		buffer_append_text(json, ",\"capsule\":"));
	if (event->capsule != NULL)
		(void)json_append_lossy(json, span_text(event->capsule));
	else
		(void)buffer_append_text(json, "null");
	(void)(buffer_append_text(json, ",\"payload\":") &&
		buffer_append_span(json, span_of(event->payload, event->payload_len)));
}

/* ---- What the runtime tells ---- */

static void arrived(void *user, const struct capsule_event *event, uint64_t lost)
{
	struct thing *thing = user;

	thing->count++;
	next_item(&thing->events);
	append_event(&thing->events, event);
	(void)buffer_printf(&thing->events, ",\"lost\":%llu}", (unsigned long long)lost);
}

static void append_text(struct buffer *json, const char *key, const char *text)
{
	(void)buffer_printf(json, ",\"%s\":", key);
	if (text != NULL)
		(void)json_append_lossy(json, span_text(text));
	else
		(void)buffer_append_text(json, "null");
}

static void told(void *user, const struct capsule_event_notice *notice)
{
	static const char *const kinds[] = { "outcome", "decided", "settled" };
	struct buffer *json = user;

	next_item(json);
	append_event(json, notice->event);
	append_text(json, "kind", kinds[notice->kind]);
	if (notice->kind == CAPSULE_EVENT_SETTLED) {
		(void)buffer_printf(json, ",\"matched\":%u}", (unsigned)notice->matched);
		return;
	}
	append_text(json, "receiver", notice->capsule);
	append_text(json, "action", notice->action);
	if (notice->kind == CAPSULE_EVENT_OUTCOME)
		append_text(json, "outcome", capsule_outcome_name(notice->outcome));
	else
		append_text(json, "reason", notice->vetoed ? notice->reason : NULL);
	(void)buffer_append_byte(json, '}');
}

static void logged(void *user, enum capsule_log_level level, const char *capsule, const char *message, size_t len)
{
	struct buffer *json = user;

	next_item(json);
	(void)buffer_printf(json, "{\"level\":%d", (int)level);
	append_text(json, "capsule", capsule);
	(void)(buffer_append_text(json, ",\"text\":") && json_append_lossy(json, span_of(message, len)) &&
		buffer_append_byte(json, '}'));
}

/* ---- Names ---- */

static const char *operand(int index)
{
	return index < session.count ? session.operands[index] : "";
}

/* The one called so, or a new one; names are forgotten when what they stand for is free again. */
static struct thing *thing_of(const char *name)
{
	struct thing *unused = NULL;

	for (int i = 0; i < THINGS_MAX; i++) {
		if (strcmp(session.things[i].name, name) == 0)
			return &session.things[i];
		if (unused == NULL && session.things[i].name[0] == '\0')
			unused = &session.things[i];
	}
	if (unused == NULL)
		abort();
	(void)snprintf(unused->name, sizeof unused->name, "%s", name);
	return unused;
}

static struct capsule **place_of(const char *id)
{
	struct capsule **unused = NULL;

	for (int i = 0; i < THINGS_MAX; i++) {
		struct capsule **place = &session.capsules[i];

		if (*place != NULL && id != NULL && strcmp(capsule_id(*place), id) == 0)
			return place;
		if (*place == NULL && unused == NULL)
			unused = place;
	}
	return unused;
}

/* ---- Operations ---- */

static void wait_and_answer(struct capsule_op *op)
{
	enum capsule_status status = capsule_op_wait(op, session.err);
	const char *result;
	size_t len;

	if (status == CAPSULE_OK && capsule_op_capsule(op) != NULL) {
		*place_of(NULL) = capsule_op_capsule(op);
		result = capsule_id(capsule_op_capsule(op));
		len = strlen(result);
	} else {
		result = capsule_op_result(op, &len);
	}
	answer_outcome(status, result, len);
	capsule_op_free(op);
}

/* Begin what `verb` says; its operands begin with number `at`. */
static enum capsule_status begin(const char *verb, int at, struct capsule_op **op)
{
	const char *first = operand(at), *second = operand(at + 1), *third = operand(at + 2);
	struct capsule **place = place_of(first);
	struct capsule *capsule = place != NULL ? *place : NULL;

	if (strcmp(verb, "load") == 0)
		return capsule_load(session.runtime, first, NULL, NULL, op, session.err);
	if (strcmp(verb, "publish") == 0)
		return capsule_publish(session.runtime, first, second, strlen(second), NULL, NULL, op, session.err);
	if (strcmp(verb, "unload") == 0) {
		if (place != NULL)
			*place = NULL;
		return capsule_unload(capsule, NULL, NULL, op, session.err);
	}
	return capsule_call(capsule, second, third, strlen(third), NULL, NULL, op, session.err);
}

static void do_and_wait(void)
{
	struct capsule_op *op = NULL;
	enum capsule_status status = begin(operand(0), 1, &op);

	if (status == CAPSULE_OK)
		wait_and_answer(op);
	else
		answer_outcome(status, "", 0);
}

static void do_as(void)
{
	struct thing *thing = thing_of(operand(1));
	char verb[16];
	enum capsule_status status;

	(void)snprintf(verb, sizeof verb, "%.*s", (int)strcspn(operand(0), "-"), operand(0));
	status = begin(verb, 2, &thing->op);
	answer_outcome(status, "", 0);
	if (status != CAPSULE_OK)
		thing->name[0] = '\0';
}

static void do_post(void)
{
	const char *payload = operand(2);
	enum capsule_status status = capsule_publish(
		session.runtime, operand(1), payload, strlen(payload), NULL, NULL, NULL, session.err);

	answer_outcome(status, "", 0);
}

static void do_op(void)
{
	struct thing *thing = thing_of(operand(1));
	struct capsule_op *op = thing->op;

	if (strcmp(operand(0), "done") == 0) {
		answer_outcome(CAPSULE_OK, capsule_op_done(op) ? "yes" : "no", capsule_op_done(op) ? 3 : 2);
		return;
	}
	if (strcmp(operand(0), "cancel") == 0) {
		capsule_op_cancel(op);
		answer_outcome(CAPSULE_OK, "", 0);
		return;
	}
	thing->name[0] = '\0';
	thing->op = NULL;
	if (strcmp(operand(0), "wait") == 0) {
		wait_and_answer(op);
		return;
	}
	capsule_op_free(op);
	answer_outcome(CAPSULE_OK, "", 0);
}

/* ---- The rest ---- */

static void do_subscribe(void)
{
	struct thing *thing = thing_of(operand(1));
	struct capsule_subscribe_options options = { .size = sizeof options };
	enum capsule_status status;

	for (int i = 3; i < session.count; i++) {
		if (strcmp(operand(i), "lifecycle") == 0)
			options.lifecycle = true;
		else
			options.inbox_messages = (uint32_t)strtoul(operand(i), NULL, 10);
	}
	status = capsule_subscribe(
		session.runtime, operand(2), &options, arrived, thing, &thing->subscription, session.err);
	answer_outcome(status, "", 0);
}

static void do_unsubscribe(void)
{
	struct thing *thing = thing_of(operand(1));

	capsule_unsubscribe(thing->subscription);
	buffer_fini(&thing->events);
	*thing = (struct thing){ .op = NULL };
	answer_outcome(CAPSULE_OK, "", 0);
}

static void do_take(void)
{
	struct thing *thing = thing_of(operand(1));
	unsigned wanted = (unsigned)strtoul(operand(2), NULL, 10);

	while (thing->count < wanted)
		(void)capsule_runtime_turn(session.runtime, -1);
	thing->count = 0;
	answer_list(&thing->events);
}

static void do_watch(void)
{
	capsule_watch_events(session.runtime, told, &session.notices);
	answer_outcome(CAPSULE_OK, "", 0);
}

static void do_notices(void)
{
	answer_list(&session.notices);
}

static void do_log(void)
{
	answer_list(&session.log);
}

static void do_settle(void)
{
	do {
		(void)capsule_runtime_turn(session.runtime, 0);
	} while (capsule_runtime_timeout_ms(session.runtime) == 0);
	answer_outcome(CAPSULE_OK, "", 0);
}

static void do_stats(void)
{
	const char *stats = capsule_event_stats_json(session.runtime);

	answer_outcome(CAPSULE_OK, stats, strlen(stats));
}

static void do_health(void)
{
	static const char *const names[] = { "loading", "ready", "failed", "unloaded" };
	struct capsule *capsule = *place_of(operand(1));
	const char *name = names[capsule_health(capsule, session.err)];

	answer_outcome(CAPSULE_OK, name, strlen(name));
}

static void do_tools(void)
{
	const char *tools = capsule_tools_json(*place_of(operand(1)));

	answer_outcome(CAPSULE_OK, tools, strlen(tools));
}

static void do_servers(void)
{
	const char *servers = capsule_mcp_servers_json(*place_of(operand(1)));

	answer_outcome(CAPSULE_OK, servers, strlen(servers));
}

/* Until the first server of ID is in STATE. */
static void do_turn(void)
{
	HOLD(buffer_fini) struct buffer wanted = { 0 };
	struct capsule *capsule = *place_of(operand(1));

	(void)buffer_printf(&wanted, "\"state\":\"%s\"", operand(2));
	while (strstr(capsule_mcp_servers_json(capsule), buffer_text(&wanted)) == NULL)
		(void)capsule_runtime_turn(session.runtime, -1);
	answer_outcome(CAPSULE_OK, "", 0);
}

/* As `call`, until it does not fail because the server is being started again. */
static void do_call_again(void)
{
	struct capsule_op *op = NULL;
	enum capsule_status status = begin("call", 1, &op);

	while (status == CAPSULE_ESTATE) {
		(void)capsule_runtime_turn(session.runtime, -1);
		status = begin("call", 1, &op);
	}
	if (status == CAPSULE_OK)
		wait_and_answer(op);
	else
		answer_outcome(status, "", 0);
}

static const struct verb {
	const char *name;
	void (*run)(void);
} verbs[] = {
	{ "load", do_and_wait },
	{ "unload", do_and_wait },
	{ "call", do_and_wait },
	{ "publish", do_and_wait },
	{ "load-as", do_as },
	{ "unload-as", do_as },
	{ "call-as", do_as },
	{ "publish-as", do_as },
	{ "post", do_post },
	{ "wait", do_op },
	{ "cancel", do_op },
	{ "free", do_op },
	{ "done", do_op },
	{ "subscribe", do_subscribe },
	{ "unsubscribe", do_unsubscribe },
	{ "take", do_take },
	{ "watch", do_watch },
	{ "notices", do_notices },
	{ "log", do_log },
	{ "settle", do_settle },
	{ "stats", do_stats },
	{ "health", do_health },
	{ "tools", do_tools },
	{ "servers", do_servers },
	{ "turn", do_turn },
	{ "call-again", do_call_again },
};

static bool do_line(char *line)
{
	session.count = 0;
	line[strcspn(line, "\n")] = '\0';
	while (line != NULL && session.count < OPERANDS_MAX)
		session.operands[session.count++] = strsep(&line, "\t");
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
		if (strcmp(verbs[i].name, operand(0)) == 0) {
			verbs[i].run();
			return true;
		}
	}
	(void)fprintf(stderr, "no verb `%s`\n", operand(0));
	return false;
}

static bool take_option(struct capsule_runtime_options *options, const char *text)
{
	const struct {
		const char *name;
		uint64_t *place;
	} numbers[] = { { "call_cpu_ms", &options->call_cpu_ms }, { "call_wall_ms", &options->call_wall_ms },
		{ "unload_grace_ms", &options->unload_grace_ms }, { "mcp_handshake_ms", &options->mcp_handshake_ms },
		{ "mcp_call_ms", &options->mcp_call_ms }, { "mcp_stop_ms", &options->mcp_stop_ms },
		{ "restart_ms", &options->restart_ms } };
	const char *value = strchr(text, '=');
	size_t len = value != NULL ? (size_t)(value - text) : 0;

	if (value == NULL)
		return false;
	if (strncmp(text, "cache", len) == 0)
		options->cache_dir = value + 1;
	if (strncmp(text, "workspace", len) == 0)
		options->workspace = value + 1;
	if (strncmp(text, "home", len) == 0) {
		options->home = value + 1;
		options->memory_store = false;
	}
	if (strncmp(text, "overlay", len) == 0)
		options->overlay = strcmp(value, "=auto") == 0 ? CAPSULE_OVERLAY_AUTO : CAPSULE_OVERLAY_MANUAL;
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		if (strncmp(text, numbers[i].name, len) == 0)
			*numbers[i].place = strtoull(value + 1, NULL, 10);
	return true;
}

static void end(void)
{
	capsule_runtime_free(session.runtime);
	for (int i = 0; i < THINGS_MAX; i++)
		buffer_fini(&session.things[i].events);
	buffer_fini(&session.notices);
	buffer_fini(&session.log);
	capsule_error_free(session.err);
}

int main(int count, char **arguments)
{
	struct capsule_runtime_options options = { .size = sizeof options,
		.memory_store = true,
		.unload_grace_ms = 1,
		.compile_in_process = true,
		.log = logged,
		.log_user = &session.log,
		.log_level = CAPSULE_LOG_INFO };
	char *line = NULL;
	size_t room = 0;
	bool good = true;

	(void)alarm(GIVE_UP_S);
	for (int i = 1; good && i < count; i++)
		good = take_option(&options, arguments[i]);
	session.err = capsule_error_new();
	if (!good || capsule_runtime_new(&session.runtime, &options, session.err) != CAPSULE_OK) {
		(void)fprintf(stderr, "%s\n", capsule_error_text(session.err));
		return 2;
	}
	while (good && getline(&line, &room, stdin) > 0)
		good = do_line(line);
	free(line);
	end();
	return good ? 0 : 2;
}
