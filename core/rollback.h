/* SPDX-License-Identifier: ISC */
/* Finds that the block is an older copy of itself, under which numbers would be
 * used twice. */
#ifndef ROLLBACK_H
#define ROLLBACK_H

#include <stdint.h>

struct mp;

/* So many packets of any session get their numbers now. */
void rollback_count(struct mp *, uint64_t now, uint32_t packets);
/* To be called before packets are made or taken: if the block is an older one
 * than this view has seen, or of a later boot, all sessions end. */
void rollback_look(struct mp *, uint64_t now);

#endif
