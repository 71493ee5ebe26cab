/* SPDX-License-Identifier: ISC */
/* inside: the engine's own state, for who looks into it (state.h, whose MS and
 * SEC are not those of world.h). */
#ifndef SIM_INSIDE_H
#define SIM_INSIDE_H

#pragma push_macro("MS")
#pragma push_macro("SEC")
#undef MS
#undef SEC
#include "pool.h"
#include "state.h"
#include "table.h"
#undef MS
#undef SEC
#pragma pop_macro("SEC")
#pragma pop_macro("MS")

#endif
