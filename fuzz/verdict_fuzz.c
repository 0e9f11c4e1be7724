/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes as the answer of an interceptor that decides. What is refused says why in clean text and rewrites nothing; who
 * may not rewrite never does, and otherwise both kinds get the same verdict; a payload is one that can be published. */
#include "dispatch/verdict.h"

#include "base/text.h"
#include "fuzz/target.h"

static enum capsule_status read_one(
	struct verdict *verdict, struct payload *payload, struct span answer, bool may_rewrite)
{
	struct capsule_error err = { 0 };
	enum capsule_status status = verdict_read(verdict, payload, answer, may_rewrite, &err);

	CHECK(memchr(verdict->reason, '\0', sizeof verdict->reason) != NULL);
	CHECK(text_is_utf8(span_text(verdict->reason)));
	for (const char *at = verdict->reason; *at != '\0'; at++)
		CHECK((unsigned char)*at >= 0x20 && *at != 0x7f);
	CHECK(!verdict->rewritten || (may_rewrite && !verdict->deny));
	if (status == CAPSULE_OK)
		return status;
	CHECK(status == CAPSULE_EINVAL || status == CAPSULE_ELIMIT);
	CHECK(err.status == status && err.text[0] != '\0' && text_is_utf8(span_text(err.text)));
	CHECK(!verdict->rewritten);
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span answer = span_of(data, size);
	struct payload guards = { 0 }, rewrites = { 0 }, again = { 0 };
	struct verdict guard, rewriter;
	enum capsule_status guarded = read_one(&guard, &guards, answer, false);
	enum capsule_status rewritten = read_one(&rewriter, &rewrites, answer, true);

	if (guarded == CAPSULE_OK && rewritten == CAPSULE_OK) {
		CHECK(guard.deny == rewriter.deny);
		CHECK(strcmp(guard.reason, rewriter.reason) == 0);
	}
	if (rewritten == CAPSULE_OK && rewriter.rewritten)
		CHECK(payload_read(&again, rewrites.tagged, NULL) == CAPSULE_OK);
	payload_fini(&guards);
	payload_fini(&rewrites);
	payload_fini(&again);
	return 0;
}
