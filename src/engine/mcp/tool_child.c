/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A server with tools for the tests of their engine. What it is told is compact JSON from our client, of which it looks
 * at the method, the id, the tool's name and its arguments. Words: "notools" declares none; "noise" writes lines that
 * are no messages; "loop" never ends its list; "dies" ends over it; "empty" has a cursor that is empty;
 * "restless" says that its list changed each time that it was asked for it; others are the
 * items of one page of its list, those behind "then" of its list once it has changed, where "broken" answers with an
 * error. */
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE (1 << 20)
#define HELD 64

static char **pages, **later;
static int page_count, later_count;
static bool no_tools, noise, endless, restless, empty_cursor, dies_listing, changed;
static long long held[HELD], roots_for;
static char held_token[HELD][32];
static int held_count;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
	va_list args;

	if (noise)
		(void)printf("Server listening on port 1\n");
	va_start(args, format);
	(void)vprintf(format, args);
	va_end(args);
	(void)putchar('\n');
	(void)fflush(stdout);
}

static void answer(long long id, const char *result)
{
	say("{\"jsonrpc\":\"2.0\",\"id\":%lld,\"result\":%s}", id, result);
}

/* `text` as one text item. */
static void answer_text(long long id, const char *text)
{
	static char out[2 * LINE];
	size_t len = (size_t)snprintf(out, sizeof out, "{\"content\":[{\"type\":\"text\",\"text\":\"");

	for (; *text != '\0' && *text != '\n' && len < sizeof out - 16; text++) {
		if (*text == '"' || *text == '\\')
			out[len++] = '\\';
		out[len++] = *text;
	}
	(void)snprintf(out + len, sizeof out - len, "\"}]}");
	answer(id, out);
}

/* The value behind `key`, to its end: an object, an array, a text or a number. */
static const char *value_of(const char *line, const char *key, size_t *len)
{
	const char *from = strstr(line, key), *at;
	int depth = 0;
	bool in_text = false;

	*len = 0;
	if (from == NULL)
		return NULL;
	from += strlen(key);
	for (at = from; *at != '\0' && *at != '\n'; at++) {
		if (*at == '"')
			in_text = !in_text;
		else if (in_text)
			at += *at == '\\';
		else if (*at == '{' || *at == '[')
			depth++;
		else if ((*at == '}' || *at == ']' || *at == ',') && depth == 0)
			break;
		else if (*at == '}' || *at == ']')
			depth--;
	}
	*len = (size_t)(at - from);
	return from;
}

static bool is(const char *line, const char *key, const char *value)
{
	size_t len;
	const char *found = value_of(line, key, &len);

	return found != NULL && len == strlen(value) && strncmp(found, value, len) == 0;
}

static void list_tools(long long id, const char *line)
{
	char **items = changed ? later : pages;
	int count = changed ? later_count : page_count, page = 0;
	const char *cursor = strstr(line, "\"cursor\":\"");

	if (no_tools || dies_listing)
		_exit(9);
	if (endless) {
		answer(id, "{\"tools\":[],\"nextCursor\":\"again\"}");
		return;
	}
	if (changed && count == 1 && strcmp(items[0], "broken") == 0) {
		say("{\"jsonrpc\":\"2.0\",\"id\":%lld,\"error\":{\"code\":-32603,\"message\":\"no list\"}}", id);
		return;
	}
	if (cursor != NULL)
		page = empty_cursor ? 1 : (int)strtol(cursor + strlen("\"cursor\":\"p"), NULL, 10);
	if (page + 1 < count && empty_cursor)
		say("{\"jsonrpc\":\"2.0\",\"id\":%lld,\"result\":{\"tools\":[%s],\"nextCursor\":\"\"}}", id,
			items[page]);
	else if (page + 1 < count)
		say("{\"jsonrpc\":\"2.0\",\"id\":%lld,\"result\":{\"tools\":[%s],\"nextCursor\":\"p%d\"}}", id,
			items[page], page + 1);
	else
		say("{\"jsonrpc\":\"2.0\",\"id\":%lld,\"result\":{\"tools\":[%s]}}", id,
			page < count ? items[page] : "");
	if (restless)
		say("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}");
}

static void hold(long long id, const char *line)
{
	size_t len;
	const char *token = value_of(line, "\"progressToken\":", &len);

	(void)snprintf(held_token[held_count], sizeof held_token[0], "%.*s", (int)len, token == NULL ? "" : token);
	held[held_count++] = id;
}

/* Answer all that is held, the last one first, each with its own id. */
static void let_go(void)
{
	char text[32];

	while (held_count > 0) {
		(void)snprintf(text, sizeof text, "%lld", held[--held_count]);
		answer_text(held[held_count], text);
	}
}

static void tick(void)
{
	static int progress;

	progress++;
	for (int i = 0; i < held_count; i++)
		say("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":%s,\"progress\":"
		    "%d}}",
			held_token[i], progress);
}

