/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/mcp/engine_fixture.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "gate/gate.h"
#include <ftw.h>
#include <signal.h>

#define PATIENCE_NS (60 * NS_PER_S)

int64_t stage_now(void)
{
	return clock_monotonic_ns(&clock_system);
}

int64_t stage_patience(void)
{
	return stage_now() + PATIENCE_NS;
}

void stage_advance(struct stage *stage, int64_t ms)
{
	clock_manual_advance(&stage->clock, ms * NS_PER_MS);
	(void)loop_turn(stage->loop, 0);
}

int stage_count(struct buffer *kept, const char *text)
{
	const char *at = kept->len > 0 ? buffer_text(kept) : "";
	int count = 0;

	while ((at = strstr(at, text)) != NULL) {
		at += strlen(text);
		count++;
	}
	return count;
}

/* ---- The floors above ---- */

static void keep_log(void *user, enum capsule_log_level level, const char *capsule, const char *text, size_t len)
{
	struct stage *stage = user;

	(void)capsule;
	(void)buffer_printf(&stage->logged, "%d ", (int)level);
	(void)buffer_append(&stage->logged, text, len);
	(void)buffer_append_byte(&stage->logged, '\n');
}

static void keep_note(void *user, const struct mcp_call_note *note)
{
	struct stage *stage = user;

	assert_string_equal(note->server, SERVER_NAME);
	assert_non_null(note->origin);
	(void)snprintf(stage->hash, sizeof stage->hash, "%s", note->hash);
	if (note->result_hash != NULL)
		(void)snprintf(stage->result_hash, sizeof stage->result_hash, "%s", note->result_hash);
	assert_true(note->preview.len <= 4096 && note->preview.len <= note->result_bytes);
	(void)buffer_printf(&stage->records, "%s %.*s %s %llu %zu %s\n", note->stage, SPAN_ARG(note->tool),
		note->consent, (unsigned long long)note->result_bytes, note->preview.len,
		note->error != NULL ? note->error->text : "ok");
}

static void keep_life(void *user, const struct mcp_life_note *note)
{
	static const char *const kinds[] = { "connected", "disconnected", "called", "completed", "changed" };
	struct stage *stage = user;

	assert_string_equal(note->server, SERVER_NAME);
	(void)buffer_printf(&stage->life, "%s", kinds[note->kind]);
	if (note->kind == MCP_LIFE_CONNECTED)
		(void)buffer_printf(&stage->life, " %s", note->revision);
	if (note->tool.len > 0)
		(void)buffer_printf(&stage->life, " %.*s", SPAN_ARG(note->tool));
	if (note->kind == MCP_LIFE_TOOL_COMPLETED)
		(void)buffer_printf(&stage->life, note->success ? " well" : " badly");
	(void)buffer_append_byte(&stage->life, '\n');
}

static void keep_line(void *user, const char *server, bool outgoing, struct span line)
{
	struct stage *stage = user;

	assert_string_equal(server, SERVER_NAME);
	(void)buffer_append_span(outgoing ? &stage->sent : &stage->received, line);
	(void)buffer_append_byte(outgoing ? &stage->sent : &stage->received, '\n');
}

static enum capsule_status give_plan(void *user, struct sandbox_plan *plan, struct capsule_error *err)
{
	struct stage *stage = user;

	(void)err;
	plan->cwd = strdup(stage->home);
	return CAPSULE_OK;
}

static enum capsule_status give_scope(void *user, struct kv_scope **scope, struct capsule_error *err)
{
	struct stage *stage = user;

	if (stage->pins_fail)
		return error_set(err, CAPSULE_ESTORE, "the disk is on fire");
	*scope = stage->scope;
	return CAPSULE_OK;
}

static void withdraw(struct op *op)
{
	struct stage *stage = op->producer;

	stage->withdrawn++;
	stage->question = NULL;
}

static enum capsule_status take_question(
	void *user, const struct mcp_call_note *note, struct op *op, struct capsule_error *err)
{
	struct stage *stage = user;

	if (stage->ask_fails)
		return error_set(err, CAPSULE_ELIMIT, "too many questions");
	assert_null(note->stage);
	assert_int_equal(strlen(note->description), 64);
	stage->questions++;
	stage->question = op;
	op->producer = stage;
	op->stop = withdraw;
	return CAPSULE_OK;
}

void stage_answer(struct stage *stage, enum mcp_answer answer)
{
	struct op *op = stage->question;

	assert_non_null(op);
	stage->question = NULL;
	op->stop = NULL;
	assert_true(buffer_append_byte(&op->result, (uint8_t)answer));
	op_finish(op);
}

