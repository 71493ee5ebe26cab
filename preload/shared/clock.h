/* SPDX-License-Identifier: ISC */
/*
 * The time that all processes of the host agree on (clock.c).
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <time.h>

/* Reads a clock as the kernel has it, whatever the program's libraries put in
 * the place of clock_gettime(3).  Changes no errno. */
void clock_read(clockid_t, struct timespec *);

/* Microseconds of CLOCK_BOOTTIME, in the host's first time namespace. */
uint64_t clock_now(void);
/* The same as this process's own CLOCK_BOOTTIME has it, for timers. */
uint64_t clock_own(uint64_t at);

#endif
