/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One row for each entry: what it says, what it means here, what there is to say about it. */
#include "gate/policy.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "base/topic.h"
#include "gate/policy_danger.h"
#include "gate/policy_server.h"
#include "gate/question.h"

struct maker {
	struct policy *policy;
	struct entry_roots roots;
	size_t capacity;
	struct capsule_error *err;
};

static enum capsule_status no_memory(struct capsule_error *err)
{
	return error_set(err, CAPSULE_ENOMEM, "no memory for a policy");
}

static void row_fini(struct policy_row *row)
{
	free(row->entry);
	free(row->meaning);
	free(row->target);
	free(row->why);
	policy_server_free(row->server);
}

void policy_fini(struct policy *policy)
{
	for (size_t i = 0; i < policy->count; i++)
		row_fini(&policy->rows[i]);
	free(policy->rows);
	*policy = (struct policy){ 0 };
}

static bool make_room(struct maker *maker)
{
	struct policy *policy = maker->policy;
	size_t capacity = maker->capacity == 0 ? 16 : 2 * maker->capacity;
	struct policy_row *rows;

	if (policy->count < maker->capacity)
		return true;
	if ((rows = reallocarray(policy->rows, capacity, sizeof *rows)) == NULL)
		return false;
	policy->rows = rows;
	maker->capacity = capacity;
	return true;
}

/* Add `row`, whose `target` is taken; `entry`, `meaning` and `why` are copied. A row without a target grants nothing. */
static enum capsule_status add(
	struct maker *maker, struct policy_row row, const char *entry, const char *meaning, const char *why)
{
	const char *danger;

	row.entry = text_copy(span_text(entry));
	row.meaning = text_copy(span_text(meaning));
	if (row.entry == NULL || row.meaning == NULL || !make_room(maker)) {
		row_fini(&row);
		return no_memory(maker->err);
	}
	danger = policy_danger(&row, &maker->roots);
	/* What grants something dangerous is that, however odd it is otherwise. */
	row.note = danger != NULL ? POLICY_DANGEROUS : why != NULL ? POLICY_UNUSED : POLICY_PLAIN;
	if (row.note != POLICY_PLAIN && (row.why = text_copy(span_text(danger != NULL ? danger : why))) == NULL) {
		row_fini(&row);
		return no_memory(maker->err);
	}
	maker->policy->dangerous += row.note == POLICY_DANGEROUS;
	maker->policy->unused += row.note == POLICY_UNUSED;
	maker->policy->rows[maker->policy->count++] = row;
	return CAPSULE_OK;
}

static enum capsule_status add_path(struct maker *maker, struct policy_row row, const char *entry)
{
	struct entry_meaning meaning;
	enum capsule_status status = entry_path(&meaning, &maker->roots, entry, maker->err);

	if (status != CAPSULE_OK)
		return status;
	row.target = GIVE(meaning.name);
	status = add(maker, row, entry, row.target != NULL ? row.target : "nothing", meaning.why);
	entry_meaning_fini(&meaning);
	return status;
}

static enum capsule_status add_host(struct maker *maker, struct policy_row row, const char *entry)
{
	HOLD(buffer_fini) struct buffer words = { 0 };
	struct entry_meaning meaning;
	enum capsule_status status = entry_host(&meaning, entry, maker->err);
	const char *text = "nothing";

	if (status != CAPSULE_OK)
		return status;
	row.target = GIVE(meaning.name);
	if (row.target != NULL && strcmp(row.target, "*") == 0) {
		text = "every host";
	} else if (row.target != NULL) {
		(void)buffer_printf(&words, "%s and its subdomains", row.target);
		text = buffer_text(&words);
	}
	if (text == NULL) {
		row_fini(&row);
		return no_memory(maker->err);
	}
	return add(maker, row, entry, text, meaning.why);
}

/* Whether a `*` stands inside a segment, where it means itself. */
static bool half_wildcard(struct span pattern)
{
	for (size_t i = 0; i < pattern.len; i++)
		if (pattern.data[i] == '*' &&
			((i > 0 && pattern.data[i - 1] != '.') || (i + 1 < pattern.len && pattern.data[i + 1] != '.')))
			return true;
	return false;
}

static const char *topic_limits(const char *entry)
{
	struct span pattern = span_text(entry);

	if (!topic_valid(pattern))
		return "a topic has no empty segments";
	if (topic_segments(pattern) > QUESTION_TOPIC_SEGMENTS)
		return "topics have at most 8 segments";
	if (pattern.len > QUESTION_TOPIC_BYTES)
		return "topics have at most 256 bytes";
	return NULL;
}

static const char *topic_why(const char *entry)
{
	const char *why = topic_limits(entry);

	return why == NULL && half_wildcard(span_text(entry)) ? "`*` is a wildcard only as a whole segment" : why;
}

