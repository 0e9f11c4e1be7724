/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a capsule offers when it does not say so itself follows from what it publishes and has. */
#include "manifest/provides.h"

#include "base/cleanup.h"

#include <stdlib.h>
#include <string.h>

/* Take the next segment, without its dot, off `rest`. Returns false behind the last one. */
static bool next_segment(struct span *rest, struct span *segment, bool *ended)
{
	const uint8_t *dot = rest->len > 0 ? memchr(rest->data, '.', rest->len) : NULL;

	if (*ended)
		return false;
	*ended = dot == NULL;
	*segment = span_of(rest->data, *ended ? rest->len : (size_t)(dot - rest->data));
	*rest = *ended ? span_of(NULL, 0) : span_of(dot + 1, rest->len - segment->len - 1);
	return true;
}

static struct span split_type(struct span *body)
{
	const uint8_t *colon = body->len > 0 ? memchr(body->data, ':', body->len) : NULL;
	struct span type = span_of(body->data, colon == NULL ? 0 : (size_t)(colon - body->data));

	if (colon != NULL)
		*body = span_of(colon + 1, body->len - type.len - 1);
	return type;
}

bool capability_match(struct span requirement, struct span provided)
{
	struct span a, b;
	bool a_ended = false, b_ended = false;

	if (!span_equal(split_type(&requirement), split_type(&provided)))
		return false;
	for (;;) {
		bool more = next_segment(&requirement, &a, &a_ended);

		if (more != next_segment(&provided, &b, &b_ended))
			return false;
		if (!more)
			return true;
		if (!span_equal(a, b) && !span_is(a, "*") && !span_is(b, "*"))
			return false;
	}
}

static bool add(struct string_list *list, const char *type, const char *name, struct place place)
{
	size_t len = strlen(type) + strlen(name);
	char *text = malloc(len + 1);

	if (text == NULL)
		return false;
	(void)stpcpy(stpcpy(text, type), name);
	list->items[list->count] = text;
	list->places[list->count++] = place;
	return true;
}

enum capsule_status manifest_provides(const struct manifest *m, struct string_list *out, struct capsule_error *err)
{
	const struct string_list *own = &m->provides, *topics = &m->capabilities.ipc_publish;
	size_t count = own->count + topics->count + m->tools.count + m->llm_providers.count + m->uplinks.count;
	HOLD(string_list_fini)
	struct string_list list = { calloc(count + 1, sizeof *list.items), calloc(count + 1, sizeof *list.places), 0 };
	bool added = list.items != NULL && list.places != NULL;

	for (size_t i = 0; added && i < own->count; i++)
		added = add(&list, "", own->items[i], own->places[i]);
	if (own->count > 0)
		count = 0;
	for (size_t i = 0; added && count > 0 && i < topics->count; i++)
		added = add(&list, "topic:", topics->items[i], topics->places[i]);
	for (size_t i = 0; added && count > 0 && i < m->tools.count; i++)
		added = add(&list, "tool:", m->tools.items[i].name, m->tools.items[i].name_place);
	for (size_t i = 0; added && count > 0 && i < m->llm_providers.count; i++)
		added = add(&list, "llm:", m->llm_providers.items[i].id, m->llm_providers.items[i].place);
	for (size_t i = 0; added && count > 0 && i < m->uplinks.count; i++)
		added = add(&list, "uplink:", m->uplinks.items[i].name, m->uplinks.items[i].place);
	if (!added)
		return error_set(err, CAPSULE_ENOMEM, "no memory for what capsule '%s' provides", m->package.name);
	*out = list;
	list = (struct string_list){ 0 };
	return CAPSULE_OK;
}

void string_list_fini(struct string_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	free(list->places);
	*list = (struct string_list){ 0 };
}
