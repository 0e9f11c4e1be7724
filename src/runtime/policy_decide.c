/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One question to a policy, asked as the runtime would ask it: a path is resolved below its root, a URL gives its host. */
#include "runtime/policy.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "gate/path.h"
#include "gate/text.h"

#define ESCAPES "path escapes root boundary"

/* One decision on its way. */
struct asking {
	struct capsule_policy *policy;
	struct gate_question question;
	struct gate_decision decision;
	const char *refused; /* why it is denied before the gate is asked; NULL: the gate decides */
	char *platform;      /* owned, behind question.more */
	struct capsule_error *err;
};

static void asking_fini(struct asking *asking)
{
	free(asking->platform);
}

static enum capsule_status no_memory(struct capsule_error *err)
{
	return error_set(err, CAPSULE_ENOMEM, "no memory for a decision");
}

/* The operand becomes `text`, which is copied. */
static enum capsule_status set_operand(struct asking *asking, const char *text)
{
	struct buffer *operand = &asking->policy->operand;

	buffer_clear(operand);
	if (!buffer_append_text(operand, text) || buffer_text(operand) == NULL)
		return no_memory(asking->err);
	asking->question.operand = buffer_span(operand);
	return CAPSULE_OK;
}

/* `relative` below `root` by its text: "." and ".." are applied. `*inside` tells whether it stays below the root. */
static enum capsule_status join(struct asking *asking, const char *root, const char *relative, char **out, bool *inside)
{
	HOLD(buffer_fini) struct buffer text = { 0 };
	struct span rest = span_text(relative), component;
	size_t root_len;

	*inside = true;
	(void)buffer_append_text(&text, strcmp(root, "/") == 0 ? "" : root);
	root_len = text.len;
	while (*inside && path_next(&rest, &component)) {
		if (!span_is(component, "..")) {
			(void)(buffer_append_byte(&text, '/') && buffer_append_span(&text, component));
			continue;
		}
		*inside = text.len > root_len;
		while (*inside && text.data[--text.len] != '/')
			continue;
	}
	if (text.len == 0)
		(void)buffer_append_byte(&text, '/');
	*out = buffer_steal(&text);
	return *out != NULL ? CAPSULE_OK : no_memory(asking->err);
}

static void ask(struct asking *asking)
{
	gate_ask(asking->policy->gate, &asking->question, &asking->decision);
}

/* As the runtime does: the path as it is named, then, where links lead elsewhere, the one that would be opened. */
static enum capsule_status ask_guest_path(struct asking *asking, const char *root, const char *relative)
{
	HOLD(free_drop) char *named = NULL, *real = NULL;
	bool inside;
	enum capsule_status status = join(asking, root, relative, &named, &inside);

	if (status == CAPSULE_OK)
		status = set_operand(asking, named);
	if (status != CAPSULE_OK)
		return status;
	if (!inside) {
		asking->refused = ESCAPES;
		return set_operand(asking, relative);
	}
	ask(asking);
	if (!asking->decision.allowed)
		return CAPSULE_OK;
	status = path_canonical(&real, named, asking->err);
	if (status != CAPSULE_OK || path_compare(span_text(named), span_text(real)) == 0)
		return status;
	if (!path_below(span_text(root), span_text(real), NULL))
		asking->refused = ESCAPES;
	status = set_operand(asking, real);
	if (status == CAPSULE_OK && asking->refused == NULL)
		ask(asking);
	return status;
}

static enum capsule_status ask_path(struct asking *asking, const char *operand)
{
	static const char workspace[] = "workspace://", global[] = "global://";
	const struct entry_roots *roots = &asking->policy->roots;
	HOLD(free_drop) char *real = NULL;
	struct capsule_error failure;
	enum capsule_status status;

	if (strncmp(operand, global, strlen(global)) == 0 && roots->global == NULL) {
		asking->refused = "there is no shared folder: `shared` in the home does not exist";
		return set_operand(asking, operand);
	}
	if (strncmp(operand, global, strlen(global)) == 0)
		return ask_guest_path(asking, roots->global, operand + strlen(global));
	if (operand[0] == '/') {
		status = path_canonical(&real, operand, &failure);
		if (status == CAPSULE_ENOMEM)
			return error_copy(asking->err, &failure);
		status = set_operand(asking, real != NULL ? real : operand);
		if (status == CAPSULE_OK)
			ask(asking);
		return status;
	}
	if (roots->workspace == NULL) {
		asking->refused = "there is no workspace";
		return set_operand(asking, operand);
	}
	if (strncmp(operand, workspace, strlen(workspace)) == 0)
		operand += strlen(workspace);
	return ask_guest_path(asking, roots->workspace, operand);
}

static enum capsule_status ask_host(struct asking *asking, const char *operand)
{
	HOLD(buffer_fini) struct buffer url = { 0 }, host = { 0 };
	struct capsule_error failure;
	bool is_url = strstr(operand, "://") != NULL;
	enum capsule_status status;

