/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is other now than when it was approved, in words. */
#include "consent/trust_receipt.h"

#include "base/cleanup.h"

#define LINES_MAX 200

struct telling {
	struct buffer *out;
	size_t lines; /* also those that are not shown */
};

/* Begin another line; false when there are too many already. */
static bool begin(struct telling *telling)
{
	if (telling->lines++ >= LINES_MAX)
		return false;
	return telling->lines == 1 || buffer_append_byte(telling->out, '\n');
}

static void tell_file(struct telling *telling, const char *name, const char *what)
{
	if (begin(telling))
		(void)(trust_append_escaped(telling->out, name) && buffer_append_text(telling->out, what));
}

static void tell_folder(struct telling *telling, const char *what)
{
	if (begin(telling))
		(void)buffer_append_text(telling->out, what);
}

/* `order`: as in tell_files(). */
static const char *folder_change(int order)
{
	return order < 0    ? "the whole folder no longer counts, only the files that the manifest names"
		: order > 0 ? "the whole folder counts, since there is an MCP server"
			    : "something in the folder changed";
}

static const char *file_change(const struct trust_file *before, const struct trust_file *now)
{
	if (strcmp(before->blake3, now->blake3) == 0)
		return NULL;
	return before->blake3[0] == '\0' ? " is new" : now->blake3[0] == '\0' ? " is gone" : " changed";
}

static void tell_files(struct telling *telling, const struct trust_subject *before, const struct trust_subject *now)
{
	size_t i = 0, k = 0;

	while (i < before->file_count || k < now->file_count) {
		int order = i == before->file_count ? 1
			: k == now->file_count      ? -1
						    : strcmp(before->files[i].name, now->files[k].name);
		const char *change = order < 0 ? " is no longer part of it"
			: order > 0            ? " is new"
					       : file_change(&before->files[i], &now->files[k]);

		if (change != NULL && strcmp(order < 0 ? before->files[i].name : now->files[k].name, TRUST_FOLDER) == 0)
			tell_folder(telling, folder_change(order));
		else if (change != NULL)
			tell_file(telling, order < 0 ? before->files[i].name : now->files[k].name, change);
		i += order <= 0;
		k += order >= 0;
	}
}

/* "fs_read a -> /w/a" as "read a -> /w/a". */
static void tell_right(struct telling *telling, const char *when, const char *right)
{
	static const struct {
		const char *key, *words;
	} rows[] = {
		{ "uplink ", "register the uplink " },
		{ "uplink", "be an uplink" },
		{ "net ", "reach " },
		{ "fs_read ", "read " },
		{ "fs_write ", "write " },
		{ "host_process ", "run " },
		{ "net_bind ", "listen on " },
		{ "ipc_publish ", "publish " },
		{ "ipc_subscribe ", "subscribe to " },
		{ "identity ", "use identities: " },
		{ "allow_prompt_injection", "add text to prompts" },
		{ POLICY_INTERCEPTOR " ", "decide about events: " },
		{ POLICY_SERVER " ", "run the MCP server " },
	};

	if (!begin(telling))
		return;
	(void)buffer_append_text(telling->out, when);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (!span_starts(span_text(right), span_text(rows[i].key)))
			continue;
		(void)buffer_append_text(telling->out, rows[i].words);
		right += strlen(rows[i].key);
		break;
	}
	(void)buffer_append_text(telling->out, right);
}

static void tell_rights(struct telling *telling, const struct trust_subject *before, const struct trust_subject *now)
{
	size_t i = 0, k = 0;

	while (i < before->right_count || k < now->right_count) {
		int order = i == before->right_count ? 1
			: k == now->right_count      ? -1
						     : strcmp(before->rights[i], now->rights[k]);

		if (order < 0)
			tell_right(telling, "may no longer ", before->rights[i]);
		if (order > 0)
			tell_right(telling, "may now ", now->rights[k]);
		i += order <= 0;
		k += order >= 0;
	}
}

bool receipt_append_changes(const struct receipt *receipt, const struct trust_subject *now, struct buffer *out)
{
	struct telling telling = { .out = out };
	HOLD(buffer_fini) struct buffer dir = { 0 };

	if (!trust_append_escaped(&dir, now->dir))
		return !(out->failed = true);
	if (!span_is(buffer_span(&dir), receipt->subject.dir) && begin(&telling))
		(void)buffer_printf(out, "the receipt is that of another folder, %s", receipt->subject.dir);
	if (strcmp(receipt->subject.id, now->id) != 0 && begin(&telling))
		(void)buffer_printf(out, "its id is %s and no longer %s", now->id, receipt->subject.id);
	tell_files(&telling, &receipt->subject, now);
	tell_rights(&telling, &receipt->subject, now);
	if (telling.lines > LINES_MAX)
		(void)buffer_printf(out, "\nand %zu more changes", telling.lines - LINES_MAX);
	return !out->failed;
}
