/* SPDX-License-Identifier: ISC */
/*
 * Files of peers and of secrets.  The first byte: bit 0, a file of one secret
 * (identity or psk); else a file of peers.
 *
 * Reading ends, line by line; a peer that is taken has a good name and a key
 * that is the same as text and back, and is found by its name; the others are
 * refused with one line of printable text.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/keyfile.h"
#include "agent/peers.h"
#include "fuzz.h"

static void
peers_is_line(const char *text, size_t room)
{
	FUZZ_ASSERT(memchr(text, '\0', room) != NULL && *text != '\0');
	for (; *text != '\0'; text++)
		FUZZ_ASSERT(isprint((unsigned char)*text));
}

static void
peers_taken(const struct peer *p, const char *text, size_t len)
{
	char key[KEYFILE_TEXT];
	struct peers again;
	struct peer other;
	uint8_t pub[32];
	unsigned i;

	FUZZ_ASSERT(peers_name_ok(p->name) && p->nat <= PEERS_AT);
	FUZZ_ASSERT(memchr(p->psk, '\0', sizeof(p->psk)) != NULL);
	FUZZ_ASSERT(memchr(p->ssh, '\0', sizeof(p->ssh)) != NULL);
	for (i = 0; i < p->nat; i++)
		FUZZ_ASSERT(p->at[i].bits <= 128);
	keyfile_public_text(key, p->pub);
	FUZZ_ASSERT(keyfile_public(key, pub));
	FUZZ_ASSERT(memcmp(pub, p->pub, 32) == 0);
	FUZZ_ASSERT(!keyfile_is_secret(key));
	peers_begin(&again, text, len);
	do
		i = (unsigned)peers_find(&again, p->name, &other);
	while (i != 0 && (i != 1 || memcmp(other.pub, p->pub, 32) != 0));
	FUZZ_ASSERT(i == 1);
}

static void
peers_file(const char *text, size_t len)
{
	static struct peers p;
	static struct peer peer;
	unsigned line = 0;
	int error;

	peers_begin(&p, text, len);
	while ((error = peers_next(&p, &peer)) != 0) {
		FUZZ_ASSERT(p.line > line && p.line <= len);
		line = p.line;
		if (error == 1)
			peers_taken(&peer, text, len);
		else
			peers_is_line(p.fault, sizeof(p.fault));
	}
}

static void
peers_secret(const void *data, size_t len, const char *path)
{
	static int fd = -1;
	uint8_t secret[32], again[32];
	char why[IPC_TEXT] = "", text[KEYFILE_TEXT], key[KEYFILE_TEXT];

	if (fd < 0)
		fd = memfd_create("secret", MFD_CLOEXEC);
	FUZZ_ASSERT(ftruncate(fd, 0) == 0);
	FUZZ_ASSERT(pwrite(fd, data, len, 0) == (ssize_t)len);
	FUZZ_ASSERT(lseek(fd, 0, SEEK_SET) == 0);
	if (keyfile_secret(fd, path, secret, why) != 0) {
		peers_is_line(why, sizeof(why));
		return;
	}
	/* The same as this program writes it. */
	keyfile_secret_text(text, secret);
	FUZZ_ASSERT(keyfile_is_secret(text));
	FUZZ_ASSERT(!keyfile_public(text, again));
	keyfile_public_text(key, secret);
	FUZZ_ASSERT(strcmp(key, text) != 0);
	if (keyfile_kind_of(path) != KEYFILE_IDENTITY)
		return;
	FUZZ_ASSERT(ftruncate(fd, 0) == 0);
	FUZZ_ASSERT(pwrite(fd, text, strlen(text), 0) > 0);
	FUZZ_ASSERT(lseek(fd, 0, SEEK_SET) == 0);
	FUZZ_ASSERT(keyfile_secret(fd, path, again, why) == 0);
	FUZZ_ASSERT(memcmp(again, secret, 32) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct feed f = { data, len };
	uint8_t how = feed_byte(&f), *text = fuzz_exact(f.at, f.left);

	if (how & 1)
		peers_secret(text, f.left, how & 2 ? "/x/identity" :
		    "/x/home.psk");
	else
		peers_file((const char *)text, f.left);
	free(text);
	return 0;
}