	if (is_url ? !buffer_append_text(&url, operand) : !buffer_printf(&url, "http://%s/", operand))
		return no_memory(asking->err);
	status = gate_url_host(buffer_span(&url), &host, &failure);
	if (status == CAPSULE_ENOMEM)
		return error_copy(asking->err, &failure);
	if (status != CAPSULE_OK || host.len == 0) {
		asking->refused = "it is no URL and no host name";
		return set_operand(asking, operand);
	}
	status = buffer_text(&host) != NULL ? set_operand(asking, buffer_text(&host)) : no_memory(asking->err);
	if (status == CAPSULE_OK)
		ask(asking);
	return status;
}

static enum capsule_status ask_uplink(struct asking *asking, const char *operand)
{
	const char *at = strrchr(operand, '@');
	enum capsule_status status = set_operand(asking, operand);

	if (status != CAPSULE_OK)
		return status;
	if (at == NULL)
		return error_set(asking->err, CAPSULE_EUSAGE,
			"`%.256s` names no platform: write name and platform of the uplink as NAME@PLATFORM", operand);
	asking->platform = entry_platform(at + 1);
	if (asking->platform == NULL)
		return no_memory(asking->err);
	asking->question.operand.len = (size_t)(at - operand);
	asking->question.more = span_text(asking->platform);
	ask(asking);
	return CAPSULE_OK;
}

static enum capsule_status ask_plain(struct asking *asking, const char *operand)
{
	enum capsule_status status = set_operand(asking, operand);

	if (status == CAPSULE_OK)
		ask(asking);
	return status;
}

static enum capsule_status ask_any(struct asking *asking, const char *operand)
{
	switch (asking->question.operation) {
	case GATE_READ:
	case GATE_WRITE:
		return ask_path(asking, operand);
	case GATE_HTTP:
		return ask_host(asking, operand);
	case GATE_UPLINK:
		return ask_uplink(asking, operand);
	case GATE_BIND:
		return ask_plain(asking, "");
	default:
		return ask_plain(asking, operand);
	}
}

static enum capsule_status word(struct asking *asking)
{
	struct capsule_policy *policy = asking->policy;
	bool done;

	buffer_clear(&policy->reason);
	buffer_clear(&policy->fix);
	if (asking->refused != NULL) {
		asking->decision = (struct gate_decision){ .reason = GATE_MALFORMED,
			.key = entry_key(asking->question.operation) };
		done = buffer_append_text(&policy->reason, "denied: `") &&
			gate_text_append(&policy->reason, asking->question.operand, TEXT_SHOWN_MAX) &&
			buffer_printf(&policy->reason, "`: %s", asking->refused);
	} else {
		done = gate_append_reason(policy->gate, &asking->question, &asking->decision, &policy->reason) &&
			gate_append_fix(&asking->question, &asking->decision, &policy->fix);
	}
	if (!done || buffer_text(&policy->reason) == NULL || buffer_text(&policy->fix) == NULL)
		return no_memory(asking->err);
	return CAPSULE_OK;
}

static enum capsule_status no_action(struct capsule_error *err, const char *action)
{
	HOLD(buffer_fini) struct buffer names = { 0 };

	for (size_t i = 0; i < GATE_OPERATIONS; i++)
		(void)buffer_printf(&names, "%s%s", i > 0 ? ", " : "", gate_operation_name((enum gate_operation)i));
	return error_set(err, CAPSULE_EUSAGE, "there is no action `%.64s`; there are %.*s", action,
		SPAN_ARG(buffer_span(&names)));
}

enum capsule_status capsule_policy_decide(struct capsule_policy *policy, const char *action, const char *operand,
	struct capsule_decision *out, struct capsule_error *err)
{
	HOLD(asking_fini) struct asking asking = { .policy = policy, .err = err };
	HOLD(free_drop) char *asked = NULL; /* it may be a text of the last decision */
	enum capsule_status status;

	error_clear(err);
	if (policy == NULL || action == NULL || operand == NULL || out == NULL)
		return error_set(
			err, CAPSULE_EINVAL, "a policy, an action, an operand and a place for the decision are needed");
	if (!gate_operation_find(action, &asking.question.operation))
		return no_action(err, action);
	asked = text_copy(span_text(operand));
	status = asked != NULL ? ask_any(&asking, asked) : no_memory(err);
	if (status == CAPSULE_OK)
		status = word(&asking);
	if (status != CAPSULE_OK)
		return status;
	*out = (struct capsule_decision){
		.allowed = asking.decision.allowed,
		.reason = buffer_text(&policy->reason),
		.fix = policy->fix.len > 0 ? buffer_text(&policy->fix) : NULL,
		.key = asking.decision.key,
		.rule = asking.decision.rule,
		.file = policy->manifest->path,
		.line = asking.decision.place.line,
		.operand = buffer_text(&policy->operand),
	};
	return CAPSULE_OK;
}
