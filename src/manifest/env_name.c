/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Compared without regard to case, as some systems and tools read their environment so. */
#include "manifest/env_name.h"

#include <strings.h>

static const char *const names[] = { "HOME", "PATH", "ASTRID_HOME", "NODE_OPTIONS", "NODE_PATH", "PYTHONPATH",
	"PYTHONSTARTUP", "PERL5LIB", "RUBYLIB", "BASH_ENV", "ENV", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS",
	"JDK_JAVA_OPTIONS", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR", "OPENSSL_CONF", "TMPDIR", "TEMP",
	"TMP", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "ASTRID_SOCKET_PATH", "ASTRID_SESSION_TOKEN",
	"PERL5OPT", "PERLLIB", "RUBYOPT", "PYTHONHOME", "GCONV_PATH", "CLASSPATH", "SHELL", "GIT_SSH_COMMAND",
	"GIT_CONFIG_GLOBAL", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE" };

static const char *const beginnings[] = { "LD_", "DYLD_", "NPM_CONFIG_" };

static bool begins(struct span name, const char *text)
{
	size_t len = strlen(text);

	return name.len >= len && strncasecmp((const char *)name.data, text, len) == 0;
}

bool env_name_blocked(struct span name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (name.len == strlen(names[i]) && begins(name, names[i]))
			return true;
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
		if (begins(name, beginnings[i]))
			return true;
	return false;
}
