/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "gate/rights.h"

#include "base/topic.h"
#include "gate/question.h"

#include <stdlib.h>

static enum capsule_status no_memory(struct capsule_error *err)
{
	return error_set(err, CAPSULE_ENOMEM, "no memory for the gate");
}

/* Keep `*name` (taken, NULL is fine) and put it into `set`. There is room for it in `names`. */
static bool keep(struct rights_names *names, struct entry_set *set, char **name, size_t index)
{
	char *text = *name;

	if (text == NULL)
		return true;
	*name = NULL;
	names->items[names->count++] = text;
	return entry_set_add(set, span_text(text), index);
}

static enum capsule_status make_paths(struct rights *rights, struct entry_set *set, const struct string_list *list,
	const struct entry_roots *roots, struct capsule_error *err)
{
	*set = entry_set_of_paths();
	for (size_t i = 0; i < list->count; i++) {
		struct entry_meaning meaning;
		enum capsule_status status = entry_path(&meaning, roots, list->items[i], err);
		bool kept = status == CAPSULE_OK && keep(&rights->names, set, &meaning.name, i) &&
			keep(&rights->names, set, &meaning.as_named, i);

		entry_meaning_fini(&meaning);
		if (!kept)
			return status != CAPSULE_OK ? status : no_memory(err);
	}
	entry_set_close(set);
	return CAPSULE_OK;
}

static enum capsule_status make_hosts(struct rights *rights, const struct string_list *list, struct capsule_error *err)
{
	rights->hosts = entry_set_of_hosts();
	for (size_t i = 0; i < list->count; i++) {
		struct entry_meaning meaning;
		enum capsule_status status = entry_host(&meaning, list->items[i], err);
		bool any = status == CAPSULE_OK && meaning.name != NULL && strcmp(meaning.name, "*") == 0;
		bool kept = status == CAPSULE_OK;

		if (any && rights->any_host == RIGHTS_NONE)
			rights->any_host = i;
		if (kept && !any)
			kept = keep(&rights->names, &rights->hosts, &meaning.name, i);
		entry_meaning_fini(&meaning);
		if (!kept)
			return status != CAPSULE_OK ? status : no_memory(err);
	}
	entry_set_close(&rights->hosts);
	return CAPSULE_OK;
}

static bool make_topics(struct rights_topics *topics, const struct string_list *list)
{
	topics->items = calloc(list->count + 1, sizeof *topics->items);
	if (topics->items == NULL)
		return false;
	for (size_t i = 0; i < list->count; i++) {
		struct span pattern = span_text(list->items[i]);

		if (topic_valid(pattern))
			topics->items[topics->count++] = (struct rights_topic){
				.pattern = pattern, .segments = topic_segments(pattern), .index = i
			};
	}
	return true;
}

enum capsule_status rights_make(struct rights *out, const struct manifest_capabilities *declared,
	const struct entry_roots *roots, struct capsule_error *err)
{
	size_t names = 2 * declared->fs_read.count + 2 * declared->fs_write.count + declared->net.count;
	enum capsule_status status;

	*out = (struct rights){ .declared = declared, .any_host = RIGHTS_NONE, .bind = RIGHTS_NONE };
	out->names.items = calloc(names + 1, sizeof *out->names.items);
	if (out->names.items == NULL || !make_topics(&out->publish, &declared->ipc_publish) ||
		!make_topics(&out->subscribe, &declared->ipc_subscribe))
		return no_memory(err);
	for (size_t i = declared->net_bind.count; i-- > 0;)
		if (declared->net_bind.items[i][0] != '\0')
			out->bind = i;
	status = make_paths(out, &out->paths[GATE_READ], &declared->fs_read, roots, err);
	if (status == CAPSULE_OK)
		status = make_paths(out, &out->paths[GATE_WRITE], &declared->fs_write, roots, err);
	return status == CAPSULE_OK ? make_hosts(out, &declared->net, err) : status;
}

void rights_fini(struct rights *rights)
{
	for (size_t i = 0; i < rights->names.count; i++)
		free(rights->names.items[i]);
	free(rights->names.items);
	entry_set_fini(&rights->paths[GATE_READ]);
	entry_set_fini(&rights->paths[GATE_WRITE]);
	entry_set_fini(&rights->hosts);
	free(rights->publish.items);
	free(rights->subscribe.items);
	*rights = (struct rights){ 0 };
}

static size_t find_in(const struct entry_set *set, struct span wanted)
{
	const struct entry_set_item *item = entry_set_find(set, wanted);

	return item != NULL ? item->index : RIGHTS_NONE;
}

static size_t find_text(const struct string_list *list, struct span wanted)
{
	for (size_t i = 0; i < list->count; i++)
		if (span_is(wanted, list->items[i]))
			return i;
	return RIGHTS_NONE;
}

/* A level that is declared stands for those below it, too. */
static size_t find_level(const struct string_list *list, struct span wanted)
{
	for (size_t i = 0; i < list->count; i++)
		if (identity_level(span_text(list->items[i])) >= identity_level(wanted))
			return i;
	return RIGHTS_NONE;
}

/* Counts are compared first, as few entries have as many segments. */
static size_t find_publish(const struct rights_topics *topics, struct span topic)
{
	size_t segments = topic_segments(topic);

	for (size_t i = 0; i < topics->count; i++)
		if (topics->items[i].segments == segments && topic_matches(topic, topics->items[i].pattern))
			return topics->items[i].index;
	return RIGHTS_NONE;
}

static size_t find_subscribe(const struct rights_topics *topics, struct span pattern)
{
	size_t segments = topic_segments(pattern);

	for (size_t i = 0; i < topics->count; i++)
		if (topics->items[i].segments <= segments && topic_covers(topics->items[i].pattern, pattern))
			return topics->items[i].index;
	return RIGHTS_NONE;
}

size_t rights_find(const struct rights *rights, const struct gate_question *question)
{
	struct span operand = question->operand;

	switch (question->operation) {
	case GATE_READ:
	case GATE_WRITE:
		return find_in(&rights->paths[question->operation], operand);
	case GATE_HTTP:
		return rights->any_host != RIGHTS_NONE ? rights->any_host : find_in(&rights->hosts, operand);
	case GATE_PROCESS:
		return find_text(&rights->declared->host_process, operand);
	case GATE_BIND:
		return rights->bind;
	case GATE_IDENTITY:
		return find_level(&rights->declared->identity, operand);
	case GATE_PUBLISH:
		return find_publish(&rights->publish, operand);
	case GATE_SUBSCRIBE:
		return find_subscribe(&rights->subscribe, operand);
	case GATE_UPLINK:
	case GATE_OPERATIONS:
		break;
	}
	return RIGHTS_NONE;
}
