/* SPDX-License-Identifier: ISC */
/* Hexadecimal to bytes, for published vectors. */
#ifndef HEX_H
#define HEX_H

#include <check.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes written to `out', which has `max'.  Stops at the first other
 * character. */
static inline size_t
hex_bytes(uint8_t *out, size_t max, const char *s)
{
	static const char digits[] = "0123456789abcdef";
	const char *hi, *lo;
	size_t n;

	for (n = 0; s[2 * n] != '\0'; n++) {
		hi = strchr(digits, s[2 * n]);
		if (hi == NULL)
			break;
		ck_assert_int_ne(s[2 * n + 1], '\0');
		lo = strchr(digits, s[2 * n + 1]);
		ck_assert_ptr_nonnull(lo);
		ck_assert_uint_lt(n, max);
		out[n] = (uint8_t)((hi - digits) << 4 | (lo - digits));
	}
	return n;
}

#endif
