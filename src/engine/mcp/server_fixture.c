/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "engine/mcp/server_fixture.h"

#include "base/text.h"
#include "gate/gate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/wait.h>

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	(void)closedir(dir);
	return count;
}

static enum capsule_status lend_kv(void *user, struct kv_scope **scope, struct capsule_error *err)
{
	struct world *world = user;

	(void)err;
	*scope = world->scope;
	return CAPSULE_OK;
}

static enum capsule_status lend_sandbox(void *user, struct sandbox_plan *plan, struct capsule_error *err)
{
	struct world *world = user;
	enum capsule_status status = sandbox_plan_show(plan, world->place->capsule, false, "capsule", err);

	if (status == CAPSULE_OK)
		status = sandbox_plan_show(plan, world->state_dir, true, "state", err);
	plan->cwd = text_copy(span_text(world->state_dir));
	return status;
}

static void take_record(void *user, enum capsule_log_level level, const char *capsule, const char *message, size_t len)
{
	struct world *world = user;

	assert_string_equal(capsule, "demo");
	assert_true(buffer_printf(&world->logged, "%d ", (int)level) && buffer_append(&world->logged, message, len) &&
		buffer_append_text(&world->logged, "\n"));
}

static void path_in(char *path, size_t size, const char *variable, const char *name)
{
	const char *folder = getenv(variable);

	if (folder == NULL)
		fail_msg("%s is not set: run this test by \"meson test\"", variable);
	assert_true(snprintf(path, size, "%s/%s", folder, name) < (int)size);
}

int world_set_up(void **state)
{
	struct world *world = calloc(1, sizeof *world);
	void *place = NULL;

	assert_non_null(world);
	clock_manual_init(&world->clock, 0);
	assert_int_equal(loop_new(&world->loop, &world->clock.clock, NULL), CAPSULE_OK);
	loop_free(world->loop); /* libuv keeps two descriptors once it has had a loop */
	world->fds_before = count_fds();
	(void)place_set_up(&place);
	world->place = place;
	path_in(world->launcher, sizeof world->launcher, "CAPSULE_LIBEXEC_DIR", "capsule-launch");
	path_in(world->child, sizeof world->child, "CAPSULE_BUILD_DIR", "src/mcp/mcp_child");
	place_folder(world->place, "state");
	(void)snprintf(world->state_dir, sizeof world->state_dir, "%s/state", world->place->root);
	assert_int_equal(loop_new(&world->loop, &world->clock.clock, NULL), CAPSULE_OK);
	assert_int_equal(kv_open_memory(&world->store, world->loop, NULL), CAPSULE_OK);
	assert_int_equal(kv_scope_new(&world->scope, world->store, "default", "demo", NULL), CAPSULE_OK);
	world->log = (struct log_sink){ .write = take_record, .user = world, .level = CAPSULE_LOG_INFO };
	world->services = (struct mcp_services){
		.user = world, .launcher = world->launcher, .sandbox = lend_sandbox, .unsandboxed = "it is a test"
	};
	*state = world;
	return 0;
}

