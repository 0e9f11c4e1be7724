/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A server of the Model Context Protocol that answers as little as it may: it has one tool, `read`, whose answer has 165
 * bytes. All lines that are there are answered by one write. With the argument `echo` it gives back each byte instead. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM 65536
#define TEXT "an answer of a hundred bytes, which is as long as what is asked, and a few more than that: enough"

static const struct {
	const char *method, *result;
} answers[] = {
	{ "\"tools/call\"", "{\"content\":[{\"type\":\"text\",\"text\":\"" TEXT "\"}],\"isError\":false}" },
	{ "\"tools/list\"", "{\"tools\":[{\"name\":\"read\",\"inputSchema\":{\"type\":\"object\"}}]}" },
	{ "\"initialize\"",
		"{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"tools\":{}},\"serverInfo\":"
		"{\"name\":\"least\",\"version\":\"1\"}}" },
	{ "\"ping\"", "{}" },
};

static size_t answer(char *out, size_t room, const char *line)
{
	const char *id = strstr(line, "\"id\":");

	for (size_t i = 0; id != NULL && i < sizeof answers / sizeof answers[0]; i++)
		if (strstr(line, answers[i].method) != NULL)
			return (size_t)snprintf(out, room, "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"result\":%s}\n",
				strtoll(id + 5, NULL, 10), answers[i].result);
	return 0;
}

static int serve(void)
{
	static char in[ROOM + 1], out[ROOM * 4];
	size_t len = 0, said, at;
	ssize_t got;

	while ((got = read(STDIN_FILENO, in + len, ROOM - len)) > 0) {
		char *end;

		len += (size_t)got;
		in[len] = '\0';
		said = at = 0;
		while ((end = memchr(in + at, '\n', len - at)) != NULL) {
			*end = '\0';
			said += answer(out + said, sizeof out - said, in + at);
			at = (size_t)(end - in) + 1;
		}
		memmove(in, in + at, len - at);
		len -= at;
		if (said > 0 && write(STDOUT_FILENO, out, said) != (ssize_t)said)
			return 1;
	}
	return 0;
}

static int echo(void)
{
	static char bytes[ROOM];
	ssize_t len;

	while ((len = read(STDIN_FILENO, bytes, sizeof bytes)) > 0)
		if (write(STDOUT_FILENO, bytes, (size_t)len) != len)
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	return argc > 1 && strcmp(argv[1], "echo") == 0 ? echo() : serve();
}
