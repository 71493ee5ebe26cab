/* SPDX-License-Identifier: ISC */
/*
 * An ICMP error about a datagram of the program, as one process tells it to
 * another of the same host (INTERNAL_ICMP and its like).
 */
#ifndef ICMP_ERROR_H
#define ICMP_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "mp.h"

enum icmp_error_bound {
	ICMP_ERROR_DATA = 1232, /* bytes that an ICMPv6 error can quote */
	ICMP_ERROR_LEAST = 12, /* of a packet, that tell it from others: session
				* id and number */
};

struct icmp_error {
	struct mp_addr to;	 /* of the datagram; RAW: of the packet */
	struct mp_addr offender; /* who says so */
	uint64_t sent_at;	 /* us; RAW: 0 */
	uint32_t errno_, info;	 /* as struct sock_extended_err has them */
	uint8_t origin, type, code;
	uint16_t len;		 /* bytes of `data' */
	uint8_t data[ICMP_ERROR_DATA]; /* the datagram's begin; RAW: the
					* packet's */
};

/* Fills in what an entry of an error queue says, with n bytes of the packet, of
 * which `most' are kept; false: there is no error in it. */
bool icmp_error_read(struct icmp_error *, struct msghdr *entry,
    const uint8_t *packet, size_t n, size_t most);

#endif
