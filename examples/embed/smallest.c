/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The smallest program that runs a capsule: it loads one, calls a tool, and prints the answer.
 *
 * Usage: smallest DIR TOOL [ARGUMENTS]      (DIR holds a Capsule.toml; ARGUMENTS are JSON) */
#include <capsule/capsule.h>

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	const char *arguments = argc > 3 ? argv[3] : "{}";
	struct capsule_error *error = capsule_error_new();
	struct capsule_runtime *runtime = NULL;
	struct capsule_op *load = NULL, *call = NULL;
	bool good;

	if (argc < 3 || argc > 4) {
		(void)fprintf(stderr, "usage: smallest DIR TOOL [ARGUMENTS]\n");
		return 2;
	}
	/* Each step says in `error` what went wrong, and the first that fails is the last. */
	good = capsule_runtime_new(&runtime, NULL, error) == CAPSULE_OK &&
		capsule_load(runtime, argv[1], NULL, NULL, &load, error) == CAPSULE_OK &&
		capsule_op_wait(load, error) == CAPSULE_OK &&
		capsule_call(capsule_op_capsule(load), argv[2], arguments, strlen(arguments), NULL, NULL, &call,
			error) == CAPSULE_OK &&
		capsule_op_wait(call, error) == CAPSULE_OK;
	if (good)
		(void)printf("%s\n", capsule_op_result(call, NULL));
	else
		(void)fprintf(stderr, "smallest: %s\n", capsule_error_text(error));
	capsule_op_free(call);
	capsule_op_free(load);
	capsule_runtime_free(runtime);
	capsule_error_free(error);
	return good ? 0 : 1;
}
