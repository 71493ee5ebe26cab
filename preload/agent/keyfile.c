/* SPDX-License-Identifier: ISC */
#include "keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *
keyfile_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* Why a file is refused; NULL: it is not. */
static const char *
keyfile_reason(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "is no regular file";
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return "belongs to another user";
	if ((st->st_mode & 077) != 0)
		return "is readable by others";
	if (st->st_size >= KEYFILE_MAX)
		return "is too long for a key";
	return NULL;
}

int
keyfile_open(const char *path, char why[IPC_TEXT])
{
	const char *because;
	struct stat st;
	int fd, error;

	if (path[0] != '/') {
		snprintf(why, IPC_TEXT, "%s is not an absolute path", path);
		return -EINVAL;
	}
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK |
	    O_NOCTTY);
	if (fd < 0) {
		error = -errno;
		snprintf(why, IPC_TEXT, error == -ELOOP ?
		    "%s is a symbolic link" : "%s: %s", path, strerror(errno));
		return error;
	}
	because = fstat(fd, &st) != 0 ? strerror(errno) : keyfile_reason(&st);
	if (because == NULL)
		return fd;
	close(fd);
	snprintf(why, IPC_TEXT, "%s %s%s%s", path, because,
	    S_ISREG(st.st_mode) && (st.st_mode & 077) != 0 ?
	    ": chmod 600 " : "",
	    S_ISREG(st.st_mode) && (st.st_mode & 077) != 0 ? path : "");
	return -EACCES;
}

/* Reads the key's name from the path: 0, or -EINVAL. */
static int
keyfile_read_name(const char *path, char name[KEYFILE_NAME])
{
	const char *base = keyfile_base(path);
	size_t len = strlen(base);

	if (len <= 4 || strcmp(base + len - 4, ".key") != 0 ||
	    len - 4 >= KEYFILE_NAME)
		return -EINVAL;
	memset(name, 0, KEYFILE_NAME);
	memcpy(name, base, len - 4);
	return 0;
}

enum { KEYFILE_SECRET = 1, KEYFILE_PEER = 2, KEYFILE_PSK = 4 };

/* Takes in one line; false: it is malformed, or there twice. */
static bool
keyfile_take_line(struct keyfile *k, char *line, unsigned *has)
{
	const struct {
		const char *word;
		unsigned bit;
		uint8_t *to;
	} row[] = { { "secret ", KEYFILE_SECRET, k->secret },
		{ "peer ", KEYFILE_PEER, k->peer },
		{ "psk ", KEYFILE_PSK, k->psk } };
	size_t got, i, n;

	line[strcspn(line, "\r")] = '\0';
	if (line[0] == '\0' || line[0] == '#')
		return true;
	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		n = strlen(row[i].word);
		if (strncmp(line, row[i].word, n) != 0)
			continue;
		if ((*has & row[i].bit) != 0 || strlen(line + n) != 64)
			return false;
		*has |= row[i].bit;
		return sodium_hex2bin(row[i].to, 32, line + n, 64, NULL, &got,
		    NULL) == 0 && got == 32;
	}
	return false;
}

static int
keyfile_parse(struct keyfile *k, char *text, const char *path,
    char why[IPC_TEXT])
{
	unsigned has = 0;
	unsigned number = 0;
	char *line;

	while ((line = strsep(&text, "\n")) != NULL) {
		number++;
		if (!keyfile_take_line(k, line, &has)) {
			snprintf(why, IPC_TEXT, "%s:%u is not of a key", path,
			    number);
			return -EINVAL;
		}
	}
	if ((has & KEYFILE_SECRET) == 0 || (has & KEYFILE_PEER) == 0) {
		snprintf(why, IPC_TEXT, "%s lacks its %s", path,
		    (has & KEYFILE_SECRET) == 0 ? "secret" : "peer");
		return -EINVAL;
	}
	return 0;
}

int
keyfile_read(int fd, const char *path, struct keyfile *k, char why[IPC_TEXT])
{
	char text[KEYFILE_MAX];
	ssize_t n;
	int error;

	memset(k, 0, sizeof(*k));
	if (keyfile_read_name(path, k->name) != 0) {
		snprintf(why, IPC_TEXT, "%s: a key's file is NAME.key, with a "
		    "name of at most %d letters", path, KEYFILE_NAME - 1);
		return -EINVAL;
	}
	n = pread(fd, text, sizeof(text) - 1, 0);
	if (n < 0) {
		error = -errno;
		snprintf(why, IPC_TEXT, "%s: %s", path, strerror(errno));
	} else {
		text[n] = '\0';
		if (strlen(text) < (size_t)n) /* a 0 byte: a malformed line */
			text[strlen(text)] = '?';
		error = keyfile_parse(k, text, path, why);
	}
	sodium_memzero(text, sizeof(text));
	if (error != 0)
		sodium_memzero(k, sizeof(*k));
	return error;
}