static bool give_roots(void *user, struct buffer *out)
{
	(void)user;
	return buffer_append_text(out, "[{\"uri\":\"file:///w\",\"name\":\"w\"}]");
}

/* ---- Set up ---- */

static void path_in(char *path, size_t size, const char *variable, const char *name)
{
	const char *folder = getenv(variable);

	if (folder == NULL)
		fail_msg("%s is not set: run this test by \"meson test\"", variable);
	assert_true((size_t)snprintf(path, size, "%s/%s", folder, name) < size);
}

int stage_set_up(void **state)
{
	struct stage *stage = calloc(1, sizeof *stage);

	assert_non_null(stage);
	path_in(stage->launcher, sizeof stage->launcher, "CAPSULE_LIBEXEC_DIR", "capsule-launch");
	path_in(stage->child, sizeof stage->child, "CAPSULE_BUILD_DIR", "src/engine/mcp/tool_child");
	(void)snprintf(stage->home, sizeof stage->home, "/tmp/capsule-mcp-XXXXXX");
	assert_non_null(mkdtemp(stage->home));
	clock_manual_init(&stage->clock, 0);
	assert_int_equal(loop_new(&stage->loop, &stage->clock.clock, NULL), CAPSULE_OK);
	assert_int_equal(kv_open_memory(&stage->store, stage->loop, NULL), CAPSULE_OK);
	assert_int_equal(kv_scope_new(&stage->scope, stage->store, "default", "demo", NULL), CAPSULE_OK);
	op_init(&stage->load, stage->loop);
	op_init(&stage->unload, stage->loop);
	stage->log = (struct log_sink){ .write = keep_log, .user = stage, .level = CAPSULE_LOG_DEBUG };
	stage->services = (struct mcp_services){ .user = stage,
		.launcher = stage->launcher,
		.sandbox = give_plan,
		.unsandboxed = "a test",
		.pins = give_scope,
		.ask = take_question,
		.record = keep_note,
		.tell = keep_life,
		.roots = give_roots,
		.trace = keep_line };
	*state = stage;
	return 0;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at)
{
	(void)info;
	(void)kind;
	(void)at;
	return remove(path);
}

