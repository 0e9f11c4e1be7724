/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "gate/policy_server.h"

#include "base/cleanup.h"
#include "base/digest_text.h"
#include "base/json.h"
#include "base/text.h"
#include "gate/text.h"

#define WORDS_MAX 300 /* bytes of a command line for people; the JSON has all of it */

struct texts {
	char **items;
	size_t count;
};

struct policy_server {
	char *command, *hash; /* hash may be NULL */
	struct texts args, integrity, expose, allow, ask, deny;
	enum server_consent consent;
	bool network, pin_tools;
};

DEFINE_DROP(policy_server_drop, struct policy_server *, policy_server_free)

static void texts_fini(struct texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		free(texts->items[i]);
	free(texts->items);
}

static bool texts_copy(struct texts *out, const struct string_list *list)
{
	if (list->count == 0)
		return true;
	out->items = calloc(list->count, sizeof *out->items);
	if (out->items == NULL)
		return false;
	for (; out->count < list->count; out->count++)
		if ((out->items[out->count] = text_copy(span_text(list->items[out->count]))) == NULL)
			return false;
	return true;
}

void policy_server_free(struct policy_server *server)
{
	if (server == NULL)
		return;
	texts_fini(&server->args);
	texts_fini(&server->integrity);
	texts_fini(&server->expose);
	texts_fini(&server->allow);
	texts_fini(&server->ask);
	texts_fini(&server->deny);
	free(server->command);
	free(server->hash);
	free(server);
}

struct policy_server *policy_server_new(const struct manifest_mcp_server *declared)
{
	HOLD(policy_server_drop) struct policy_server *server = calloc(1, sizeof *server);

	if (server == NULL || (server->command = text_copy(span_text(declared->command))) == NULL)
		return NULL;
	if (declared->hash != NULL && (server->hash = text_copy(span_text(declared->hash))) == NULL)
		return NULL;
	server->network = declared->network;
	server->consent = declared->consent;
	server->pin_tools = declared->pin_tools;
	if (!texts_copy(&server->args, &declared->args) || !texts_copy(&server->integrity, &declared->integrity) ||
		!texts_copy(&server->expose, &declared->expose) || !texts_copy(&server->allow, &declared->allow) ||
		!texts_copy(&server->ask, &declared->ask) || !texts_copy(&server->deny, &declared->deny))
		return NULL;
	return GIVE(server);
}

const char *policy_server_unused(const struct manifest *manifest, const struct manifest_mcp_server *server)
{
	const struct string_list *granted = &manifest->capabilities.host_process;

	if (server->type == NULL || strcmp(server->type, "stdio") != 0)
		return "it is not started: its type is not `stdio`";
	if (server->command == NULL || server->command[0] == '\0')
		return "it is not started: it has no `command`";
	for (size_t i = 0; i < granted->count; i++)
		if (strcmp(granted->items[i], server->command) == 0)
			return NULL;
	return "it is not started: `host_process` does not grant its command";
}

bool policy_server_has_network(const struct policy_server *server)
{
	return server->network;
}

/* ---- Words ---- */

/* One word of a command line: as it is, or in quotes when that is needed to see where it ends. */
static bool append_word(struct buffer *out, const char *word)
{
	if (word[0] != '\0' && strpbrk(word, " \t\r\n\"'\\") == NULL)
		return buffer_append_text(out, word);
	return json_append_string(out, span_text(word));
}

static bool append_command_line(const struct policy_server *server, struct buffer *out)
{
	HOLD(buffer_fini) struct buffer line = { 0 };

	(void)append_word(&line, server->command);
	for (size_t i = 0; i < server->args.count && line.len <= WORDS_MAX; i++)
		(void)(buffer_append_byte(&line, ' ') && append_word(&line, server->args.items[i]));
	if (line.failed)
		return !(out->failed = true);
	return gate_text_append(out, buffer_span(&line), WORDS_MAX);
}

bool policy_server_append_meaning(const struct policy_server *server, struct buffer *out)
{
	static const char *const consents[] = { "its tools are called without asking",
		"a person is asked about its tools", "its tools are not called" };
	bool exceptions = server->allow.count + server->ask.count + server->deny.count > 0;

	return buffer_append_text(out, "runs ") && append_command_line(server, out) &&
		buffer_printf(out, " in a sandbox %s a network; %s%s; %s", server->network ? "with" : "without",
			consents[server->consent],
			exceptions ? ", apart from those that `allow`, `ask` and `deny` name" : "",
			server->hash != NULL                  ? "the program is verified"
				: server->integrity.count > 0 ? "only files of `integrity` are verified"
							      : "nothing is verified");
}

