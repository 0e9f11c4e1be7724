/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The file functions. The text of a path is made canonical, the gate judges it, the tree of files opens it without following
 * a link. Where a link stands on the way nothing was done yet: it is followed, the gate judges where it leads, and so on, until
 * what was judged is what was opened. So no swap of a link between the two gains anything. */
#include "host/host_rows.h"

#include "base/json.h"

#include <inttypes.h>
#include <stdlib.h>

/* Each round follows every link there is at that moment, so a second one is needed only when they change meanwhile. */
#define ROUNDS 8

#define WORKSPACE_SCHEME "workspace://"
#define GLOBAL_SCHEME "global://"

struct host_fs {
	struct vfs_request request;
	struct vfs *vfs; /* borrowed: the tree of the path */
	int rounds;
	struct capsule_error failure; /* after a wait: what failed besides the request itself */
};

static const struct {
	const char *what; /* in refusals */
	bool writes;
} verbs[] = {
	[VFS_EXISTS] = { "exists check", false },
	[VFS_STAT] = { "stat", false },
	[VFS_LIST] = { "readdir", false },
	[VFS_READ] = { "read_file", false },
	[VFS_WRITE] = { "write_file", true },
	[VFS_MKDIR] = { "mkdir", true },
	[VFS_UNLINK] = { "unlink", true },
};

void host_fs_free(struct host_call *call)
{
	struct host_fs *fs = call->fs;

	if (fs == NULL)
		return;
	if (call->op == &fs->request.op)
		call->op = NULL;
	vfs_request_fini(&fs->request);
	free(fs);
	call->fs = NULL;
}

static enum capsule_status prepare(
	struct host_call *call, enum vfs_verb verb, struct span data, struct capsule_error *err)
{
	struct host_fs *fs = call->fs;

	if (fs == NULL) {
		fs = malloc(sizeof *fs);
		if (fs == NULL)
			return error_set(err, CAPSULE_ENOMEM, "no memory for a path");
		vfs_request_init(&fs->request, call->host->loop);
		call->fs = fs;
	}
	fs->request.verb = verb;
	fs->request.data = data;
	fs->request.limit = 0;
	fs->rounds = 0;
	error_clear(&fs->failure);
	return CAPSULE_OK;
}

/* Paths. */

static bool take_scheme(struct span *text, const char *scheme)
{
	struct span prefix = span_text(scheme);

	if (!span_starts(*text, prefix))
		return false;
	*text = span_of(text->data + prefix.len, text->len - prefix.len);
	return true;
}

/* The tree that the argument names, and the path below it. */
static enum capsule_status set_path(struct host_call *call, struct capsule_error *err)
{
	const struct host_services *services = &call->host->services;
	enum host_tree tree = HOST_WORKSPACE;
	struct vfs_request *request = &call->fs->request;
	struct span text = call->args[0];
	enum capsule_status status;

	if (take_scheme(&text, GLOBAL_SCHEME))
		tree = HOST_GLOBAL;
	else
		(void)take_scheme(&text, WORKSPACE_SCHEME);
	if (services->files == NULL)
		return error_set(err, CAPSULE_EUNSUPPORTED, "there are no files for '%s'", call->host->capsule_id);
	status = services->files(services->user, tree, &call->fs->vfs, err);
	if (status == CAPSULE_OK)
		status = vfs_path_set(call->fs->vfs, text, &request->path, err);
	request->path.itself = vfs_verb_itself(request->verb);
	return status;
}

static struct gate_question question_of(const struct host_fs *fs, const char *path, size_t len)
{
	return (struct gate_question){ .operation = verbs[fs->request.verb].writes ? GATE_WRITE : GATE_READ,
		.operand = span_of(path, len) };
}

/* Ask the gate about the path as it is. From a name that is denied a link may lead to where the capsule may go, so the links are
 * followed before it is refused; the refusal then tells of the name alone, and nothing of what is there. */
static enum capsule_status admit(struct host_call *call, struct capsule_error *err)
{
	struct host_fs *fs = call->fs;
	struct vfs_path *path = &fs->request.path;
	struct gate_question question = question_of(fs, path->text, path->len);
	struct gate_decision decision;
	struct capsule_error unsaid;
	char denied[sizeof path->text];
	size_t len = path->len;

	if (host_call_allows(call, &question, &decision))
		return CAPSULE_OK;
	memcpy(denied, path->text, len);
	if (vfs_path_resolve(fs->vfs, path, &unsaid) == CAPSULE_OK) {
		question.operand = span_of(path->text, path->len);
		if (host_call_allows(call, &question, &decision))
			return CAPSULE_OK;
	}
	question.operand = span_of(denied, len);
	return host_call_permit(call, verbs[fs->request.verb].what, &question, err);
}

/* Answers. */

static enum capsule_status list_names(struct host_call *call, struct span names, struct capsule_error *err)
{
	struct buffer *out = &call->out;
	const char *at = (const char *)names.data, *end = at + names.len;

	buffer_clear(out);
	(void)buffer_append_byte(out, '[');
	while (at < end) {
		struct span name = span_text(at);

		if (out->len > 1)
			(void)buffer_append_byte(out, ',');
		(void)json_append_string(out, name);
		at += name.len + 1;
	}
	(void)buffer_append_byte(out, ']');
	call->result = buffer_span(out);
	return buffer_check(out, err);
}

