/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "cli/run_replies.h"
#include <stdlib.h>
#include <string.h>

struct run_request {
	struct run_request *next; /* of its bucket, oldest first */
	uint64_t sequence;
	size_t len;
	char id[]; /* with a terminator */
};

/* FNV-1a. Who writes the ids is who waits: there is nobody to make them collide. */
static size_t bucket_of(const char *id, size_t len)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)id[i]) * UINT64_C(1099511628211);
	return hash % RUN_REQUEST_BUCKETS;
}

bool run_replies_await(struct run_replies *replies, const char *id)
{
	size_t len = strlen(id);
	struct run_request **at = &replies->buckets[bucket_of(id, len)];
	struct run_request *request = calloc(1, sizeof *request + len + 1);

	if (request == NULL)
		return false;
	memcpy(request->id, id, len);
	request->len = len;
	request->sequence = ++replies->sequence;
	while (*at != NULL)
		at = &(*at)->next;
	*at = request;
	replies->count++;
	return true;
}

bool run_replies_take(struct run_replies *replies, const char *id, size_t len)
{
	struct run_request **at = &replies->buckets[bucket_of(id, len)], *request;

	while (*at != NULL && ((*at)->len != len || memcmp((*at)->id, id, len) != 0))
		at = &(*at)->next;
	request = *at;
	if (request == NULL)
		return false;
	*at = request->next;
	free(request);
	replies->count--;
	return true;
}

const char *run_replies_oldest(const struct run_replies *replies)
{
	const struct run_request *oldest = NULL;

	for (size_t i = 0; i < RUN_REQUEST_BUCKETS; i++) {
		const struct run_request *first = replies->buckets[i];

		if (first != NULL && (oldest == NULL || first->sequence < oldest->sequence))
			oldest = first;
	}
	return oldest != NULL ? oldest->id : NULL;
}

void run_replies_fini(struct run_replies *replies)
{
	const char *id;

	while ((id = run_replies_oldest(replies)) != NULL)
		(void)run_replies_take(replies, id, strlen(id));
}
