/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Overlays that are committed after each call that succeeds. The call is told to be over when its writes are in the workspace, so
 * that who waits for it finds them there. */
#include "runtime/internal.h"

#include "base/cleanup.h"
#include "base/json.h"

#define PATHS_TOLD 8 /* of one commit, in one line of the log */

struct commit {
	struct list_node link; /* services.commits */
	struct services *services;
	struct op *call; /* pending; NULL: nobody waits for it any more */
	struct vfs_request request;
};

static void commit_free(struct commit *commit)
{
	list_remove(&commit->link);
	vfs_request_fini(&commit->request);
	free(commit);
}

static void warn(const struct services *services, struct buffer *line)
{
	log_write(&services->runtime->log, CAPSULE_LOG_WARN, services->id, buffer_span(line));
}

/* `entries`: paths, or objects with "path" and "reason". */
static void tell(const struct services *services, yyjson_val *entries, const char *what)
{
	HOLD(buffer_fini) struct buffer line = { 0 };
	yyjson_arr_iter iter = yyjson_arr_iter_with(entries);
	size_t count = yyjson_arr_size(entries);
	yyjson_val *entry;

	if (count == 0)
		return;
	(void)buffer_printf(&line, "%s, so it stays in the overlay:", what);
	while (iter.idx < PATHS_TOLD && (entry = yyjson_arr_iter_next(&iter)) != NULL) {
		const char *path = yyjson_get_str(yyjson_is_str(entry) ? entry : yyjson_obj_get(entry, "path"));
		const char *reason = yyjson_get_str(yyjson_obj_get(entry, "reason"));

		(void)buffer_printf(&line, "%s %s", iter.idx > 1 ? "," : "", path != NULL ? path : "?");
		if (reason != NULL)
			(void)buffer_printf(&line, " (%s)", reason);
	}
	if (count > PATHS_TOLD)
		(void)buffer_printf(&line, " and %zu more", count - PATHS_TOLD);
	warn(services, &line);
}

static void report(const struct services *services, const struct vfs_request *request)
{
	static const struct json_limits limits = { .bytes_max = BUFFER_MAX };
	HOLD(json_doc_drop) yyjson_doc *doc = NULL;
	HOLD(buffer_fini) struct buffer line = { 0 };
	const struct op *op = &request->op;
	struct capsule_error err = op->error;

	if (err.status == CAPSULE_OK &&
		json_parse(&doc, buffer_span(&op->result), &limits, "what was committed", &err) == CAPSULE_OK) {
		yyjson_val *root = yyjson_doc_get_root(doc);

		tell(services, yyjson_obj_get(root, "conflicts"), "changed in the workspace meanwhile");
		tell(services, yyjson_obj_get(root, "failed"), "could not be committed");
		return;
	}
	(void)buffer_printf(&line, "the overlay could not be committed: %s", err.text);
	warn(services, &line);
}

static void commit_done(struct op *op, void *user)
{
	struct commit *commit = user;

	(void)op;
	report(commit->services, &commit->request);
	if (commit->call != NULL)
		op_finish(commit->call);
	commit_free(commit);
}

/* The call was cancelled or freed. Half of a commit would be worse than all of it. */
static void call_stopped(struct op *op)
{
	struct commit *commit = op->producer;

	commit->call = NULL;
}

static void wait_for(struct commit *commit, struct op *op, op_done_fn done, void *user)
{
	struct buffer result = op->result;

	op->result = (struct buffer){ .limit = result.limit };
	op_start(op, done, user, call_stopped, 0, "commit");
	op->result = result;
	op->producer = commit;
	op->stage = "committing";
	commit->call = op;
}

bool services_commit(struct services *services, struct op *op, op_done_fn done, void *user)
{
	static const char no_memory[] = "there is no memory to commit the overlay now; it is kept";
	struct capsule_error err;
	struct commit *commit;

	if (services->overlay != CAPSULE_OVERLAY_AUTO || services->workspace == NULL || !vfs_dirty(services->workspace))
		return false;
	commit = malloc(sizeof *commit);
	if (commit == NULL) {
		log_write(&services->runtime->log, CAPSULE_LOG_WARN, services->id, span_text(no_memory));
		return false;
	}
	commit->services = services;
	commit->call = NULL;
	vfs_request_init(&commit->request, services->runtime->loop);
	list_append(&services->commits, &commit->link);
	commit->request.verb = VFS_COMMIT;
	commit->request.data = span_of(NULL, 0);
	commit->request.limit = 0;
	if (vfs_path_set(services->workspace, span_of(NULL, 0), &commit->request.path, &err) == CAPSULE_OK &&
		vfs_submit(services->workspace, &commit->request, commit_done, commit) == VFS_WAITING) {
		wait_for(commit, op, done, user);
		return true;
	}
	report(services, &commit->request);
	commit_free(commit);
	return false;
}

void services_end_commits(struct services *services)
{
	while (!list_empty(&services->commits)) {
		struct commit *commit = LIST_ENTRY(services->commits.next, struct commit, link);

		if (commit->call != NULL)
			op_finish(commit->call);
		commit_free(commit);
	}
}