int stage_tear_down(void **state)
{
	struct stage *stage = *state;

	if (stage->engine != NULL && stage->unloaded == 0)
		stage_unload(stage);
	if (stage->engine != NULL)
		stage->engine->ops->free(stage->engine);
	op_fini(&stage->load);
	op_fini(&stage->unload);
	kv_scope_free(stage->scope);
	kv_close(stage->store);
	loop_free(stage->loop);
	manifest_free(stage->manifest);
	buffer_fini(&stage->logged);
	buffer_fini(&stage->records);
	buffer_fini(&stage->life);
	buffer_fini(&stage->sent);
	buffer_fini(&stage->received);
	assert_int_equal(nftw(stage->home, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(stage);
	return 0;
}

static void note_change(struct engine *engine, void *user)
{
	(void)engine;
	((struct stage *)user)->changes++;
}

static void note_tools(struct engine *engine, void *user)
{
	(void)engine;
	((struct stage *)user)->retools++;
}

static void append_manifest(struct stage *stage, const char *more, const char *const *args, struct buffer *out)
{
	(void)buffer_printf(out,
		"[package]\nname = \"demo\"\nversion = \"1.0.0\"\n[capabilities]\nhost_process = [\"%s\"]\n"
		"[[mcp_server]]\nid = \"s\"\ntype = \"stdio\"\ncommand = \"%s\"\n%s\nargs = [",
		stage->child, stage->child, more);
	for (; *args != NULL; args++)
		(void)buffer_printf(out, "'%s',", *args);
	(void)buffer_append_text(out, "]\n");
}

void stage_make(struct stage *stage, const char *more, const char *const *args)
{
	HOLD(buffer_fini) struct buffer text = { 0 };
	struct diagnostics diagnostics = { 0 };
	struct capsule_error err;

	append_manifest(stage, more, args, &text);
	if (manifest_parse(&stage->manifest, buffer_span(&text), "Capsule.toml", &diagnostics, &err) != CAPSULE_OK)
		fail_msg("%s\n%s", err.text, buffer_text(&text));
	diagnostics_fini(&diagnostics);
	stage->env = (struct engine_env){ .loop = stage->loop,
		.capsule_id = "demo",
		.manifest = stage->manifest,
		.gate = gate_allow_all(),
		.dir = stage->home,
		.log = &stage->log,
		.limits = stage->env.limits };
	assert_int_equal(mcp_engine_new(&stage->engine, &stage->env, &stage->manifest->mcp_servers.items[0],
				 &stage->services, &stage->limits, NULL),
		CAPSULE_OK);
	stage->engine->changed = note_change;
	stage->engine->retooled = note_tools;
	stage->engine->user = stage;
}

static void loaded(struct op *op, void *user)
{
	struct stage *stage = user;

	stage->loaded++;
	stage->load_error = op->error;
}

void stage_unloaded(struct op *op, void *user)
{
	(void)op;
	((struct stage *)user)->unloaded++;
}

void stage_load(struct stage *stage)
{
	stage->loaded = 0;
	stage->unloaded = 0;
	op_start(&stage->load, loaded, stage, NULL, 0, "load");
	stage->engine->ops->load(stage->engine, &stage->load);
	STAGE_UNTIL(stage, stage->loaded == 1);
}

void stage_unload(struct stage *stage)
{
	stage->unloaded = 0;
	op_start(&stage->unload, stage_unloaded, stage, NULL, 0, "unload");
	stage->engine->ops->unload(stage->engine, &stage->unload);
	STAGE_UNTIL(stage, stage->unloaded == 1);
}

void stage_open(struct stage *stage, const char *more, const char *const *names)
{
	HOLD(buffer_fini) struct buffer page = { 0 };
	const char *args[2] = { NULL, NULL };

	for (size_t i = 0; names[i] != NULL; i++)
		(void)buffer_printf(&page, "%s" TOOL("%s"), i == 0 ? "" : ",", names[i]);
	args[0] = buffer_text(&page);
	stage_make(stage, more, args);
	stage_load(stage);
	assert_string_equal(stage->load_error.text, "");
}

void stage_kill_server(struct stage *stage)
{
	HOLD(buffer_fini) struct buffer json = { 0 };
	const char *pid;

	assert_true(mcp_engine_append_json(stage->engine, &json));
	pid = strstr(buffer_text(&json), "\"pid\":");
	assert_non_null(pid);
	assert_int_equal(kill((pid_t)strtol(pid + strlen("\"pid\":"), NULL, 10), SIGKILL), 0);
	STAGE_UNTIL(stage, stage_count(&stage->life, "disconnected\n") == 1);
}

/* ---- Calls ---- */

static void ended(struct op *op, void *user)
{
	struct shot *shot = user;

	shot->done++;
	shot->status = op->error.status;
	(void)snprintf(shot->text, sizeof shot->text, "%s", op->error.text);
	free(shot->result);
	shot->result = text_copy(buffer_span(&op->result));
}

static enum capsule_status begin(
	struct stage *stage, struct shot *shot, enum engine_call_kind kind, const char *name, const char *input)
{
	struct capsule_error err = { .status = CAPSULE_OK };
	uint64_t wall_ms = shot->call.wall_ms;
	bool unqueued = shot->call.unqueued;

	if (shot->call.op.loop != NULL)
		shot_fini(shot);
	*shot = (struct shot){ .call = { .kind = kind,
				       .name = name,
				       .input = span_text(input),
				       .wall_ms = wall_ms,
				       .unqueued = unqueued } };
	origin_init(&shot->call.origin);
	op_init(&shot->call.op, stage->loop);
	shot->status = stage->engine->ops->call(stage->engine, &shot->call, ended, shot, &err);
	(void)snprintf(shot->text, sizeof shot->text, "%s", err.text);
	return shot->status;
}

enum capsule_status stage_call(struct stage *stage, struct shot *shot, const char *tool, const char *arguments)
{
	return begin(stage, shot, ENGINE_TOOL, tool, arguments);
}

enum capsule_status stage_hook(struct stage *stage, struct shot *shot, const char *action, const char *payload)
{
	return begin(stage, shot, ENGINE_INTERCEPTOR, action, payload);
}

void stage_run(struct stage *stage, struct shot *shot, const char *tool, const char *arguments)
{
	if (stage_call(stage, shot, tool, arguments) != CAPSULE_OK)
		fail_msg("%s", shot->text);
	STAGE_UNTIL(stage, shot->done == 1);
}

void stage_run_hook(struct stage *stage, struct shot *shot, const char *action, const char *payload)
{
	if (stage_hook(stage, shot, action, payload) != CAPSULE_OK)
		fail_msg("%s", shot->text);
	STAGE_UNTIL(stage, shot->done == 1);
}

void shot_fini(struct shot *shot)
{
	op_fini(&shot->call.op);
	free(shot->result);
	shot->result = NULL;
}
