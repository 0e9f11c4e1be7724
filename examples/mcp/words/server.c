/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A server of the Model Context Protocol in C, over standard input and output: three tools, a resource and a prompt. Requests
 * that have to wait do not hold up others. It reads JSON with the headers that guests in C use, and needs nothing but libc.
 *
 *   count {"text"}       how many words and bytes
 *   look {"path"}        the names in a folder, as far as this program sees any
 *   wait {"ms"}          answers after a while, with progress in between if that was asked for */
#include <capsule_guest/json_read.h>
#include <capsule_guest/json_write.h>

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES (1u << 20)
#define WAITS_MAX 256
#define ID_MAX 64
#define WAIT_MS_MAX 600000
#define STEPS 4 /* of progress */

/* A call of `wait` that is not answered yet. */
struct wait {
	char id[ID_MAX], token[ID_MAX]; /* JSON; an empty token: no progress was asked for */
	int64_t begun_ms, due_ms;
	int steps;
};

static struct wait waits[WAITS_MAX];
static size_t wait_count;
static char line[LINE_MAX_BYTES];
static size_t line_len;

static int64_t now_ms(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void write_all(const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t written = write(STDOUT_FILENO, at, len);

		if (written < 0 && errno != EINTR)
			_exit(1); /* nobody listens any more */
		if (written > 0) {
			at += written;
			len -= (size_t)written;
		}
	}
}

static void send(struct guest_json_writer *out)
{
	struct guest_bytes text = guest_written(out);

	write_all(text.data, text.len);
	write_all("\n", 1);
}

/* ---- Answers ---- */

static struct guest_json_writer begin(const char *key, struct guest_bytes id)
{
	struct guest_json_writer out = { 0 };

	guest_begin_object(&out);
	guest_put_text(&out, "jsonrpc", "2.0");
	guest_key(&out, "id");
	guest_add_json_bytes(&out, id);
	guest_key(&out, key);
	guest_begin_object(&out);
	return out;
}

static void end(struct guest_json_writer *out)
{
	guest_end(out);
	guest_end(out);
	send(out);
}

static void refuse(struct guest_bytes id, int code, const char *message)
{
	struct guest_json_writer out = begin("error", id);

	guest_put_integer(&out, "code", code);
	guest_put_text(&out, "message", message);
	end(&out);
}

static void put_content(struct guest_json_writer *out, const char *text)
{
	guest_key(out, "content");
	guest_begin_array(out);
	guest_begin_object(out);
	guest_put_text(out, "type", "text");
	guest_put_text(out, "text", text);
	guest_end(out);
	guest_end(out);
}

/* A failure of a tool is a result: whoever asked can read what went wrong. */
static void fail(struct guest_bytes id, const char *text)
{
	struct guest_json_writer out = begin("result", id);

	put_content(&out, text);
	guest_put_bool(&out, "isError", true);
	end(&out);
}

/* ---- Tools ---- */

static void count(struct guest_bytes id, struct guest_value arguments)
{
	struct guest_json_writer out;
	struct guest_bytes text;
	bool in_word = false;
	int64_t words = 0;
	char told[96];

	if (!guest_has(arguments, "text") || guest_kind_of(guest_get(arguments, "text")) != GUEST_STRING) {
		fail(id, "count: `text` is missing, or no text");
		return;
	}
	text = guest_get_text(arguments, "text");
	for (size_t i = 0; i < text.len; i++) {
		bool blank = text.data[i] == ' ' || (text.data[i] >= '\t' && text.data[i] <= '\r');

		words += !blank && !in_word;
		in_word = !blank;
	}
	(void)snprintf(told, sizeof told, "%lld words, %zu bytes", (long long)words, text.len);
	out = begin("result", id);
	put_content(&out, told);
	guest_put_object(&out, "structuredContent");
	guest_put_integer(&out, "words", words);
	guest_put_integer(&out, "bytes", (int64_t)text.len);
	guest_end(&out);
	end(&out);
}

