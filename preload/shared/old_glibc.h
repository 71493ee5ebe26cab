/* SPDX-License-Identifier: ISC */
/*
 * Built with a new C library, the preloaded one shall also run with that of
 * Debian 11 (2.31).  Of functions that were in other libraries then, before
 * 2.34 in libdl and libpthread, the version is asked for that both have; the
 * Makefile links both libraries.  Those that were none are in old_glibc.c.
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
