/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A shell in the sandbox of an MCP server, for people and for scripts. */
#ifndef CLI_SHELL_H
#define CLI_SHELL_H

#include "cli/session.h"

/** Run a shell in the sandbox of `server` of `capsule`, to its end. Where standard input is a terminal it is interactive and
 *  has a terminal of its own, through which everything typed goes, Ctrl-C and Ctrl-Z included; elsewhere it reads
 *  commands from standard input. Returns its exit status, or another after having said why. */
int cli_shell(struct session *session, struct capsule *capsule, const char *server);

#endif
