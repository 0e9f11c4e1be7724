/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The first byte says how many bytes come at once, the rest is the stream that `capsule run --stdin` reads. Its lines
 * are those between newlines, each is a message or has a reason why not, and what a message has is JSON and no longer
 * than its line allows. */
#include "cli/run_lines.h"
#include "fuzz/target.h"

#include <string.h>
#include <yyjson.h>

static void check_message(const char *line, size_t len)
{
	char why[RUN_WHY_BYTES] = "";
	struct run_message message;

	if (run_message_read_line(&message, line, len, why)) {
		yyjson_doc *doc = yyjson_read(message.payload, message.payload_len, YYJSON_READ_NUMBER_AS_RAW);

		CHECK(doc != NULL && strlen(message.payload) == message.payload_len && strlen(message.topic) <= len);
		CHECK(message.request == NULL || (message.request[0] != '\0' && strlen(message.request) <= 128));
		yyjson_doc_free(doc);
	} else {
		CHECK(why[0] != '\0' && strlen(why) < sizeof why);
	}
	run_message_fini(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1, *line = NULL;
	struct run_lines lines = { 0 };
	size_t len = 0, at = 0, next = 0;
	size_t piece = size > 0 ? (size_t)data[0] + 1 : 1;

	size = size > 0 ? size - 1 : 0;
	while (at < size) {
		size_t put = size - at < piece ? size - at : piece;
		bool ended = at + put == size;

		CHECK(run_lines_put(&lines, text + at, put));
		at += put;
		while (run_lines_next(&lines, ended, &line, &len) == RUN_LINE_WHOLE) {
			CHECK(next + len <= size && memcmp(text + next, line, len) == 0 &&
				memchr(line, '\n', len) == NULL);
			next += len;
			CHECK(next == size || text[next] == '\n');
			next++;
			if (!run_line_is_blank(line, len))
				check_message(line, len);
		}
	}
	CHECK(next >= size);
	run_lines_fini(&lines);
	return 0;
}