int world_tear_down(void **state)
{
	struct world *world = *state;
	void *place = world->place;

	mcp_server_free(world->server);
	gate_free(world->gate);
	manifest_drop(&world->manifest);
	kv_scope_free(world->scope);
	kv_close(world->store);
	loop_free(world->loop);
	buffer_fini(&world->logged);
	(void)place_tear_down(&place);
	assert_int_equal(count_fds(), world->fds_before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	free(world);
	return 0;
}

static void take_event(void *user, const struct mcp_event *event)
{
	struct world *world = user;
	size_t len = event->json.len < sizeof world->result ? event->json.len : sizeof world->result - 1;

	world->ready += event->kind == MCP_EVENT_READY;
	world->ended += event->kind == MCP_EVENT_ENDED;
	if (event->kind != MCP_EVENT_RESULT && event->kind != MCP_EVENT_LISTED)
		return;
	memcpy(world->result, event->json.data, len);
	world->result[len] = '\0';
}

static void take_change(void *user)
{
	struct world *world = user;

	assert_true(loop_in_turn(world->loop));
	world->changes++;
}

static void parse(struct world *world, const char *text)
{
	const struct gate_roots roots = { .workspace = NULL };
	struct diagnostics diagnostics = { 0 };
	struct capsule_error error;

	if (manifest_parse(&world->manifest, span_text(text), "Capsule.toml", &diagnostics, &error) != CAPSULE_OK)
		fail_msg("%s", error.text);
	diagnostics_fini(&diagnostics);
	assert_int_equal(gate_new_manifest(&world->gate, world->manifest, &roots, GATE_FOR_CAPSULE, NULL), CAPSULE_OK);
}

void world_server(struct world *world, const char *capabilities, const char *server, const char *more)
{
	struct mcp_server_options options;
	char text[8192];

	mcp_server_free(world->server);
	gate_free(world->gate);
	manifest_drop(&world->manifest);
	world->server = NULL;
	world->gate = NULL;
	world->manifest = NULL;
	(void)snprintf(text, sizeof text,
		"[package]\nname = \"demo\"\nversion = \"1.0.0\"\n[capabilities]\n%s\n%s\n[[mcp_server]]\nid = \"files\"\n"
		"type = \"stdio\"\n%s\n",
		capabilities, more, server);
	parse(world, text);
	world->env = (struct engine_env){ .loop = world->loop,
		.capsule_id = "demo",
		.manifest = world->manifest,
		.gate = world->gate,
		.dir = world->place->capsule,
		.socket_path = "/nowhere/socket",
		.services = { .user = world, .kv = lend_kv },
		.log = &world->log };
	options = (struct mcp_server_options){ .env = &world->env,
		.declared = &world->manifest->mcp_servers.items[0],
		.services = &world->services,
		.limits = &world->limits,
		.event = take_event,
		.changed = take_change,
		.user = world };
	assert_int_equal(mcp_server_new(&world->server, &options, NULL), CAPSULE_OK);
}

/* A new file each time: the old one may be running. */
static void install_child(const struct world *world)
{
	const char *path = place_path(world->place, "capsule/server");
	int from = open(world->child, O_RDONLY | O_CLOEXEC), to;
	ssize_t len;

	(void)unlink(path);
	to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	assert_true(from >= 0 && to >= 0);
	while ((len = sendfile(to, from, NULL, 1 << 20)) > 0)
		continue;
	assert_int_equal(len, 0);
	(void)close(from);
	(void)close(to);
}

void world_child(struct world *world, const char *verb, const char *more)
{
	char server[1024];

	install_child(world);
	(void)snprintf(server, sizeof server, "command = \"./server\"\nargs = [\"%s\"]\n%s", verb, more);
	world_server(world, "host_process = [\"./server\"]", server, "");
}

static void finished(struct op *op, void *user)
{
	struct world_op *own = user;

	own->done = true;
	(void)error_copy(&own->error, &op->error);
}

static void begin(struct world *world, struct world_op *op)
{
	*op = (struct world_op){ .done = false };
	op_init(&op->op, world->loop);
	op_start(&op->op, finished, op, NULL, 0, "test");
}

void world_start(struct world *world, struct world_op *op)
{
	begin(world, op);
	mcp_server_start(world->server, &op->op);
}

void world_stop(struct world *world, struct world_op *op)
{
	begin(world, op);
	mcp_server_stop(world->server, &op->op);
}

void world_wait(struct world *world, struct world_op *op)
{
	int64_t end = clock_monotonic_ns(&clock_system) + WORLD_PATIENCE_MS * NS_PER_MS;

	while (!op->done && clock_monotonic_ns(&clock_system) < end)
		(void)loop_turn(world->loop, WORLD_PATIENCE_MS);
	assert_true(op->done);
	op_fini(&op->op);
}

void world_start_ready(struct world *world)
{
	struct world_op op;

	world_start(world, &op);
	world_wait(world, &op);
	if (op.error.status != CAPSULE_OK)
		fail_msg("%s", op.error.text);
	assert_int_equal(mcp_server_state(world->server, NULL), MCP_SERVER_READY);
}

void world_start_fails(struct world *world, const char *part)
{
	struct world_op op;

	world_start(world, &op);
	world_wait(world, &op);
	assert_int_not_equal(op.error.status, CAPSULE_OK);
	if (strstr(op.error.text, part) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", op.error.text, part);
	assert_int_equal(mcp_server_state(world->server, NULL), MCP_SERVER_FAILED);
	assert_int_equal(mcp_server_pid(world->server), 0);
	assert_null(mcp_server_client(world->server));
}

void world_stop_and_wait(struct world *world)
{
	struct world_op op;

	world_stop(world, &op);
	world_wait(world, &op);
	assert_int_equal(op.error.status, CAPSULE_OK);
	assert_int_equal(mcp_server_state(world->server, NULL), MCP_SERVER_STOPPED);
}

void world_until(struct world *world, enum mcp_server_state wanted)
{
	int64_t end = clock_monotonic_ns(&clock_system) + WORLD_PATIENCE_MS * NS_PER_MS;

	while (mcp_server_state(world->server, NULL) != wanted && clock_monotonic_ns(&clock_system) < end)
		(void)loop_turn(world->loop, 10);
	assert_string_equal(
		mcp_server_state_name(mcp_server_state(world->server, NULL)), mcp_server_state_name(wanted));
}

void world_advance(struct world *world, int64_t ms)
{
	clock_manual_advance(&world->clock, ms * NS_PER_MS);
	(void)loop_turn(world->loop, 0);
}

void world_begin_call(struct world *world)
{
	const struct mcp_request_options options = { 0 };
	struct capsule_error error;
	int64_t id;

	world->result[0] = '\0';
	if (mcp_client_call_tool(mcp_server_client(world->server), span_text("echo"), span_text("{}"), &options,
		    loop_now(world->loop), &id, &error) != CAPSULE_OK)
		fail_msg("%s", error.text);
	mcp_server_kick(world->server);
}

void world_call(struct world *world)
{
	int64_t end = clock_monotonic_ns(&clock_system) + WORLD_PATIENCE_MS * NS_PER_MS;

	world_begin_call(world);
	while (world->result[0] == '\0' && clock_monotonic_ns(&clock_system) < end)
		(void)loop_turn(world->loop, WORLD_PATIENCE_MS);
	assert_string_not_equal(world->result, "");
}

void world_assert_why(struct world *world, const char *part)
{
	struct capsule_error why = { .text = "" };

	(void)mcp_server_state(world->server, &why);
	if (strstr(why.text, part) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", why.text, part);
}

size_t world_logged(struct world *world, const char *part)
{
	const char *at = world->logged.len == 0 ? "" : buffer_text(&world->logged);
	size_t count = 0;

	while ((at = strstr(at, part)) != NULL) {
		count++;
		at += strlen(part);
	}
	return count;
}