static void announce(int times)
{
	changed = true;
	for (int i = 0; i < times; i++)
		say("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}");
}

static void change(long long id, int times)
{
	announce(times);
	answer_text(id, "changed");
}

static void talk(long long id)
{
	for (int i = 0; i < 200; i++)
		say("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"error\",\"data\":"
		    "\"\\u001b[31mred\"}}");
	answer_text(id, "talked");
}

static void die(void)
{
	(void)fputs("loading the index\nthe index is damaged\n", stderr);
	(void)kill(getpid(), SIGKILL);
}

/* What a tool does, or the hook of an interceptor. */
static void act(long long id, const char *line, const char *key, const char *data)
{
	size_t len;
	const char *value = value_of(line, data, &len);
	char text[4096];

	(void)snprintf(text, sizeof text, "%.*s", (int)len, value == NULL ? "" : value);
	if (is(line, key, "\"raw\""))
		answer(id, text);
	else if (is(line, key, "\"fail\""))
		say("{\"jsonrpc\":\"2.0\",\"id\":%lld,\"error\":{\"code\":-32602,\"message\":\"bad\"}}", id);
	else if (is(line, key, "\"hold\""))
		hold(id, line);
	else if (is(line, key, "\"slow\"")) {
		hold(id, line);
		announce(1);
	} else if (is(line, key, "\"die\""))
		die();
	else if (is(line, key, "\"talk\""))
		talk(id);
	else if (is(line, key, "\"burst\""))
		change(id, 100);
	else if (is(line, key, "\"change\""))
		change(id, 1);
	else if (is(line, key, "\"roots\"")) {
		roots_for = id;
		say("{\"jsonrpc\":\"2.0\",\"id\":\"r\",\"method\":\"roots/list\"}");
	} else if (is(line, key, "\"tick\"")) {
		tick();
		answer_text(id, "ticked");
	} else if (is(line, key, "\"go\"")) {
		let_go();
		answer_text(id, "went");
	} else {
		answer_text(id, line);
	}
}

static void cancelled(const char *line)
{
	const char *at = strstr(line, "\"requestId\":");

	/* Too late, and yet. */
	if (at != NULL)
		answer_text(strtoll(at + strlen("\"requestId\":"), NULL, 10), "late");
}

static void take(const char *line)
{
	const char *id_at = strstr(line, "\"id\":");
	long long id = id_at == NULL ? -1 : strtoll(id_at + 5, NULL, 10);

	if (strstr(line, "\"id\":\"r\"") != NULL)
		answer_text(roots_for, line);
	else if (is(line, "\"method\":", "\"initialize\""))
		say("{\"jsonrpc\":\"2.0\",\"id\":%lld,\"result\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{%s},"
		    "\"serverInfo\":{\"name\":\"tools\",\"version\":\"1.0\",\"title\":\"Tools\"},\"instructions\":\"Be kind.\"}}",
			id, no_tools ? "" : "\"tools\":{\"listChanged\":true},\"resources\":{}");
	else if (is(line, "\"method\":", "\"tools/list\""))
		list_tools(id, line);
	else if (is(line, "\"method\":", "\"resources/list\""))
		answer(id, "{\"resources\":[{\"uri\":\"x:1\",\"name\":\"one\"}]}");
	else if (is(line, "\"method\":", "\"resources/read\""))
		answer(id, "{\"contents\":[]}");
	else if (is(line, "\"method\":", "\"notifications/cancelled\""))
		cancelled(line);
	else if (is(line, "\"method\":", "\"ping\""))
		answer(id, "{}");
	else if (strstr(line, "\"name\":\"astrid_hook_intercept\"") != NULL)
		act(id, line, "\"hook\":", "\"payload\":");
	else if (is(line, "\"method\":", "\"tools/call\""))
		act(id, line, "\"name\":", "\"result\":");
}

static void read_words(char **words)
{
	for (; *words != NULL; words++) {
		if (strcmp(*words, "notools") == 0)
			no_tools = true;
		else if (strcmp(*words, "noise") == 0)
			noise = true;
		else if (strcmp(*words, "loop") == 0)
			endless = true;
		else if (strcmp(*words, "dies") == 0)
			dies_listing = true;
		else if (strcmp(*words, "restless") == 0)
			restless = true;
		else if (strcmp(*words, "empty") == 0)
			empty_cursor = true;
		else if (strcmp(*words, "then") == 0)
			later = words + 1;
		else if (later != NULL)
			later_count++;
		else if (pages == NULL)
			pages = words;
		page_count += pages != NULL && later == NULL;
	}
}

int main(int argc, char **argv)
{
	static char line[LINE];

	(void)argc;
	read_words(argv + 1);
	while (fgets(line, sizeof line, stdin) != NULL)
		take(line);
	return 0;
}
