/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A reader for the TOML that manifests are written in, many times as fast as the library's. It knows a part of the language and
 * no errors: whatever is wrong, rare or just odd it leaves to deps_toml_parse(), so that it has to be right only where it
 * succeeds. There both give the same tree, which a test and a fuzz target hold it to. */
#ifndef MANIFEST_TOML_QUICK_H
#define MANIFEST_TOML_QUICK_H

#include "base/span.h"

#include <capsule_deps.h>

/* Nodes as deps_toml_nodes() gives them, but in the order of the file; only their links are of one form. */
struct toml_quick {
	struct deps_toml_node *nodes;
	size_t count;
	char *texts; /* what the nodes point to */
};

/** Read `text` (borrowed, UTF-8). False when it must be read by deps_toml_parse(), or memory ran out; then nothing is to be
 *  freed. Threads: any. */
bool toml_quick_read(struct toml_quick *out, struct span text);

void toml_quick_fini(struct toml_quick *quick);

#endif
