/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Lists, page by page. Of each kind one is fetched at a time and one more waits, however often they are asked for. */
#include "mcp/client_internal.h"

#include "base/hash.h"

#include <stdio.h>

static const char *const list_methods[MCP_LISTS] = { "tools/list", "resources/list", "resources/templates/list",
	"prompts/list" };
static const char *const list_members[MCP_LISTS] = { "tools", "resources", "resourceTemplates", "prompts" };

/* Ask for the page behind `cursor`, a JSON string, or for the first one. */
static enum capsule_status ask_page(
	struct mcp_client *client, enum mcp_list list, struct span cursor, bool own, struct capsule_error *err)
{
	struct pending page = { .kind = PENDING_PAGE, .list = list, .idle_ms = client->options.list_ms };
	struct asking asking;

	client_ask_begin(client, &asking, &page, span_text(list_methods[list]));
	if (cursor.len > 0) {
		(void)buffer_append_text(asking.out, ",\"params\":{\"cursor\":");
		(void)buffer_append_span(asking.out, cursor);
		(void)buffer_append_byte(asking.out, '}');
	}
	return client_ask_end(client, &asking, &page, own, err);
}

static enum capsule_status begin(
	struct mcp_client *client, enum mcp_list list, int64_t id, bool own, struct capsule_error *err)
{
	struct listing *listing = &client->listings[list];
	enum capsule_status status;

	listing->running = true;
	listing->id = id;
	listing->count = 0;
	listing->pages = 0;
	listing->items.limit = client->options.line_bytes;
	(void)buffer_append_byte(&listing->items, '[');
	client->changed_told[list] = false;
	status = ask_page(client, list, span_of(NULL, 0), own, err);
	if (status != CAPSULE_OK && own) {
		listing->running = false;
		buffer_fini(&listing->items);
	}
	return status;
}

static bool is_declared(const struct mcp_client *client, enum mcp_list list)
{
	switch (list) {
	case MCP_TOOLS:
		return client->server.tools;
	case MCP_PROMPTS:
		return client->server.prompts;
	default:
		return client->server.resources;
	}
}

enum capsule_status mcp_client_list(
	struct mcp_client *client, enum mcp_list list, int64_t now_ns, int64_t *id, struct capsule_error *err)
{
	struct listing *listing = &client->listings[list];
	enum capsule_status status;

	client_set_now(client, now_ns);
	status = client_can_ask(client, err);
	if (status != CAPSULE_OK)
		return status;
	if (listing->running && listing->next) {
		*id = listing->next_id;
		return CAPSULE_OK;
	}
	*id = client->next_id++;
	if (!is_declared(client, list)) {
		client_event(client, &(struct event_record){ .kind = MCP_EVENT_LISTED, .id = *id, .list = list },
			span_of(NULL, 0), span_text("[]"), NULL);
		return CAPSULE_OK;
	}
	if (!listing->running)
		return begin(client, list, *id, true, err);
	listing->next = true;
	listing->next_id = *id;
	return CAPSULE_OK;
}

/* The list that was fetched is over; the one that waits begins. */
static void go_on(struct mcp_client *client, enum mcp_list list)
{
	struct listing *listing = &client->listings[list];

	buffer_fini(&listing->items);
	listing->running = false;
	if (!listing->next)
		return;
	listing->next = false;
	(void)!begin(client, list, listing->next_id, false, NULL);
}

void client_list_failed(
	struct mcp_client *client, enum mcp_list list, enum capsule_status status, const char *text, int64_t code)
{
	client_event(client,
		&(struct event_record){ .kind = MCP_EVENT_LISTED,
			.id = client->listings[list].id,
			.list = list,
			.status = status,
			.code = code },
		span_of(NULL, 0), span_of(NULL, 0), text);
	go_on(client, list);
}

/* Add the items of a page. Errors: CAPSULE_ELIMIT, CAPSULE_ENOMEM. */
static enum capsule_status add_items(
	struct mcp_client *client, struct listing *listing, struct span items, struct capsule_error *err)
{
	struct json_scan scan = json_scan_begin(items, 0);
	struct span item;

	(void)json_scan_open(&scan, '[');
	while (json_scan_item(&scan, &item)) {
		if (listing->count == client->options.list_items)
			return error_set(err, CAPSULE_ELIMIT, "the list has too many items");
		if (listing->count++ > 0)
			(void)buffer_append_byte(&listing->items, ',');
		if (!json_append_compact(&listing->items, item))
			break;
	}
	if (listing->items.starved)
		return error_set(err, CAPSULE_ENOMEM, "out of memory for a list");
	return listing->items.failed ? error_set(err, CAPSULE_ELIMIT, "the list is too large") : CAPSULE_OK;
}

