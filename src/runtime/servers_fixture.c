/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "runtime/servers_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char server[] =
	"import json, os, sys\n"
	"names = ['echo', 'fail', 'die', 'more']\n"
	"def send(**message):\n"
	"    sys.stdout.write(json.dumps({'jsonrpc': '2.0', **message}) + '\\n')\n"
	"    sys.stdout.flush()\n"
	"def call(name, given):\n"
	"    if name == 'die':\n"
	"        os._exit(3)\n"
	"    if name == 'more' and 'late' not in names:\n"
	"        names.append('late')\n"
	"        send(method='notifications/tools/list_changed')\n"
	"    text = 'it broke' if name == 'fail' else given.get('text', name)\n"
	"    return {'content': [{'type': 'text', 'text': text}], 'isError': name == 'fail'}\n"
	"for line in sys.stdin:\n"
	"    asked = json.loads(line)\n"
	"    params = asked.get('params', {})\n"
	"    if 'id' not in asked:\n"
	"        continue\n"
	"    if asked['method'] == 'initialize':\n"
	"        result = {'protocolVersion': params['protocolVersion'], 'serverInfo': {'name': 's', 'version': '1'},\n"
	"            'capabilities': {'tools': {'listChanged': True}, 'resources': {}}}\n"
	"    elif asked['method'] == 'tools/list':\n"
	"        result = {'tools': [{'name': n, 'inputSchema': {'type': 'object'}} for n in names]}\n"
	"    elif asked['method'] == 'tools/call':\n"
	"        result = call(params['name'], params.get('arguments') or {})\n"
	"    elif asked['method'] == 'resources/read':\n"
	"        result = {'contents': [{'uri': params['uri'], 'text': 'read'}]}\n"
	"    elif asked['method'] == 'resources/list':\n"
	"        result = {'resources': [{'uri': 'a:b', 'name': 'A'}]}\n"
	"    else:\n"
	"        result = {}\n"
	"    send(id=asked['id'], result=result)\n";

void servers_write(struct fixture *fixture, const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof path, "%s/server.py", name);
	fixture_write(fixture, path, server);
}

const char *servers_capsule(struct fixture *fixture, const char *name, const char *more)
{
	char path[128], text[4096];

	assert_int_equal(mkdir(fixture_path(fixture, name), 0755), 0);
	(void)snprintf(path, sizeof path, "%s/Capsule.toml", name);
	(void)snprintf(text, sizeof text, "[package]\nname = \"%s\"\nversion = \"1.0.0\"\n%s", name, more);
	fixture_write(fixture, path, text);
	servers_write(fixture, name);
	return fixture_path(fixture, name);
}

void servers_audited(void *user, const struct capsule_audit_record *record)
{
	struct audited *audited = user;
	size_t len = strlen(audited->operations);

	audited->count++;
	(void)snprintf(audited->operations + len, sizeof audited->operations - len, "%s%s %s", len > 0 ? ", " : "",
		record->operation, record->reason);
	(void)snprintf(audited->operand, sizeof audited->operand, "%s", record->operand);
	(void)snprintf(audited->detail, sizeof audited->detail, "%s", record->detail != NULL ? record->detail : "");
}

void servers_turn_until(struct fixture *fixture, bool (*done)(void *user), void *user)
{
	(void)alarm(60);
	while (!done(user))
		(void)capsule_runtime_turn(fixture->runtime, -1);
	(void)alarm(0);
}
