/* SPDX-License-Identifier: ISC */
#include "emu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	double times;
};

/* Reads a number and one of the units; the table ends with a NULL name. */
static bool
parse_number(const char *s, const struct unit *unit, uint64_t *out)
{
	double value;
	char *end;

	value = strtod(s, &end);
	if (end == s || !isfinite(value) || value < 0)
		return false;
	for (; unit->name != NULL; unit++) {
		if (strcmp(end, unit->name) != 0)
			continue;
		if (value * unit->times >= 1e18)
			return false;
		*out = (uint64_t)(value * unit->times + 0.5);
		return true;
	}
	return false;
}

bool
parse_time(const char *s, uint64_t *ns)
{
	static const struct unit units[] = { { "us", 1e3 }, { "ms", 1e6 },
		{ "s", 1e9 }, { NULL, 0 } };

	return parse_number(s, units, ns);
}

bool
parse_rate(const char *s, uint64_t *bps)
{
	static const struct unit units[] = { { "bit", 1 }, { "kbit", 1e3 },
		{ "mbit", 1e6 }, { "gbit", 1e9 }, { NULL, 0 } };

	return parse_number(s, units, bps);
}

bool
parse_size(const char *s, uint64_t *bytes)
{
	static const struct unit units[] = { { "", 1 }, { "k", 1024 },
		{ "m", 1 << 20 }, { NULL, 0 } };

	return parse_number(s, units, bytes);
}

bool
parse_percent(const char *s, uint64_t *ppm)
{
	static const struct unit units[] = { { "%", 1e4 }, { NULL, 0 } };

	return parse_number(s, units, ppm) && *ppm <= 1000000;
}