static bool append_list(struct buffer *out, const char *name, const struct texts *texts)
{
	if (texts->count == 0)
		return true;
	(void)buffer_printf(out, ",\"%s\":[", name);
	for (size_t i = 0; i < texts->count; i++)
		(void)(buffer_append_text(out, i > 0 ? "," : "") &&
			json_append_string(out, span_text(texts->items[i])));
	return buffer_append_byte(out, ']');
}

bool policy_server_append_json(const struct policy_server *server, struct buffer *out)
{
	static const char *const consents[] = { "allow", "ask", "deny" };

	(void)(buffer_append_text(out, "{\"command\":") && json_append_string(out, span_text(server->command)));
	(void)append_list(out, "args", &server->args);
	if (server->hash != NULL)
		(void)(buffer_append_text(out, ",\"hash\":") && json_append_string(out, span_text(server->hash)));
	(void)append_list(out, "integrity", &server->integrity);
	if (server->network)
		(void)buffer_append_text(out, ",\"network\":true");
	(void)append_list(out, "expose", &server->expose);
	if (server->consent != SERVER_ALLOWS)
		(void)buffer_printf(out, ",\"consent\":\"%s\"", consents[server->consent]);
	(void)append_list(out, "allow", &server->allow);
	(void)append_list(out, "ask", &server->ask);
	(void)append_list(out, "deny", &server->deny);
	if (server->pin_tools)
		(void)buffer_append_text(out, ",\"pin_tools\":true");
	return buffer_append_byte(out, '}');
}

/* ---- Comparing ---- */

static bool texts_same(const struct texts *a, const struct texts *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

/* Whether each tool that `narrow` stands for is one that `wide` stands for. */
static bool pattern_covers(const char *wide, const char *narrow)
{
	size_t len = strlen(wide);

	if (len == 0 || wide[len - 1] != '*')
		return strcmp(wide, narrow) == 0;
	return strncmp(wide, narrow, len - 1) == 0;
}

/* Whether each pattern of `list` is covered by one of `a` or `b` (may be NULL). */
static bool all_covered(const struct texts *list, const struct texts *a, const struct texts *b)
{
	for (size_t i = 0; i < list->count; i++) {
		bool found = false;

		for (size_t k = 0; k < a->count && !found; k++)
			found = pattern_covers(a->items[k], list->items[i]);
		for (size_t k = 0; b != NULL && k < b->count && !found; k++)
			found = pattern_covers(b->items[k], list->items[i]);
		if (!found)
			return false;
	}
	return true;
}

/* Whether what is verified of `a` is verified of `b`, too. */
static bool verifies_no_less(const struct policy_server *a, const struct policy_server *b)
{
	if (a->hash != NULL && (b->hash == NULL || !digest_same(a->hash, b->hash)))
		return false;
	for (size_t i = 0; i < a->integrity.count; i++) {
		bool found = false;

		for (size_t k = 0; k < b->integrity.count && !found; k++)
			found = strcmp(a->integrity.items[i], b->integrity.items[k]) == 0;
		if (!found)
			return false;
	}
	return true;
}

/* Deny goes before ask before allow before consent. A tool that `b` lets be called must not be asked about in `a`, one
 * that is asked about in `b` must not be denied in `a`. */
static bool consents_no_less(const struct policy_server *a, const struct policy_server *b)
{
	bool b_calls = b->consent == SERVER_ALLOWS || b->allow.count > 0;
	bool b_asks = b->consent == SERVER_ASKS || b->ask.count > 0;

	if (a->consent > b->consent || ((b_calls || b_asks) && !all_covered(&a->deny, &b->deny, NULL)) ||
		(b_calls && !all_covered(&a->ask, &b->ask, &b->deny)))
		return false;
	if (a->consent != SERVER_ALLOWS && !all_covered(&b->allow, &a->allow, NULL))
		return false;
	if (a->consent == SERVER_DENIES && !all_covered(&b->ask, &a->ask, &a->allow))
		return false;
	return a->expose.count == 0 || (b->expose.count > 0 && all_covered(&b->expose, &a->expose, NULL));
}

bool policy_server_covers(const struct policy_server *a, const struct policy_server *b)
{
	return strcmp(a->command, b->command) == 0 && texts_same(&a->args, &b->args) && verifies_no_less(a, b) &&
		(a->network || !b->network) && (b->pin_tools || !a->pin_tools) && consents_no_less(a, b);
}
