/* SPDX-License-Identifier: ISC */
#include "keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEYFILE_IS_PUBLIC "mp1"
#define KEYFILE_IS_SECRET "mpsecret1"

enum { CHECK = 4 }; /* bytes of a hash behind a key */

/* --- Keys as text --------------------------------------------------------- */

/* Of the word in front, too: a secret key is no public one. */
static void
keyfile_hash(uint8_t check[CHECK], const char *word, const uint8_t key[32])
{
	uint8_t all[16 + 32] = { 0 }, hash[crypto_hash_sha256_BYTES];

	memcpy(all, word, strlen(word));
	memcpy(all + 16, key, 32);
	crypto_hash_sha256(hash, all, sizeof(all));
	memcpy(check, hash, CHECK);
	sodium_memzero(all, sizeof(all));
}

static void
keyfile_text(char text[KEYFILE_TEXT], const char *word, const uint8_t key[32])
{
	uint8_t bytes[32 + CHECK];
	size_t n = strlen(word);

	memcpy(bytes, key, 32);
	keyfile_hash(bytes + 32, word, key);
	memcpy(text, word, n);
	sodium_bin2base64(text + n, KEYFILE_TEXT - n, bytes, sizeof(bytes),
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(bytes, sizeof(bytes));
}

static bool
keyfile_key(const char *text, const char *word, uint8_t key[32])
{
	uint8_t bytes[32 + CHECK], check[CHECK];
	size_t n = strlen(word), got;
	bool ok;

	if (strncmp(text, word, n) != 0 ||
	    sodium_base642bin(bytes, sizeof(bytes), text + n, strlen(text + n),
		NULL, &got, NULL,
		sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
	    got != sizeof(bytes))
		return false;
	keyfile_hash(check, word, bytes);
	ok = memcmp(check, bytes + 32, CHECK) == 0;
	if (ok)
		memcpy(key, bytes, 32);
	sodium_memzero(bytes, sizeof(bytes));
	return ok;
}

void
keyfile_public_text(char text[KEYFILE_TEXT], const uint8_t pub[32])
{
	keyfile_text(text, KEYFILE_IS_PUBLIC, pub);
}

void
keyfile_secret_text(char text[KEYFILE_TEXT], const uint8_t secret[32])
{
	keyfile_text(text, KEYFILE_IS_SECRET, secret);
}

bool
keyfile_public(const char *word, uint8_t pub[32])
{
	return keyfile_key(word, KEYFILE_IS_PUBLIC, pub);
}

bool
keyfile_is_secret(const char *word)
{
	return strncmp(word, KEYFILE_IS_SECRET, strlen(KEYFILE_IS_SECRET)) == 0;
}

static bool
keyfile_psk(const char *text, uint8_t psk[32])
{
	size_t len = strlen(text), got;

	if (len == 64)
		return sodium_hex2bin(psk, 32, text, len, NULL, &got, NULL) ==
		    0 && got == 32;
	return sodium_base642bin(psk, 32, text, len, NULL, &got, NULL,
	    sodium_base64_VARIANT_ORIGINAL) == 0 && got == 32;
}

/* --- Opening -------------------------------------------------------------- */

enum keyfile_kind
keyfile_kind_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;

	if (base[0] == '\0')
		return KEYFILE_DIRECTORY;
	return strcmp(base, "identity") == 0 ? KEYFILE_IDENTITY :
	    strcmp(base, "peers") == 0 ? KEYFILE_PEERS : KEYFILE_PSK;
}

/* Why a file is refused; NULL: it is not. */
static const char *
keyfile_reason(const struct stat *st, enum keyfile_kind kind)
{
	if (kind == KEYFILE_DIRECTORY)
		return NULL;
	if (!S_ISREG(st->st_mode))
		return "is no regular file";
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return "belongs to another user";
	if (kind == KEYFILE_PEERS)
		return (st->st_mode & 022) != 0 ? "is writable by others" :
		    NULL;
	if ((st->st_mode & 077) != 0)
		return "is readable by others";
	if (st->st_size >= KEYFILE_MAX)
		return "is too long for a key";
	return NULL;
}

static int
keyfile_flags(enum keyfile_kind kind)
{
	return kind == KEYFILE_DIRECTORY ? O_PATH | O_DIRECTORY | O_CLOEXEC :
	    O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
}

int
keyfile_open(const char *path, char why[IPC_TEXT])
{
	enum keyfile_kind kind = keyfile_kind_of(path);
	const char *because, *mend;
	struct stat st;
	int fd, error;

	if (path[0] != '/') {
		snprintf(why, IPC_TEXT, "%s is not an absolute path", path);
		return -EINVAL;
	}
	fd = open(path, keyfile_flags(kind));
	if (fd < 0) {
		error = -errno;
		snprintf(why, IPC_TEXT, error == -ELOOP ?
		    "%s is a symbolic link" : "%s: %s", path, strerror(errno));
		return error;
	}
	if (fstat(fd, &st) != 0) {
		st.st_mode = 0;
		because = strerror(errno);
	} else
		because = keyfile_reason(&st, kind);
	if (because == NULL)
		return fd;
	close(fd);
	mend = !S_ISREG(st.st_mode) ? NULL : kind == KEYFILE_PEERS &&
	    (st.st_mode & 022) != 0 ? ": chmod go-w " :
	    kind != KEYFILE_PEERS && (st.st_mode & 077) != 0 ?
	    ": chmod 600 " : NULL;
	snprintf(why, IPC_TEXT, "%s %s%s%s", path, because,
	    mend != NULL ? mend : "", mend != NULL ? path : "");
	return -EACCES;
}

/* --- Secrets -------------------------------------------------------------- */

/* The one line that is no comment, or NULL: there is none, or more. */
static char *
keyfile_line(char *text)
{
	char *line, *only = NULL;

	while ((line = strsep(&text, "\n")) != NULL) {
		line[strcspn(line, "\r")] = '\0';
		if (line[0] == '\0' || line[0] == '#')
			continue;
		if (only != NULL)
			return NULL;
		only = line;
	}
	return only;
}

int
keyfile_secret(int fd, const char *path, uint8_t secret[32],
    char why[IPC_TEXT])
{
	bool own = keyfile_kind_of(path) == KEYFILE_IDENTITY;
	char text[KEYFILE_MAX], *line;
	int error = 0;
	ssize_t n;

	n = pread(fd, text, sizeof(text) - 1, 0);
	if (n < 0) {
		error = -errno;
		snprintf(why, IPC_TEXT, "%s: %s", path, strerror(errno));
	} else {
		text[n] = '\0';
		line = strlen(text) == (size_t)n ? keyfile_line(text) : NULL;
		if (line == NULL || !(own ?
		    keyfile_key(line, KEYFILE_IS_SECRET, secret) :
		    keyfile_psk(line, secret))) {
			error = -EINVAL;
			snprintf(why, IPC_TEXT, own ?
			    "%s has no secret key of mpctl identity" :
			    "%s has no psk of 64 hexadecimal digits or 44 of "
			    "base64", path);
		}
	}
	sodium_memzero(text, sizeof(text));
	return error;
}

int
keyfile_peers(int fd, size_t max, char **text, size_t *len)
{
	struct stat st;
	size_t size;
	ssize_t n;

	*text = NULL;
	*len = 0;
	if (fstat(fd, &st) != 0)
		return -errno;
	size = (size_t)st.st_size;
	if (size > max)
		return -EFBIG;
	*text = calloc(1, size + 1);
	if (*text == NULL)
		return -ENOMEM;
	while (*len < size) {
		n = pread(fd, *text + *len, size - *len, (off_t)*len);
		if (n <= 0)
			return n < 0 ? -errno : 0;
		*len += (size_t)n;
	}
	return 0;
}
