/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes as a request to start a program, and as one about a program: what is taken is a list of words that ends, within its
 * bounds; what is refused says why. */
#include "host/spawn_request.h"

#include "base/text.h"
#include "fuzz/target.h"

static void check_words(const struct spawn_request *request)
{
	size_t bytes = 0;

	CHECK(request->argc >= 1 && request->argc <= SPAWN_ARGS_MAX + 1);
	CHECK(request->argv[0] == request->cmd && request->argv[request->argc] == NULL);
	for (size_t i = 0; i < request->argc; i++) {
		size_t len = strlen(request->argv[i]);

		CHECK(len <= SPAWN_WORD_MAX && text_is_utf8(span_of(request->argv[i], len)));
		bytes += len + 1;
	}
	CHECK(bytes <= SPAWN_WORDS_MAX);
}

static void check_refusal(enum capsule_status status, const struct capsule_error *err)
{
	CHECK(status == CAPSULE_EINVAL || status == CAPSULE_ELIMIT);
	CHECK(err->status == status && err->text[0] != '\0' && text_is_utf8(span_text(err->text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span json = span_of(data, size);
	struct spawn_request request;
	struct capsule_error err = { 0 };
	enum capsule_status status = spawn_request_read(&request, json, &err);
	uint64_t id = 0;

	if (status == CAPSULE_OK)
		check_words(&request);
	else
		check_refusal(status, &err);
	spawn_request_fini(&request);
	status = spawn_request_read_id(&id, json, &err);
	if (status != CAPSULE_OK)
		check_refusal(status, &err);
	return 0;
}
