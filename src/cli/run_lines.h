/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Messages to publish as they are written: lines of standard input, TOPIC=JSON. No input or output here; what comes
 * in is hostile. */
#ifndef CLI_RUN_LINES_H
#define CLI_RUN_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest line without its newline: a payload of the largest size, with room for what is around it. */
#define RUN_LINE_BYTES_MAX ((size_t)6 * 1024 * 1024)

/* Bytes that run_lines_put() takes at once. */
#define RUN_CHUNK_BYTES ((size_t)64 * 1024)

/* Why a message can't be read, with its terminator. */
#define RUN_WHY_BYTES 256

/* A stream that is split into lines. Zero-initialised is empty. */
struct run_lines {
	char *bytes;
	size_t len, capacity;
	size_t at, scanned; /* where the next line begins; up to where there is no newline */
	uint64_t number;    /* of the line that was given last: 1, 2, ... */
	bool skipping;      /* the rest of a line that is too long */
};

enum run_line {
	RUN_LINE_NONE,     /* none is complete */
	RUN_LINE_WHOLE,    /* one is there */
	RUN_LINE_TOO_LONG, /* one is longer than RUN_LINE_BYTES_MAX, and skipped */
};

/** Append `len` bytes, at most RUN_CHUNK_BYTES; only when run_lines_next() had no more. Returns false when memory ran
 *  out. */
bool run_lines_put(struct run_lines *lines, const char *bytes, size_t len);

/** Give the next line without its newline, borrowed until the next call; `ended` says that no more bytes come, so
 *  that the last line needs none. */
enum run_line run_lines_next(struct run_lines *lines, bool ended, const char **line, size_t *len);

void run_lines_fini(struct run_lines *lines);

/* A message to publish. */
struct run_message {
	char *topic;   /* owned */
	char *payload; /* owned, JSON */
	size_t payload_len;
	char *request; /* owned: by which an answer is known, NULL when none is waited for */
};

/** Whether the `len` bytes of `line` are nothing but blanks. */
bool run_line_is_blank(const char *line, size_t len);

/** Read {"topic":text,"payload":JSON}; other members are ignored. Returns false after having written the reason to
 *  `why` (RUN_WHY_BYTES). Free it with run_message_fini(), also after a failure. */
bool run_message_read_line(struct run_message *message, const char *line, size_t len, char *why);

/** Likewise of the two parts of TOPIC=JSON. */
bool run_message_read(struct run_message *message, const char *topic, const char *json, char *why);

void run_message_fini(struct run_message *message);

/** The id in the `len` bytes of JSON by which an answer belongs to its request: `req_id` or `_astrid_delivery_id`, a
 *  text of 1 to 128 letters, digits, '-' and '_', of the value itself or, when its `type` is "custom", of its `data`.
 *  Owned by the caller; NULL: there is none, or no memory. */
char *run_request_id(const char *json, size_t len);

#endif
