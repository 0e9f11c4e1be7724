/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes as a receipt. What is accepted is written the same when it is read and written again, and nothing changed
 * compared with itself; what changed compared with another one is text of single lines. */
#include "consent/trust_receipt.h"

#include "base/text.h"
#include "fuzz/target.h"

static void check_refused(const struct capsule_error *err, enum capsule_status status)
{
	CHECK(status == CAPSULE_EINVAL || status == CAPSULE_ELIMIT);
	CHECK(err->status == status && err->text[0] != '\0');
}

static void write_it(const struct receipt *receipt, struct buffer *out)
{
	CHECK(receipt_append(&receipt->subject, receipt->by, receipt->when, out));
}

/* Written, the folder is escaped once more: afterwards it stays as it is only without backslashes. */
static void check_round(const struct receipt *receipt)
{
	struct receipt again;
	struct buffer first = { 0 }, second = { 0 }, changes = { 0 };
	enum capsule_status status;

	write_it(receipt, &first);
	status = receipt_parse(&again, buffer_span(&first), NULL);
	CHECK(status == CAPSULE_OK || first.len > RECEIPT_BYTES_MAX || strchr(receipt->subject.dir, '\\') != NULL);
	if (status == CAPSULE_OK) {
		CHECK(receipt_append_changes(&again, &receipt->subject, &changes));
		CHECK(changes.len == 0);
		write_it(&again, &second);
		CHECK(strchr(receipt->subject.dir, '\\') != NULL ||
			span_equal(buffer_span(&first), buffer_span(&second)));
		receipt_fini(&again);
	}
	buffer_fini(&first);
	buffer_fini(&second);
	buffer_fini(&changes);
}

static void check_changes(const struct receipt *receipt)
{
	char id[] = "other", dir[] = "/other", name[] = "a", right[] = "fs_read a";
	char *rights[] = { right };
	struct trust_file file = { .name = name };
	const struct trust_subject other = {
		.id = id, .dir = dir, .files = &file, .file_count = 1, .rights = rights, .right_count = 1
	};
	struct buffer changes = { 0 };

	CHECK(receipt_append_changes(receipt, &other, &changes));
	CHECK(text_is_utf8(buffer_span(&changes)));
	for (size_t i = 0; i < changes.len; i++)
		CHECK(changes.data[i] == '\n' || (changes.data[i] >= 0x20 && changes.data[i] != 0x7F));
	buffer_fini(&changes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct capsule_error err = { 0 };
	struct receipt receipt;
	enum capsule_status status = receipt_parse(&receipt, span_of(data, size), &err);

	if (status != CAPSULE_OK) {
		check_refused(&err, status);
		return 0;
	}
	check_round(&receipt);
	check_changes(&receipt);
	receipt_fini(&receipt);
	return 0;
}