/* The other operations: the entry is its own target, unless it can never match. */
static const char *plain_why(enum gate_operation operation, const char *entry)
{
	switch (operation) {
	case GATE_PROCESS:
		if (entry[0] == '\0')
			return "an empty entry stands for nothing";
		return command_has_arguments(span_text(entry))
			? "a program is granted by its name alone; arguments do not belong here"
			: NULL;
	case GATE_BIND:
		return entry[0] == '\0' ? "an empty entry stands for nothing" : NULL;
	case GATE_IDENTITY:
		return identity_level(span_text(entry)) == 0 ? "the words are resolve, link and admin, in lower case"
							     : NULL;
	default:
		return topic_why(entry);
	}
}

static bool append_plain_meaning(enum gate_operation operation, const char *entry, struct buffer *out)
{
	static const char *const levels[] = { "nothing", "look up users",
		"look up users; link, unlink and list their accounts",
		"look up users; link, unlink and list their accounts; make users" };
	size_t len = strlen(entry);

	switch (operation) {
	case GATE_PROCESS:
		return buffer_printf(out, "the program %s, with any arguments", entry);
	case GATE_BIND:
		return buffer_append_text(out, "listen on the socket that the runtime provides");
	case GATE_IDENTITY:
		return buffer_append_text(out, levels[identity_level(span_text(entry))]);
	case GATE_SUBSCRIBE:
		if (len > 2 && strcmp(entry + len - 2, ".*") == 0)
			return buffer_printf(out, "topics below %.*s, at any depth", (int)(len - 2), entry);
		break;
	default:
		break;
	}
	if (strchr(entry, '*') != NULL)
		return buffer_printf(out, "topics %s, each * any one segment", entry);
	return buffer_printf(out, "the topic %s", entry);
}

static enum capsule_status add_plain(struct maker *maker, struct policy_row row, const char *entry)
{
	HOLD(buffer_fini) struct buffer words = { 0 };
	const char *why = plain_why(row.operation, entry);
	const char *meaning = "nothing";
	/* Still a topic of that very name, when nothing else is wrong with it. */
	bool wildcard_part = why != NULL && (row.operation == GATE_PUBLISH || row.operation == GATE_SUBSCRIBE) &&
		topic_limits(entry) == NULL;

	if (why == NULL || wildcard_part) {
		row.target = text_copy(span_text(entry));
		if (row.target == NULL || !append_plain_meaning(row.operation, entry, &words) ||
			(meaning = buffer_text(&words)) == NULL) {
			row_fini(&row);
			return no_memory(maker->err);
		}
	}
	return add(maker, row, entry, meaning, why);
}

static enum capsule_status add_list(struct maker *maker, const struct manifest_capabilities *declared,
	enum gate_operation operation, bool by_component)
{
	const struct string_list *list = entry_list(declared, operation);
	enum capsule_status status = CAPSULE_OK;

	for (size_t i = 0; i < list->count && status == CAPSULE_OK; i++) {
		const struct policy_row row = { .operation = operation,
			.key = entry_key(operation),
			.place = list->places[i],
			.by_component = by_component };

		if (operation == GATE_READ || operation == GATE_WRITE)
			status = add_path(maker, row, list->items[i]);
		else if (operation == GATE_HTTP)
			status = add_host(maker, row, list->items[i]);
		else
			status = add_plain(maker, row, list->items[i]);
	}
	return status;
}

static enum capsule_status add_flag(
	struct maker *maker, const char *key, const char *meaning, struct place place, bool by_component)
{
	struct policy_row row = {
		.operation = GATE_OPERATIONS, .key = key, .place = place, .by_component = by_component
	};

	row.target = text_copy(span_text("true"));
	return row.target != NULL ? add(maker, row, "true", meaning, NULL) : no_memory(maker->err);
}

static enum capsule_status add_kv(struct maker *maker, const struct manifest_capabilities *declared, bool by_component)
{
	enum capsule_status status = CAPSULE_OK;

	for (size_t i = 0; i < declared->kv.count && status == CAPSULE_OK; i++) {
		const struct policy_row row = { .operation = GATE_OPERATIONS,
			.key = "kv",
			.place = declared->kv.places[i],
			.by_component = by_component };

		status = add(maker, row, declared->kv.items[i], "nothing",
			"each capsule has a key-value store of its own without it");
	}
	return status;
}

/* The keys in the order of the manifest's documentation. */
static enum capsule_status add_capabilities(
	struct maker *maker, const struct manifest_capabilities *declared, bool by_component)
{
	static const enum gate_operation lists[] = { GATE_READ, GATE_WRITE, GATE_PROCESS, GATE_BIND, GATE_PUBLISH,
		GATE_SUBSCRIBE, GATE_IDENTITY };
	enum capsule_status status = CAPSULE_OK;

