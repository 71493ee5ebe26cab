/* SPDX-License-Identifier: ISC */
/*
 * The library is built with a new glibc and also runs with that of Debian 11
 * (2.31).  Functions that were in libdl and libpthread before 2.34 are linked
 * by the version that old and new have in common; the Makefile links both
 * libraries.  Functions that were inline then are defined in old_glibc.c.
 */
#ifndef OLD_GLIBC_H
#define OLD_GLIBC_H

#if defined(__aarch64__)
#define OLD_GLIBC(name) __asm__(".symver " #name "," #name "@GLIBC_2.17")
#else
#define OLD_GLIBC(name) __asm__(".symver " #name "," #name "@GLIBC_2.2.5")
#endif

OLD_GLIBC(dladdr);
OLD_GLIBC(dlsym);
OLD_GLIBC(pthread_getcpuclockid);
OLD_GLIBC(pthread_key_create);
OLD_GLIBC(pthread_setspecific);

#endif
