/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Names that may stand once in their list: an error where something is addressed by the name, a warning where the second
 * entry is only of no use. */
#include "base/cleanup.h"
#include "manifest/twins.h"
#include "manifest/validate_part.h"

/* A list of entries with names, reached by the offsets of its members. */
struct named_list {
	const void *items;
	size_t count, size;
	size_t name_offset, more_offset; /* of a char pointer; equal when one name is all */
	size_t place_offset;
	enum severity severity;
	const char *what, *fix;
	const char *joint; /* between the two names in a message, NULL when one name is all */
};

#define LIST(list, tag, name_, more_, place_, ...)                                                                     \
	{                                                                                                              \
		.items = manifest->list.items, .count = manifest->list.count, .size = sizeof(struct tag),              \
		.name_offset = offsetof(struct tag, name_), .more_offset = offsetof(struct tag, more_),                \
		.place_offset = offsetof(struct tag, place_), __VA_ARGS__                                              \
	}

static const char *text_of(const char *entry, size_t offset)
{
	return *(const char *const *)(const void *)(entry + offset);
}

static const struct place *place_of(const struct named_list *list, size_t index)
{
	return (const struct place *)(const void *)((const char *)list->items + index * list->size +
		list->place_offset);
}

static void report(const struct named_list *list, const struct twin *items, size_t index, struct diagnostics *found)
{
	const struct twin *item = &items[index];
	uint32_t line = place_of(list, item->first)->line;

	if (list->joint == NULL)
		diagnostics_add(found, list->severity, PLACE_ARGS(*place_of(list, index)), list->fix,
			"duplicate %s `%" VALIDATE_SHOWN "`, already on line %u", list->what, item->name, line);
	else
		diagnostics_add(found, list->severity, PLACE_ARGS(*place_of(list, index)), list->fix,
			"duplicate %s `%" VALIDATE_SHOWN "` %s `%" VALIDATE_SHOWN "`, already on line %u", list->what,
			item->name, list->joint, item->more, line);
}

static void check_list(const struct named_list *list, struct diagnostics *found)
{
	HOLD(free_drop) struct twin *items = NULL;
	const char *entry = list->items;

	if (list->count < 2)
		return;
	items = calloc(list->count, sizeof(*items));
	if (items == NULL) {
		validate_starved(found);
		return;
	}
	for (size_t i = 0; i < list->count; i++, entry += list->size)
		items[i] = (struct twin){ text_of(entry, list->name_offset), text_of(entry, list->more_offset), 0 };
	if (!twins_find(items, list->count)) {
		validate_starved(found);
		return;
	}
	for (size_t i = 0; i < list->count; i++)
		if (items[i].first != i)
			report(list, items, i, found);
}

void validate_twins(const struct manifest *manifest, struct diagnostics *found)
{
	const struct named_list lists[] = {
		LIST(tools, manifest_tool, name, name, name_place, .severity = SEVERITY_ERROR, .what = "tool",
			.fix = "rename one of them: a tool is called by its name"),
		LIST(uplinks, manifest_uplink, name, platform, place, .severity = SEVERITY_ERROR, .what = "uplink",
			.joint = "on the platform", .fix = "rename one of them, or name another platform"),
		LIST(mcp_servers, manifest_mcp_server, id, id, place, .severity = SEVERITY_ERROR, .what = "MCP server",
			.fix = "rename one of them: a server is reached by its id"),
		LIST(commands, manifest_command, name, name, place, .severity = SEVERITY_WARNING, .what = "command",
			.fix = "rename or remove one of them"),
		LIST(skills, manifest_skill, name, name, place, .severity = SEVERITY_WARNING, .what = "skill",
			.fix = "rename or remove one of them"),
		LIST(context_files, manifest_context_file, name, name, place, .severity = SEVERITY_WARNING,
			.what = "context file", .fix = "rename or remove one of them"),
		LIST(llm_providers, manifest_llm_provider, id, id, place, .severity = SEVERITY_WARNING,
			.what = "LLM provider", .fix = "rename or remove one of them"),
		LIST(crons, manifest_cron, name, name, place, .severity = SEVERITY_WARNING, .what = "job",
			.fix = "rename or remove one of them"),
		LIST(interceptors, manifest_interceptor, event, action, event_place, .severity = SEVERITY_WARNING,
			.what = "interceptor", .joint = "with the action",
			.fix = "remove one of them: the guest would get the event twice"),
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		check_list(&lists[i], found);
}