	if (declared->uplink)
		status = add_flag(maker, "uplink", "it connects people or services", declared->place, by_component);
	if (status == CAPSULE_OK)
		status = add_list(maker, declared, GATE_HTTP, by_component);
	if (status == CAPSULE_OK)
		status = add_kv(maker, declared, by_component);
	for (size_t i = 0; i < sizeof lists / sizeof lists[0] && status == CAPSULE_OK; i++)
		status = add_list(maker, declared, lists[i], by_component);
	if (status == CAPSULE_OK && declared->allow_prompt_injection)
		status = add_flag(maker, "allow_prompt_injection", "other capsules may let it add text to prompts",
			declared->allow_prompt_injection_place, by_component);
	return status;
}

static enum capsule_status add_uplink(struct maker *maker, const struct manifest_uplink *uplink)
{
	static const char *const profiles[] = { "chat", "interactive", "notify", "bridge" };
	HOLD(buffer_fini) struct buffer words = { 0 };
	struct policy_row row = { .operation = GATE_UPLINK, .key = "uplink", .place = uplink->place };

	row.target = entry_platform(uplink->platform);
	if (row.target == NULL ||
		!buffer_printf(
			&words, "register an uplink of the platform %s (%s)", row.target, profiles[uplink->profile]) ||
		buffer_text(&words) == NULL) {
		row_fini(&row);
		return no_memory(maker->err);
	}
	return add(maker, row, uplink->name, buffer_text(&words), NULL);
}

static enum capsule_status add_interceptor(struct maker *maker, const struct manifest_interceptor *interceptor)
{
	static const char *const modes[] = { "observe", "guard", "rewrite" };
	HOLD(buffer_fini) struct buffer words = { 0 };
	struct policy_row row = {
		.operation = GATE_OPERATIONS, .key = POLICY_INTERCEPTOR, .place = interceptor->mode_place
	};

	if (interceptor->mode == INTERCEPTOR_OBSERVES)
		return CAPSULE_OK;
	row.target = text_copy(span_text(modes[interceptor->mode]));
	if (row.target == NULL ||
		!buffer_printf(&words, "decides about events: %s (%s)", interceptor->event, row.target) ||
		buffer_text(&words) == NULL) {
		row_fini(&row);
		return no_memory(maker->err);
	}
	return add(maker, row, interceptor->event, buffer_text(&words), topic_why(interceptor->event));
}

static enum capsule_status add_server(
	struct maker *maker, const struct manifest *manifest, const struct manifest_mcp_server *server)
{
	HOLD(buffer_fini) struct buffer words = { 0 };
	HOLD(buffer_fini) struct buffer target = { 0 };
	struct policy_row row = { .operation = GATE_OPERATIONS, .key = POLICY_SERVER, .place = server->place };
	const char *unused = policy_server_unused(manifest, server);

	if (unused != NULL)
		return add(maker, row, server->id, "nothing", unused);
	row.server = policy_server_new(server);
	if (row.server == NULL || !policy_server_append_meaning(row.server, &words) || buffer_text(&words) == NULL ||
		!policy_server_append_json(row.server, &target) || (row.target = buffer_steal(&target)) == NULL) {
		row_fini(&row);
		return no_memory(maker->err);
	}
	return add(maker, row, server->id, buffer_text(&words), NULL);
}

static enum capsule_status make(struct maker *maker, const struct manifest *manifest)
{
	enum capsule_status status = add_capabilities(maker, &manifest->capabilities, false);

	if (status == CAPSULE_OK && manifest->components.count > 0)
		status = add_capabilities(maker, &manifest->components.items[0].capabilities, true);
	for (size_t i = 0; i < manifest->uplinks.count && status == CAPSULE_OK; i++)
		status = add_uplink(maker, &manifest->uplinks.items[i]);
	for (size_t i = 0; i < manifest->interceptors.count && status == CAPSULE_OK; i++)
		status = add_interceptor(maker, &manifest->interceptors.items[i]);
	for (size_t i = 0; i < manifest->mcp_servers.count && status == CAPSULE_OK; i++)
		status = add_server(maker, manifest, &manifest->mcp_servers.items[i]);
	return status;
}

enum capsule_status policy_make(
	struct policy *out, const struct manifest *manifest, const struct gate_roots *roots, struct capsule_error *err)
{
	struct maker maker = { .policy = out, .err = err };
	enum capsule_status status;

	*out = (struct policy){ 0 };
	status = entry_roots_make(&maker.roots, roots, err);
	if (status == CAPSULE_OK)
		status = make(&maker, manifest);
	entry_roots_fini(&maker.roots);
	if (status != CAPSULE_OK)
		policy_fini(out);
	return status;
}
