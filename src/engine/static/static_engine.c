/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The engine: reads on the pool what a plan names and keeps it until it is unloaded. The job owns all that it touches, so that it can
 * end by itself when nobody waits for it any more. */
#include "engine/static/static.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "loop/pool.h"

struct static_engine;

struct read_job {
	struct pool_job job;
	struct static_engine *owner; /* NULL when nobody waits for it */
	struct content content;
	char *dir;
	char *approved; /* NULL: whatever the files hold */
	struct capsule_error err;
};

struct static_engine {
	struct engine engine;
	struct engine_env env;
	struct read_job *job; /* under way */
	struct op *op;        /* the load that waits for it */
	struct content content;
	enum engine_health health;
	struct capsule_error *why; /* of a failure; NULL: none, or no memory for it */
};

static struct static_engine *static_of(const struct engine *engine)
{
	return (struct static_engine *)(uintptr_t)engine;
}

static void job_free(struct read_job *job)
{
	content_fini(&job->content);
	free(job->dir);
	free(job->approved);
	free(job);
}

DEFINE_DROP(job_drop, struct read_job *, job_free)

/* Threads: pool. */
static void work(struct pool_job *pool_job)
{
	struct read_job *job = (struct read_job *)pool_job;
	struct diagnostics diagnostics = { 0 };

	if (content_read(&job->content, job->dir, &diagnostics, &job->err) == CAPSULE_OK &&
		(job->approved == NULL || content_check(&job->content, job->approved, &job->err) == CAPSULE_OK))
		error_clear(&job->err);
	diagnostics_fini(&diagnostics);
}

static void finish_load(
	struct static_engine *self, struct op *op, struct content *content, const struct capsule_error *err)
{
	self->op = NULL;
	op->stop = NULL;
	if (err->status != CAPSULE_OK) {
		self->health = ENGINE_FAILED;
		if (self->why == NULL)
			self->why = malloc(sizeof *self->why);
		if (self->why != NULL)
			*self->why = *err;
		op_fail(op, err);
		return;
	}
	self->content = *content;
	*content = (struct content){ 0 };
	self->health = ENGINE_READY;
	op_finish(op);
}

static void after(struct pool_job *pool_job)
{
	struct read_job *job = (struct read_job *)pool_job;

	if (job->owner != NULL) {
		job->owner->job = NULL;
		finish_load(job->owner, job->owner->op, &job->content, &job->err);
	}
	job_free(job);
}

static void let_go(struct static_engine *self)
{
	if (self->job != NULL)
		self->job->owner = NULL;
	self->job = NULL;
	self->op = NULL;
}

/* op_stop_fn of a load */
static void stop_load(struct op *op)
{
	let_go(static_of(op->producer));
}

static enum capsule_status start_reading(struct static_engine *self, struct content *plan, struct capsule_error *err)
{
	HOLD(job_drop) struct read_job *job = calloc(1, sizeof *job);
	enum capsule_status status;

	if (job == NULL || (job->dir = text_copy(span_text(self->env.dir))) == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory to read what the capsule serves");
	job->approved = self->env.approved == NULL ? NULL : text_copy(span_text(self->env.approved));
	if (job->approved == NULL && self->env.approved != NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory to read what the capsule serves");
	job->job.work = work;
	job->job.after = after;
	job->owner = self;
	job->content = *plan;
	*plan = (struct content){ 0 };
	status = pool_submit(self->env.loop, &job->job, err);
	if (status == CAPSULE_OK)
		self->job = GIVE(job);
	return status;
}

static void load(struct engine *engine, struct op *op)
{
	struct static_engine *self = static_of(engine);
	struct content plan = { 0 };
	struct capsule_error err;
	bool names_files = false;

	error_clear(&err);
	self->health = ENGINE_LOADING;
	op->stage = "reading files";
	if (content_plan(&plan, self->env.manifest, &err) != CAPSULE_OK) {
		finish_load(self, op, &plan, &err);
		return;
	}
	for (size_t i = 0; i < plan.count; i++)
		names_files = names_files || plan.items[i].file != NULL;
	if (names_files && start_reading(self, &plan, &err) == CAPSULE_OK) {
		self->op = op;
		op->producer = self;
		op->stop = stop_load;
	} else {
		finish_load(self, op, &plan, &err);
	}
	content_fini(&plan);
}

static void unload(struct engine *engine, struct op *op)
{
	struct static_engine *self = static_of(engine);

	let_go(self);
	content_fini(&self->content);
	self->health = ENGINE_UNLOADED;
	op_finish(op);
}

static enum capsule_status call(
	struct engine *engine, struct engine_call *call, op_done_fn done, void *user, struct capsule_error *err)
{
	(void)call;
	(void)done;
	(void)user;
	return error_set(err, CAPSULE_EUNSUPPORTED, "capsule '%s' has no code that could be called",
		static_of(engine)->env.capsule_id);
}

static enum engine_health health(struct engine *engine, struct capsule_error *why)
{
	const struct static_engine *self = static_of(engine);

	if (self->health == ENGINE_FAILED && self->why != NULL)
		(void)error_copy(why, self->why);
	else if (self->health == ENGINE_FAILED)
		(void)error_set(why, CAPSULE_EMANIFEST, "what it serves can't be read");
	return self->health;
}

static void free_engine(struct engine *engine)
{
	struct static_engine *self = static_of(engine);

	let_go(self);
	content_fini(&self->content);
	free(self->why);
	free(self);
}

static const struct engine_ops static_ops = {
	.name = "static",
	.load = load,
	.unload = unload,
	.call = call,
	.health = health,
	.free = free_engine,
};

enum capsule_status static_engine_new(struct engine **out, const struct engine_env *env, struct capsule_error *err)
{
	struct static_engine *self = calloc(1, sizeof *self);

	if (self == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for an engine");
	self->engine.ops = &static_ops;
	self->env = *env;
	self->health = ENGINE_UNLOADED;
	*out = &self->engine;
	return CAPSULE_OK;
}

const struct content *static_engine_content(const struct engine *engine)
{
	const struct static_engine *self = static_of(engine);

	return self->health == ENGINE_READY ? &self->content : NULL;
}