/* Whether to go on at `cursor`, which is noted. Errors: CAPSULE_ELIMIT, CAPSULE_ENOMEM. */
static enum capsule_status note_cursor(
	struct mcp_client *client, struct listing *listing, struct span cursor, struct capsule_error *err)
{
	uint64_t hash = hash_keyed(client->seed, cursor);

	if (cursor.len > MCP_CURSOR)
		return error_set(err, CAPSULE_ELIMIT, "the server's cursor is too long");
	if (listing->pages >= client->options.list_pages)
		return error_set(err, CAPSULE_ELIMIT, "the list has too many pages");
	for (uint32_t i = 0; i + 1 < listing->pages; i++) {
		if (listing->cursors[i] == hash)
			return error_set(err, CAPSULE_ELIMIT, "the server gave the same cursor again");
	}
	if (listing->pages > listing->cursors_size) {
		uint32_t size = 2 * listing->pages + 16;
		uint64_t *cursors = realloc(listing->cursors, size * sizeof *cursors);

		if (cursors == NULL)
			return error_set(err, CAPSULE_ENOMEM, "out of memory for a list");
		listing->cursors = cursors;
		listing->cursors_size = size;
	}
	listing->cursors[listing->pages - 1] = hash;
	return CAPSULE_OK;
}

static void listed(struct mcp_client *client, enum mcp_list list)
{
	struct listing *listing = &client->listings[list];
	struct event_record event = { .kind = MCP_EVENT_LISTED, .id = listing->id, .list = list };

	/* The buffer is over its limit by this byte at most; a list without its end is of no use. */
	listing->items.limit++;
	if (buffer_append_byte(&listing->items, ']'))
		client_event(client, &event, span_of(NULL, 0), buffer_span(&listing->items), NULL);
	else
		client_event(client,
			&(struct event_record){
				.kind = MCP_EVENT_LISTED, .id = listing->id, .list = list, .status = CAPSULE_ENOMEM },
			span_of(NULL, 0), span_of(NULL, 0), "out of memory for a list");
	go_on(client, list);
}

void client_list_answered(struct mcp_client *client, const struct pending *page, struct span result)
{
	struct listing *listing = &client->listings[page->list];
	const char *names[] = { list_members[page->list], "nextCursor" };
	enum capsule_status status;
	struct capsule_error err;
	struct span members[2];

	json_scan_find(result, names, members, 2);
	if (!json_is_array(members[0])) {
		client_list_failed(client, page->list, CAPSULE_EGUEST, "Unexpected response type", 0);
		return;
	}
	listing->pages++;
	status = add_items(client, listing, members[0], &err);
	if (status == CAPSULE_OK && json_is_string(members[1]))
		status = note_cursor(client, listing, members[1], &err);
	if (status != CAPSULE_OK)
		client_list_failed(client, page->list, status, err.text, 0);
	else if (json_is_string(members[1]))
		(void)!ask_page(client, page->list, members[1], false, NULL);
	else
		listed(client, page->list);
}

void client_lists_end(struct mcp_client *client, enum capsule_status status, const char *text)
{
	for (unsigned list = 0; list < MCP_LISTS; list++) {
		struct listing *listing = &client->listings[list];
		struct event_record event = { .kind = MCP_EVENT_LISTED, .list = list, .status = status };

		event.id = listing->id;
		if (listing->running && listing->id >= 0)
			client_event(client, &event, span_of(NULL, 0), span_of(NULL, 0), text);
		event.id = listing->next_id;
		if (listing->running && listing->next)
			client_event(client, &event, span_of(NULL, 0), span_of(NULL, 0), text);
		listing->running = false;
		listing->next = false;
		buffer_fini(&listing->items);
	}
}

/* Stop waiting for the page of `list`, and say so. */
static void cancel_page(struct mcp_client *client, enum mcp_list list, struct span reason)
{
	for (uint32_t i = 0; i < client->pending_count; i++) {
		struct pending page = client->pending[i];

		if (page.kind != PENDING_PAGE || page.list != list)
			continue;
		client_pending_remove(client, &client->pending[i]);
		client_send_cancel(client, page.id, reason);
		return;
	}
}

bool client_list_cancel(struct mcp_client *client, int64_t id, struct span reason)
{
	for (unsigned list = 0; list < MCP_LISTS; list++) {
		struct listing *listing = &client->listings[list];

		if (listing->next && listing->next_id == id) {
			listing->next = false;
			return true;
		}
		if (!listing->running || listing->id != id)
			continue;
		listing->id = -1; /* should the client end over this: nobody waits for it */
		cancel_page(client, list, reason);
		if (client->state == CLIENT_READY)
			go_on(client, list);
		return true;
	}
	return false;
}

void client_lists_fini(struct mcp_client *client)
{
	for (unsigned list = 0; list < MCP_LISTS; list++) {
		buffer_fini(&client->listings[list].items);
		free(client->listings[list].cursors);
	}
}
