/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A server for the tests of servers. Its first word says in which way it misbehaves; "serve" does not. What it is told is
 * compact JSON from our client, of which it looks at the method and the id alone. A letter for each stage goes into
 * descriptor 3, for those who wait for it. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STAGE_FD 3
#define LINE (1 << 20)
#define MIB (1 << 20)

static const char *verb;
static char **words;
static bool changed; /* its tools are others now */

static bool is(const char *name)
{
	return strcmp(verb, name) == 0;
}

static void stage(char letter)
{
	(void)!write(STAGE_FD, &letter, 1);
}

static void say_bytes(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t written = write(fd, bytes, len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			_exit(9);
		bytes += written;
		len -= (size_t)written;
	}
}

static void say(const char *text)
{
	say_bytes(STDOUT_FILENO, text, strlen(text));
}

static void say_error(const char *text)
{
	say_bytes(STDERR_FILENO, text, strlen(text));
}

__attribute__((format(printf, 2, 3))) static void answer(long long id, const char *format, ...)
{
	static char text[LINE];
	int len = snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":%lld,", id);
	va_list args;

	va_start(args, format);
	len += vsnprintf(text + len, sizeof text - (size_t)len, format, args);
	va_end(args);
	(void)snprintf(text + len, sizeof text - (size_t)len, "}\n");
	say(text);
	if (is("twice"))
		say(text);
}

_Noreturn static void hold(void)
{
	for (;;)
		(void)pause();
}

static void initialize(long long id)
{
	const char *revision = is("revision") ? "1999-01-01" : "2025-11-25";

	stage('i');
	if (is("exit")) {
		say_error("one\nno licence found\n");
		_exit(3);
	}
	if (is("silent"))
		return;
	if (is("mute")) {
		(void)close(STDOUT_FILENO);
		hold();
	}
	if (is("refuse")) {
		answer(id, "\"error\":{\"code\":-32000,\"message\":\"no licence\"}");
		return;
	}
	if (is("wrong-ids"))
		answer(id + 1000, "\"result\":{}");
	answer(id,
		"\"result\":{\"protocolVersion\":\"%s\",\"capabilities\":{\"tools\":{\"listChanged\":true}},"
		"\"serverInfo\":{\"name\":\"child\",\"version\":\"1.0\"}}",
		revision);
}

_Noreturn static void flood(void)
{
	static const char note[] = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":"
				   "\"info\",\"data\":\"again\"}}\n";

	for (;;)
		say(note);
}

_Noreturn static void chatter(void)
{
	for (;;)
		say_error("and another thing\n");
}

/* The handshake is over. */
static void initialized(void)
{
	stage('r');
	if (is("flood"))
		flood();
	if (is("chatter"))
		chatter();
	if (is("deaf"))
		hold();
	if (is("shut")) {
		(void)close(STDIN_FILENO);
		stage('s');
		hold();
	}
	if (is("close")) {
		(void)close(STDOUT_FILENO);
		hold();
	}
}

static void list_tools(long long id)
{
	static int page;

	if (is("cursors"))
		answer(id, "\"result\":{\"tools\":[],\"nextCursor\":\"%d\"}", ++page);
	else if (is("schema"))
		answer(id,
			"\"result\":{\"tools\":[{\"name\":\"odd\",\"inputSchema\":\"none\"},{\"name\":\"echo\","
			"\"inputSchema\":{\"type\":\"object\"}}]}");
	else
		answer(id,
			"\"result\":{\"tools\":[{\"name\":\"%s\",\"description\":\"Answer.\",\"inputSchema\":{\"type\":"
			"\"object\"}}]}",
			changed ? "other" : "echo");
}

/* Where it stands and what it was given, as text of a result. */
static void report(long long id)
{
	static char text[LINE / 2];
	size_t len = 0;
	char *folder = getcwd(NULL, 0);

	for (char **entry = environ; *entry != NULL; entry++)
		len += (size_t)snprintf(text + len, sizeof text - len, "env %s\\n", *entry);
	for (char **word = words; *word != NULL; word++)
		len += (size_t)snprintf(text + len, sizeof text - len, "word %s\\n", *word);
	(void)snprintf(text + len, sizeof text - len, "cwd %s\\n", folder == NULL ? "?" : folder);
	free(folder);
	answer(id, "\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"%s\"}]}", text);
}

static void call_tool(long long id)
{
	stage('c');
	if (is("die"))
		(void)kill(getpid(), SIGKILL);
	if (is("leave"))
		_exit(0);
	if (is("hang"))
		return;
	if (is("change")) {
		changed = true;
		say("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n");
	}
	if (is("report")) {
		report(id);
		return;
	}
	answer(id, "\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"done\"}]}");
	if (is("last-words")) {
		for (int i = 0; i < 500; i++)
			answer(100000 + i,
				"\"result\":{\"padding\":\"................................................\"}");
		_exit(5);
	}
}

static void take(const char *line)
{
	const char *method = strstr(line, "\"method\":\""), *id_at = strstr(line, "\"id\":");
	long long id = id_at == NULL ? -1 : strtoll(id_at + 5, NULL, 10);

	if (method == NULL)
		return;
	method += strlen("\"method\":\"");
	if (strncmp(method, "initialize\"", 11) == 0)
		initialize(id);
	else if (strncmp(method, "notifications/initialized\"", 26) == 0)
		initialized();
	else if (strncmp(method, "tools/list\"", 11) == 0)
		list_tools(id);
	else if (strncmp(method, "tools/call\"", 11) == 0)
		call_tool(id);
	else if (strncmp(method, "ping\"", 5) == 0)
		answer(id, "\"result\":{}");
}

/* A line that has no end. */
static void huge(void)
{
	static char bytes[MIB];

	memset(bytes, 'x', sizeof bytes);
	say("{\"jsonrpc\":\"2.0\",\"method\":\"");
	for (int i = 0; i < 100; i++)
		say_bytes(STDOUT_FILENO, bytes, sizeof bytes);
}

static void mumble(void)
{
	static char bytes[MIB];

	memset(bytes, 'm', sizeof bytes);
	say_bytes(STDERR_FILENO, bytes, sizeof bytes);
	stage('m');
}

/* Somebody in a session of its own holds the pipes open until the input ends. */
_Noreturn static void run_away(void)
{
	char byte;

	if (fork() != 0)
		_exit(4);
	(void)setsid();
	stage('f');
	while (read(STDIN_FILENO, &byte, 1) > 0)
		continue;
	_exit(0);
}

static void resist(bool with_child)
{
	(void)signal(SIGTERM, SIG_IGN);
	if (with_child)
		(void)!fork();
}

static void begin(void)
{
	if (is("before"))
		_exit(7);
	if (is("banner"))
		say("Welcome to the server!\n\nListening ...\r\n");
	if (is("huge"))
		huge();
	if (is("mumble"))
		mumble();
	if (is("fork"))
		run_away();
	if (is("stubborn") || is("tree"))
		resist(is("tree"));
}

int main(int argc, char **argv)
{
	char *line = NULL;
	size_t room = 0;

	verb = argc > 1 ? argv[1] : "serve";
	words = argv;
	stage('s');
	begin();
	while (getline(&line, &room, stdin) > 0)
		take(line);
	free(line);
	stage('e');
	if (is("stubborn") || is("tree"))
		hold();
	return 0;
}
