/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/mcp/consent.h"

#include "base/cleanup.h"
#include "base/text.h"

/* One use that was granted. */
struct unused {
	struct list_node link;
	int64_t until_ns;
	char *key; /* of all that makes it the same call */
};

static const char *named(const struct string_list *list, const struct mcp_tool *tool)
{
	const char *entry = mcp_list_names(list, tool->raw);

	return entry != NULL ? entry : mcp_list_names(list, span_text(tool->name));
}

enum server_consent mcp_consent_decide(
	const struct manifest_mcp_server *server, const struct mcp_tool *tool, const char **entry)
{
	if ((*entry = named(&server->deny, tool)) != NULL)
		return SERVER_DENIES;
	if ((*entry = named(&server->ask, tool)) != NULL)
		return SERVER_ASKS;
	if ((*entry = named(&server->allow, tool)) != NULL)
		return SERVER_ALLOWS;
	return server->consent;
}

void mcp_consents_init(struct mcp_consents *consents)
{
	*consents = (struct mcp_consents){ 0 };
	list_init(&consents->unused);
}

static void forget(struct mcp_consents *consents, struct unused *unused)
{
	list_remove(&unused->link);
	consents->unused_count--;
	free(unused->key);
	free(unused);
}

void mcp_consents_fini(struct mcp_consents *consents)
{
	size_t cursor = 0;
	void *hash;

	while (map_next(&consents->remembered, &cursor, NULL, &hash))
		free(hash);
	map_fini(&consents->remembered);
	LIST_EACH_SAFE (node, &consents->unused)
		forget(consents, LIST_ENTRY(node, struct unused, link));
}

/* Who, and which tool: the parts hold no line break. */
static bool append_who(struct buffer *out, const struct mcp_consent_use *use)
{
	return buffer_append_text(out, use->principal) && buffer_append_byte(out, '\n') &&
		buffer_append_text(out, use->tool);
}

static char *whole_key(const struct mcp_consent_use *use)
{
	HOLD(buffer_fini) struct buffer key = { 0 };

	(void)append_who(&key, use);
	(void)buffer_printf(&key, "\n%s\n%s", use->description, use->arguments);
	return buffer_steal(&key);
}

void mcp_consents_remember(struct mcp_consents *consents, const struct mcp_consent_use *use)
{
	HOLD(buffer_fini) struct buffer key = { 0 };
	HOLD(free_drop) char *hash = text_copy(span_text(use->description));
	void *old = NULL;

	if (hash == NULL || !append_who(&key, use))
		return;
	if (consents->remembered.count >= MCP_REMEMBERED_MAX &&
		map_get(&consents->remembered, buffer_span(&key)) == NULL)
		return;
	if (map_put(&consents->remembered, buffer_span(&key), hash, &old, NULL) != CAPSULE_OK)
		return;
	hash = NULL;
	free(old);
}

bool mcp_consents_remembered(const struct mcp_consents *consents, const struct mcp_consent_use *use)
{
	HOLD(buffer_fini) struct buffer key = { 0 };
	const char *hash = append_who(&key, use) ? map_get(&consents->remembered, buffer_span(&key)) : NULL;

	return hash != NULL && strcmp(hash, use->description) == 0;
}

void mcp_consents_keep(struct mcp_consents *consents, const struct mcp_consent_use *use, int64_t now_ns)
{
	struct unused *unused = calloc(1, sizeof *unused);

	if (unused == NULL || (unused->key = whole_key(use)) == NULL) {
		free(unused);
		return;
	}
	if (consents->unused_count == MCP_UNUSED_MAX)
		forget(consents, LIST_ENTRY(consents->unused.next, struct unused, link));
	unused->until_ns = now_ns + (int64_t)MCP_UNUSED_MS * NS_PER_MS;
	list_append(&consents->unused, &unused->link);
	consents->unused_count++;
}

bool mcp_consents_take(struct mcp_consents *consents, const struct mcp_consent_use *use, int64_t now_ns)
{
	HOLD(free_drop) char *key = whole_key(use);
	bool found = false;

	LIST_EACH_SAFE (node, &consents->unused) {
		struct unused *unused = LIST_ENTRY(node, struct unused, link);
		bool same = !found && key != NULL && strcmp(unused->key, key) == 0;

		if (unused->until_ns <= now_ns) {
			forget(consents, unused);
		} else if (same) {
			forget(consents, unused);
			found = true;
		}
	}
	return found;
}
