/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Capability strings: what matches what, and what a manifest offers without saying so in `provides`. */
#include "manifest/provides.h"
#include "base/cleanup.h"
#include "base/text.h"

#include <stdio.h>

/* Cuts the type off `text`: what stands before its first ':'. */
static struct span take_type(struct span *text)
{
	const uint8_t *colon = text->len > 0 ? memchr(text->data, ':', text->len) : NULL;
	struct span type = span_of(text->data, colon != NULL ? (size_t)(colon - text->data) : 0);

	if (colon != NULL)
		*text = span_of(colon + 1, text->len - type.len - 1);
	return type;
}

/* Cuts the first segment off `text`; `*more` tells whether a dot follows it. */
static struct span take_segment(struct span *text, bool *more)
{
	const uint8_t *dot = text->len > 0 ? memchr(text->data, '.', text->len) : NULL;
	struct span segment = span_of(text->data, dot != NULL ? (size_t)(dot - text->data) : text->len);

	*more = dot != NULL;
	*text = dot != NULL ? span_of(dot + 1, text->len - segment.len - 1) : span_of(NULL, 0);
	return segment;
}

bool capability_match(struct span requirement, struct span provided)
{
	bool more = true, provided_more = true;

	if (!span_equal(take_type(&requirement), take_type(&provided)))
		return false;
	while (more && provided_more) {
		struct span wanted = take_segment(&requirement, &more);
		struct span offered = take_segment(&provided, &provided_more);

		if (!span_is(wanted, "*") && !span_is(offered, "*") && !span_equal(wanted, offered))
			return false;
	}
	return more == provided_more;
}

/* Puts TYPE:NAME at the end; the list has room for it. */
static bool add(struct string_list *list, const char *type, const char *name, struct place place)
{
	char *text = NULL;

	if (asprintf(&text, "%s%s", type, name) < 0)
		return false;
	list->places[list->count] = place;
	list->items[list->count++] = text;
	return true;
}

static bool add_list(struct string_list *out, const char *type, const struct string_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (!add(out, type, list->items[i], list->places[i]))
			return false;
	return true;
}

static bool derive(const struct manifest *manifest, struct string_list *out)
{
	if (!add_list(out, "topic:", &manifest->capabilities.ipc_publish))
		return false;
	for (size_t i = 0; i < manifest->tools.count; i++)
		if (!add(out, "tool:", manifest->tools.items[i].name, manifest->tools.items[i].name_place))
			return false;
	for (size_t i = 0; i < manifest->llm_providers.count; i++)
		if (!add(out, "llm:", manifest->llm_providers.items[i].id, manifest->llm_providers.items[i].place))
			return false;
	for (size_t i = 0; i < manifest->uplinks.count; i++)
		if (!add(out, "uplink:", manifest->uplinks.items[i].name, manifest->uplinks.items[i].place))
			return false;
	return true;
}

enum capsule_status manifest_provides(
	const struct manifest *manifest, struct string_list *out, struct capsule_error *err)
{
	HOLD(string_list_fini) struct string_list list = { 0 };
	size_t room = manifest->provides.count;

	if (room == 0)
		room = manifest->capabilities.ipc_publish.count + manifest->tools.count +
			manifest->llm_providers.count + manifest->uplinks.count;
	*out = (struct string_list){ 0 };
	if (room == 0)
		return CAPSULE_OK;
	list.items = calloc(room, sizeof(*list.items));
	list.places = calloc(room, sizeof(*list.places));
	if (list.items == NULL || list.places == NULL ||
		!(manifest->provides.count > 0 ? add_list(&list, "", &manifest->provides) : derive(manifest, &list)))
		return error_set(err, CAPSULE_ENOMEM, "no memory for what %s provides", manifest->package.name);
	*out = list;
	list = (struct string_list){ 0 };
	return CAPSULE_OK;
}
