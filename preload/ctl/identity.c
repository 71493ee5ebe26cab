/* SPDX-License-Identifier: ISC */
/* mpctl identity: makes the key pair of this user or host at first need, and
 * prints its public half. */
#include "identity.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "keydir.h"
#include "keydir_write.h"
#include "mp.h"
#include "say.h"
#include "agent/keyfile.h"

bool
identity_directory(struct keydir *d, bool system)
{
	if (system)
		keydir_system(d);
	else if (!keydir_user(d)) {
		say_line("HOME is not set: where shall the key go?");
		return false;
	}
	return true;
}

/* Another process may make it at the same time: then that one's counts. */
static bool
identity_make(const struct keydir *d)
{
	char text[256], key[KEYFILE_TEXT];
	uint8_t secret[32];
	int n, fd, error;

	if (sodium_init() < 0) {
		say_line("libsodium does not start");
		return false;
	}
	fd = keydir_lock(d);
	if (fd < 0)
		return false;
	randombytes_buf(secret, sizeof(secret));
	keyfile_secret_text(key, secret);
	n = snprintf(text, sizeof(text), "# The secret of this mpshim: for "
	    "nobody else.  mpctl identity prints its\n# public half, which "
	    "peers are told.\n%s\n", key);
	error = keydir_write(d, "identity", text, (size_t)n, false);
	sodium_memzero(secret, sizeof(secret));
	sodium_memzero(key, sizeof(key));
	sodium_memzero(text, sizeof(text));
	close(fd);
	return error == 0 || error == -EEXIST;
}

bool
identity_public(struct keydir *d, uint8_t pub[32])
{
	keydir_read(d);
	if (d->identity_error == -ENOENT) {
		if (!identity_make(d))
			return false;
		keydir_read(d);
	}
	if (d->identity_error != 0) {
		say_line("%s", d->identity_why);
		return false;
	}
	mp_keyring_public(pub, d->secret);
	return true;
}

int
ctl_identity(bool system)
{
	char text[KEYFILE_TEXT];
	struct keydir d;
	uint8_t pub[32];
	bool known;

	if (!identity_directory(&d, system))
		return CTL_FAILED;
	known = identity_public(&d, pub);
	keydir_end(&d);
	if (!known)
		return CTL_FAILED;
	keyfile_public_text(text, pub);
	puts(text);
	return CTL_OK;
}
