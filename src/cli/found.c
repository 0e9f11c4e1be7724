/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What list, order and run have in common: what is left out, and where there is nothing. */
#include "cli/found.h"
#include "cli/output.h"
#include "cli/text.h"
#include <string.h>

int cli_found_tell_left_out(const struct capsule_discovery *discovery)
{
	int status = cli_say_lines(capsule_discovery_warnings(discovery));

	for (size_t i = 0; i < capsule_discovery_count(discovery); i++) {
		struct capsule_found found;

		capsule_discovery_item(discovery, i, &found);
		if (strcmp(found.state, "good") == 0)
			continue;
		(void)cli_say("left out: '%s': %s", CLI_SHORT(found.dir),
			found.problem != NULL ? found.problem : found.state);
		if (strcmp(found.state, "broken") == 0)
			status = 1;
	}
	return status;
}

void cli_found_tell_places(FILE *stream, const char *heading, const struct capsule_discovery *discovery)
{
	const char *place;

	(void)fprintf(stream, "%s\n", heading);
	for (size_t i = 0; (place = capsule_discovery_searched(discovery, i)) != NULL; i++) {
		(void)fputs("  ", stream);
		cli_print_styled(stream, false, STYLE_PLAIN, place);
		(void)fputc('\n', stream);
	}
}
