/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes as calls of the JSON writer for guests in C, in whatever order: what it gives is JSON for yyjson and for the SDK
 * itself, or a failure and nothing. */
#include "../sdk/c/include/capsule_guest/json_read.h"
#include "../sdk/c/include/capsule_guest/json_write.h"
#include "fuzz/target.h"

#include <yyjson.h>

#define ROOM (16u << 20)
#define DEPTH_CHECKED 120 /* beyond it JSON text that is put in may exceed what readers take */

/* The next few bytes of the input: the low half of the byte before says how many. */
static struct guest_bytes next_bytes(struct guest_bytes *input, uint8_t operation)
{
	size_t len = operation & 15u;
	struct guest_bytes bytes = { input->data, len < input->len ? len : input->len };

	*input = guest_after(*input, bytes.len);
	return bytes;
}

static uint64_t next_word(struct guest_bytes *input)
{
	struct guest_bytes bytes = next_bytes(input, 8);
	uint64_t word = 0;

	if (bytes.len > 0)
		memcpy(&word, bytes.data, bytes.len);
	return word;
}

static void operate(struct guest_json_writer *out, uint8_t operation, struct guest_bytes *input)
{
	double number;
	uint64_t word;

	switch (operation >> 4) {
	case 0:
		guest_begin_object(out);
		break;
	case 1:
		guest_begin_array(out);
		break;
	case 2:
		guest_end(out);
		break;
	case 3:
		guest_add_text(out, next_bytes(input, operation));
		break;
	case 4:
		guest_add_integer(out, (int64_t)next_word(input));
		break;
	case 5:
		word = next_word(input);
		memcpy(&number, &word, sizeof number);
		guest_add_number(out, number);
		break;
	case 6:
		guest_add_bytes(out, next_bytes(input, operation));
		break;
	case 7:
		guest_add_json(out, next_bytes(input, operation));
		break;
	case 8:
		guest_add_bool(out, operation % 2 == 0);
		break;
	case 9:
		guest_add_null(out);
		break;
	case 10:
		guest_put_object(out, next_bytes(input, operation));
		break;
	case 11:
		guest_put_array(out, next_bytes(input, operation));
		break;
	case 12:
		guest_put_text(out, "text", next_bytes(input, operation));
		break;
	default:
		guest_key(out, next_bytes(input, operation));
	}
}

/* Write by the input and judge what came of it. `forgiving`: leave out calls that the writer would refuse. */
static void check_writing(struct guest_bytes input, bool forgiving)
{
	struct guest_json_writer out = { .problem = NULL };
	uint32_t deepest = 0;
	struct guest_bytes written;
	yyjson_doc *doc;
	size_t at;

	guest_native_restart(ROOM);
	guest_forgive();
	while (input.len > 0) {
		struct guest_json_writer before = out;
		struct guest_bytes behind = guest_after(input, 1);

		operate(&out, input.data[0], &behind);
		if (forgiving && out.problem != NULL) {
			before.text.data = out.text.data;
			before.text.room = out.text.room;
			out = before;
		}
		deepest = out.nesting.depth > deepest ? out.nesting.depth : deepest;
		input = behind;
	}
	written = guest_written(&out);
	CHECK(guest_failed() == (out.problem != NULL));
	CHECK(!forgiving || !guest_failed());
	if (guest_failed() || written.len == 0) {
		CHECK(written.len == 0);
		return;
	}
	doc = yyjson_read((const char *)written.data, written.len, YYJSON_READ_NUMBER_AS_RAW);
	if (doc == NULL) /* only what was put in as JSON may have halves of surrogate pairs */
		CHECK(guest_bytes_contain(written, guest_text("\\u")) ||
			guest_bytes_contain(written, guest_text("\\U")));
	CHECK(deepest > DEPTH_CHECKED || guest_json_problem(written, &at) == NULL);
	yyjson_doc_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_writing(guest_bytes_of(data, size), false);
	check_writing(guest_bytes_of(data, size), true);
	return 0;
}
