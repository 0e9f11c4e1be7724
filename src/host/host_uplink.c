/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Uplinks: connections of a capsule to a platform outside, registered while it runs, and what comes in through them. */
#include "host/host_rows.h"

#include "base/cleanup.h"
#include "base/text.h"

#define ID_MAX 64 /* bytes of an id in any of its forms */

static char *lower_copy(struct span text)
{
	char *copy = text_copy(text);

	if (copy != NULL)
		text_lower(copy);
	return copy;
}

static enum capsule_status find_profile(struct span text, enum uplink_profile *out, struct capsule_error *err)
{
	static const struct {
		const char *word;
		enum uplink_profile profile;
	} words[] = {
		{ "chat", UPLINK_CHAT },
		{ "human", UPLINK_CHAT },
		{ "interactive", UPLINK_INTERACTIVE },
		{ "notify", UPLINK_NOTIFY },
		{ "bridge", UPLINK_BRIDGE },
	};
	char lower[sizeof "interactive"] = "";

	if (text.len > 0 && text.len < sizeof lower) {
		memcpy(lower, text.data, text.len);
		text_lower(lower);
	}
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (span_is(span_of(lower, text.len), words[i].word)) {
			*out = words[i].profile;
			return CAPSULE_OK;
		}
	}
	return error_set(err, CAPSULE_EINVAL,
		"invalid uplink profile `%.*s`: expected chat, human, interactive, notify or bridge", SPAN_ARG(text));
}

/* Messages of an uplink name the capsule as their source, and a source begins and ends with a letter or a digit. */
static enum capsule_status check_source(const char *id, struct capsule_error *err)
{
	size_t len = strlen(id);

	if (len > 0 && id[0] != '-' && id[len - 1] != '-')
		return CAPSULE_OK;
	return error_set(err, CAPSULE_EINVAL,
		"failed to create uplink source: the capsule's name `%s` must begin and end with a letter or a digit",
		id);
}

static enum capsule_status enter(struct host_call *call, struct uuid *id, struct capsule_error *err)
{
	const struct host_services *services = &call->host->services;
	HOLD(free_drop) char *platform = lower_copy(text_trim(call->args[1]));
	struct gate_question question = { .operation = GATE_UPLINK, .operand = call->args[0] };
	enum uplink_profile profile = UPLINK_CHAT;
	enum capsule_status status = find_profile(call->args[2], &profile, err);

	if (status != CAPSULE_OK)
		return status;
	if (platform == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the name of a platform");
	question.more = span_text(platform);
	status = check_source(call->host->capsule_id, err);
	if (status == CAPSULE_OK)
		status = host_call_permit(call, "uplink registration", &question, err);
	if (status != CAPSULE_OK)
		return status;
	if (services->uplink == NULL)
		return error_set(err, CAPSULE_EUNSUPPORTED, "nobody keeps uplinks here");
	return services->uplink(services->user, call->args[0], question.more, profile, id, err);
}

enum host_answer host_uplink_register(struct host_call *call, struct capsule_error *err)
{
	enum capsule_status status;
	struct uuid id;
	char text[UUID_TEXT_LEN + 1];

	status = enter(call, &id, err);
	if (status == CAPSULE_EDENIED)
		return HOST_FAILED;
	if (status != CAPSULE_OK)
		return host_call_failed(call, err);
	uuid_format(&id, text);
	buffer_clear(&call->out);
	if (!buffer_append(&call->out, text, UUID_TEXT_LEN) && buffer_check(&call->out, err) != CAPSULE_OK)
		return host_call_failed(call, err);
	call->result = buffer_span(&call->out);
	return HOST_READY;
}

/* Messages that come in. */

static enum capsule_status hand_in(const struct host_call *call, bool *taken, struct capsule_error *err)
{
	const struct host_services *services = &call->host->services;
	struct span text = call->args[0];
	struct uuid id;

	if (text.len > ID_MAX)
		return error_set(err, CAPSULE_ELIMIT, "uplink_id too long: %zu bytes, at most %d", text.len, ID_MAX);
	if (!uuid_parse(text, &id))
		return error_set(err, CAPSULE_EINVAL,
			"invalid uplink_id `%.*s`: expected the id that astrid_uplink_register gave", SPAN_ARG(text));
	if (services->uplink_send == NULL)
		return error_set(err, CAPSULE_EUNSUPPORTED,
			"no inbound channel: Capsule.toml of '%s' declares no [[uplink]]", call->host->capsule_id);
	return services->uplink_send(services->user, &id, call->args[1], call->args[2], taken, err);
}

enum host_answer host_uplink_send(struct host_call *call, struct capsule_error *err)
{
	bool taken = false;

	if (hand_in(call, &taken, err) != CAPSULE_OK)
		return host_call_failed(call, err);
	call->result = span_text(taken ? "{\"ok\":true}" : "{\"dropped\":true,\"ok\":false}");
	return HOST_READY;
}