static enum capsule_status tell_stat(struct host_call *call, const struct vfs_stat *stat, struct capsule_error *err)
{
	buffer_clear(&call->out);
	(void)buffer_printf(&call->out, "{\"isDir\":%s,\"mtime\":%" PRIu64 ",\"size\":%" PRIu64 "}",
		stat->is_dir ? "true" : "false", stat->mtime, stat->size);
	call->result = buffer_span(&call->out);
	return buffer_check(&call->out, err);
}

static enum capsule_status answer(struct host_call *call, struct capsule_error *err)
{
	const struct vfs_request *request = &call->fs->request;
	enum capsule_status status = CAPSULE_OK;

	if (request->verb == VFS_EXISTS)
		call->result = span_text(request->exists ? "true" : "");
	else if (request->verb == VFS_READ)
		call->result = buffer_span(&request->op.result);
	else if (request->verb == VFS_LIST)
		status = list_names(call, buffer_span(&request->op.result), err);
	else if (request->verb == VFS_STAT)
		status = tell_stat(call, &request->stat, err);
	return status == CAPSULE_OK ? status : error_in(err, "%s result", call->row->name);
}

/* What can't be looked at is not there, as guests know it; that the host is short of something is no answer. */
static void forgive(struct vfs_request *request)
{
	enum capsule_status status = request->op.error.status;

	if (request->verb != VFS_EXISTS || status == CAPSULE_OK || status == CAPSULE_ENOMEM || status == CAPSULE_ELIMIT)
		return;
	request->exists = false;
	error_clear(&request->op.error);
}

/* Work. */

static void work_done(struct op *op, void *user);

static enum host_answer go_on(struct host_call *call, struct capsule_error *err)
{
	struct host_fs *fs = call->fs;
	struct vfs_request *request = &fs->request;

	while (fs->rounds++ < ROUNDS) {
		if (admit(call, err) != CAPSULE_OK)
			return HOST_FAILED;
		request->linked = request->exists = false;
		if (vfs_submit(fs->vfs, request, work_done, call) == VFS_WAITING)
			return HOST_WAITING;
		if (!request->linked) {
			forgive(request);
			if (request->op.error.status == CAPSULE_OK)
				return answer(call, err) == CAPSULE_OK ? HOST_READY : HOST_FAILED;
			(void)error_copy(err, &request->op.error);
			return host_call_failed(call, err);
		}
		if (vfs_path_resolve(fs->vfs, &request->path, err) != CAPSULE_OK)
			return host_call_failed(call, err);
	}
	(void)error_set(err, CAPSULE_EIO,
		"`%.*s` changed while it was used: a link on its way leads elsewhere each time",
		SPAN_ARG(call->args[0]));
	return host_call_failed(call, err);
}

/* Back from the pool. The guest goes on when there is an answer, or a reason why there is none. */
static void work_done(struct op *op, void *user)
{
	struct host_call *call = user;
	struct host_fs *fs = call->fs;

	if (fs->request.linked) {
		error_clear(&op->error);
		if (vfs_path_resolve(fs->vfs, &fs->request.path, &fs->failure) != CAPSULE_OK)
			(void)host_call_failed(call, &fs->failure);
		else if (go_on(call, &fs->failure) == HOST_WAITING)
			return;
		error_clear(&op->error);
	} else {
		forgive(&fs->request);
	}
	host_call_resume(op, call);
}

enum capsule_status host_fs_finish(struct host_call *call, struct capsule_error *err)
{
	const struct capsule_error *failure = &call->fs->failure;

	return failure->status == CAPSULE_OK ? answer(call, err) : error_copy(err, failure);
}

static enum host_answer begin(struct host_call *call, enum vfs_verb verb, struct span data, struct capsule_error *err)
{
	enum host_answer answered;

	if (prepare(call, verb, data, err) != CAPSULE_OK || set_path(call, err) != CAPSULE_OK)
		return host_call_failed(call, err);
	answered = go_on(call, err);
	if (answered == HOST_WAITING)
		call->op = &call->fs->request.op;
	return answered;
}

enum host_answer host_fs_exists(struct host_call *call, struct capsule_error *err)
{
	return begin(call, VFS_EXISTS, span_of(NULL, 0), err);
}

enum host_answer host_fs_mkdir(struct host_call *call, struct capsule_error *err)
{
	return begin(call, VFS_MKDIR, span_of(NULL, 0), err);
}

enum host_answer host_fs_readdir(struct host_call *call, struct capsule_error *err)
{
	return begin(call, VFS_LIST, span_of(NULL, 0), err);
}

enum host_answer host_fs_stat(struct host_call *call, struct capsule_error *err)
{
	return begin(call, VFS_STAT, span_of(NULL, 0), err);
}

enum host_answer host_fs_unlink(struct host_call *call, struct capsule_error *err)
{
	return begin(call, VFS_UNLINK, span_of(NULL, 0), err);
}

enum host_answer host_fs_read_file(struct host_call *call, struct capsule_error *err)
{
	return begin(call, VFS_READ, span_of(NULL, 0), err);
}

enum host_answer host_fs_write_file(struct host_call *call, struct capsule_error *err)
{
	return begin(call, VFS_WRITE, call->args[1], err);
}