static void look(struct guest_bytes id, struct guest_value arguments)
{
	struct guest_bytes path = guest_get_text_or(arguments, "path", ".");
	struct guest_json_writer out;
	struct guest_buffer names = { 0 };
	struct dirent *entry;
	char folder[4096];
	DIR *dir;

	(void)snprintf(
		folder, sizeof folder, "%.*s", (int)(path.len < sizeof folder ? path.len : 0), (const char *)path.data);
	dir = opendir(folder);
	if (dir == NULL) {
		char why[256];

		(void)snprintf(why, sizeof why, "look: %.100s: %s", folder, strerror(errno));
		fail(id, why);
		return;
	}
	out = begin("result", id);
	while ((entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			guest_append(&names, (const char *)entry->d_name, "\n");
		}
	(void)closedir(dir);
	guest_put_array(&out, "content");
	guest_begin_object(&out);
	guest_put_text(&out, "type", "text");
	guest_put_text(&out, "text", guest_appended(&names));
	guest_end(&out);
	guest_end(&out);
	end(&out);
}

/* Copies JSON that is short enough. */
static bool keep(char out[ID_MAX], struct guest_bytes json)
{
	bool fits = json.len < ID_MAX;

	(void)snprintf(out, ID_MAX, "%.*s", fits ? (int)json.len : 0, (const char *)json.data);
	return fits;
}

static void begin_wait(struct guest_bytes id, struct guest_value arguments, struct guest_value params)
{
	int64_t ms = guest_get_integer_or(arguments, "ms", 100);
	struct guest_value meta = guest_get_object_or_none(params, "_meta");
	struct wait *wait = &waits[wait_count];

	if (wait_count == WAITS_MAX || ms < 0 || ms > WAIT_MS_MAX || !keep(wait->id, id)) {
		fail(id, "wait: too many, or `ms` is not between 0 and 600000");
		return;
	}
	wait->token[0] = '\0';
	if (guest_present(meta) && guest_has(meta, "progressToken"))
		(void)keep(wait->token, guest_raw(guest_get(meta, "progressToken")));
	wait->begun_ms = now_ms();
	wait->due_ms = wait->begun_ms + ms;
	wait->steps = 0;
	wait_count++;
}

static void tell_progress(struct wait *wait)
{
	struct guest_json_writer out = { 0 };

	guest_begin_object(&out);
	guest_put_text(&out, "jsonrpc", "2.0");
	guest_put_text(&out, "method", "notifications/progress");
	guest_put_object(&out, "params");
	guest_put_json(&out, "progressToken", wait->token);
	guest_put_integer(&out, "progress", ++wait->steps);
	guest_put_integer(&out, "total", STEPS);
	guest_end(&out);
	guest_end(&out);
	send(&out);
}

/* When its next progress is due, INT64_MAX when there is none any more. */
static int64_t step_due(const struct wait *wait)
{
	if (wait->token[0] == '\0' || wait->steps == STEPS)
		return INT64_MAX;
	return wait->begun_ms + (wait->due_ms - wait->begun_ms) / STEPS * (wait->steps + 1);
}

/* Answers what is due. Returns how many milliseconds there are to the next, -1 when nothing waits. */
static int serve_waits(void)
{
	int64_t now = now_ms(), next = INT64_MAX;

	for (size_t i = 0; i < wait_count;) {
		struct wait *wait = &waits[i];

		while (step_due(wait) <= now)
			tell_progress(wait);
		if (now >= wait->due_ms) {
			struct guest_json_writer out = begin("result", guest_text(wait->id));

			put_content(&out, "waited");
			end(&out);
			*wait = waits[--wait_count];
			continue;
		}
		if (step_due(wait) < next)
			next = step_due(wait);
		if (wait->due_ms < next)
			next = wait->due_ms;
		i++;
	}
	return next == INT64_MAX ? -1 : next <= now ? 0 : (int)(next - now);
}

/* Given up by the client: not answered. */
static void end_wait(struct guest_bytes id)
{
	for (size_t i = 0; i < wait_count; i++)
		if (strlen(waits[i].id) == id.len && memcmp(waits[i].id, id.data, id.len) == 0) {
			waits[i] = waits[--wait_count];
			return;
		}
}

static void call(struct guest_bytes id, struct guest_value params)
{
	struct guest_bytes name = guest_get_text_or(params, "name", "");
	struct guest_value arguments = guest_get_object_or_none(params, "arguments");

	if (guest_bytes_equal(name, guest_text("count")))
		count(id, arguments);
	else if (guest_bytes_equal(name, guest_text("look")))
		look(id, arguments);
	else if (guest_bytes_equal(name, guest_text("wait")))
		begin_wait(id, arguments, params);
	else
		refuse(id, -32602, "there is no such tool");
}

/* ---- The protocol ---- */

static const char tools[] =
	"[{\"name\":\"count\",\"description\":\"Count the words and bytes of a text\",\"inputSchema\":{\"type\":\"object\","
	"\"properties\":{\"text\":{\"type\":\"string\"}},\"required\":[\"text\"]},\"outputSchema\":{\"type\":\"object\",\"properties\":"
	"{\"words\":{\"type\":\"integer\"},\"bytes\":{\"type\":\"integer\"}},\"required\":[\"words\",\"bytes\"]},"
	"\"annotations\":{\"readOnlyHint\":true}},"
	"{\"name\":\"look\",\"description\":\"List a folder as this server sees it\",\"inputSchema\":{\"type\":\"object\","
	"\"properties\":{\"path\":{\"type\":\"string\"}}}},"
	"{\"name\":\"wait\",\"description\":\"Answer after some milliseconds\",\"inputSchema\":{\"type\":\"object\","
	"\"properties\":{\"ms\":{\"type\":\"integer\"}}}}]";

static void answer_json(struct guest_bytes id, const char *key, const char *json)
{
	struct guest_json_writer out = begin("result", id);

	if (key != NULL) {
		guest_key(&out, key);
		guest_add_json(&out, json);
	}
	end(&out);
}

/* The client's revision if this program knows it, else the newest that it knows. */
static void initialize(struct guest_bytes id, struct guest_value params)
{
	static const char *const known[] = { "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05" };
	struct guest_bytes wanted = guest_get_text_or(params, "protocolVersion", "");
	struct guest_json_writer out = begin("result", id);
	const char *revision = known[0];

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (guest_equal(wanted, known[i]))
			revision = known[i];
	guest_put_text(&out, "protocolVersion", revision);
	guest_put_json(&out, "capabilities", "{\"tools\":{},\"resources\":{},\"prompts\":{}}");
	guest_put_json(&out, "serverInfo", "{\"name\":\"words\",\"version\":\"1.0.0\"}");
	guest_put_text(&out, "instructions", "Counts words.");
	end(&out);
}

static void answer(struct guest_bytes id, struct guest_bytes method, struct guest_value params)
{
	if (guest_equal(method, "ping"))
		answer_json(id, NULL, NULL);
	else if (guest_equal(method, "initialize"))
		initialize(id, params);
	else if (guest_equal(method, "tools/list"))
		answer_json(id, "tools", tools);
	else if (guest_equal(method, "tools/call"))
		call(id, params);
	else if (guest_equal(method, "resources/list"))
		answer_json(id, "resources", "[{\"uri\":\"words://about\",\"name\":\"about\"}]");
	else if (guest_equal(method, "resources/templates/list"))
		answer_json(id, "resourceTemplates", "[]");
	else if (guest_equal(method, "resources/read") &&
		guest_equal(guest_get_text_or(params, "uri", ""), "words://about"))
		answer_json(id, "contents",
			"[{\"uri\":\"words://about\",\"mimeType\":\"text/plain\",\"text\":\"Words are what stands between blanks.\"}]");
	else if (guest_equal(method, "resources/read"))
		refuse(id, -32002, "there is no such resource");
	else if (guest_equal(method, "prompts/list"))
		answer_json(id, "prompts", "[{\"name\":\"shorten\",\"description\":\"Ask for fewer words\"}]");
	else if (guest_equal(method, "prompts/get") && guest_equal(guest_get_text_or(params, "name", ""), "shorten"))
		answer_json(id, "messages",
			"[{\"role\":\"user\",\"content\":{\"type\":\"text\",\"text\":\"Say it in fewer words.\"}}]");
	else if (guest_equal(method, "prompts/get"))
		refuse(id, -32602, "there is no such prompt");
	else
		refuse(id, -32601, "this server does not know that method");
}

static void take_line(const char *text, size_t len)
{
	struct guest_value message = guest_json(guest_bytes_of(text, len), "message");
	struct guest_value params = guest_get_object_or_none(message, "params");
	struct guest_bytes method = guest_get_text_or(message, "method", "");

	if (guest_failed() || method.len == 0)
		(void)fprintf(stderr, "words: a line that is no request is ignored\n");
	else if (guest_has(message, "id"))
		answer(guest_raw(guest_get(message, "id")), method, params);
	else if (guest_equal(method, "notifications/cancelled") && guest_has(params, "requestId"))
		end_wait(guest_raw(guest_get(params, "requestId")));
	guest_forgive();
	guest_reset();
}

/* Takes what was read apart; what is not a whole line waits. False when a line is too long. */
static bool take_lines(void)
{
	size_t begin_at = 0;
	char *end_at;

	while ((end_at = memchr(line + begin_at, '\n', line_len - begin_at)) != NULL) {
		take_line(line + begin_at, (size_t)(end_at - line) - begin_at);
		begin_at = (size_t)(end_at - line) + 1;
	}
	line_len -= begin_at;
	memmove(line, line + begin_at, line_len);
	return line_len < sizeof line;
}

int main(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

	for (;;) {
		ssize_t len;

		if (poll(&input, 1, serve_waits()) <= 0)
			continue;
		len = read(STDIN_FILENO, line + line_len, sizeof line - line_len);
		if (len <= 0)
			return 0; /* the client is gone */
		line_len += (size_t)len;
		if (!take_lines()) {
			(void)fprintf(stderr, "words: a line is longer than %u bytes\n", LINE_MAX_BYTES);
			return 1;
		}
	}
}
