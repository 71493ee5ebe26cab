/* SPDX-License-Identifier: ISC */
/*
 * mpctl keygen makes the files of a new key for both hosts; ctl_keys_check() tells whether
 * key files may be used, without reading them.  keyfile.h describes the files.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"
#include "mp.h"
#include "say.h"
#include "agent/keyfile.h"
#include "policy/settings.h"
#include "shared/ipc.h"

#define ETC_KEYS "/etc/mpshim/keys"
#define HOME_KEYS ".config/mpshim/keys"

enum {
	KEY_NAME = KEYFILE_NAME - 1, /* longest name, bytes without the 0 */
	KEY_SECRET = 32, /* bytes */
	KEY_HEX = 2 * KEY_SECRET + 1,
	KEY_FILE = 512, /* most bytes of a new file */
};

/* The file of one host of a new key. */
struct half {
	char path[PATH_MAX];
	uint8_t secret[KEY_SECRET], pub[KEY_SECRET];
};

static bool
key_name_ok(const char *name)
{
	static const char ok[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "abcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t n = strspn(name, ok);

	return n > 0 && n <= KEY_NAME && name[n] == '\0' && name[0] != '.' &&
	    name[0] != '-';
}

/* Makes "DIR/NAMEEND"; false, and says so: too long. */
static bool
key_join_path(char out[PATH_MAX], const char *dir, const char *name,
    const char *end)
{
	int n = snprintf(out, PATH_MAX, "%s/%s%s", dir, name, end);

	if (n > 0 && n < PATH_MAX)
		return true;
	say_line("%s: %s", name, strerror(ENAMETOOLONG));
	return false;
}

/* --- A new key ------------------------------------------------------------ */

/* Makes ~/.config/mpshim/keys; levels that are missing become 0700. */
static bool
key_make_directory(char dir[PATH_MAX])
{
	static const char *const levels[] = { ".config", ".config/mpshim",
		HOME_KEYS };
	size_t i;

	if (settings_home(environ) == NULL) {
		say_line("HOME is not set: where shall the key go?");
		return false;
	}
	for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (!key_join_path(dir, settings_home(environ), levels[i], ""))
			return false;
		if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
			say_line("%s: %s", dir, strerror(errno));
			return false;
		}
	}
	return true;
}

static bool
key_half_is_absent(const struct half *h)
{
	struct stat st;

	if (lstat(h->path, &st) != 0 && errno == ENOENT)
		return true;
	say_line("%s is there already and is not overwritten; "
	    "take another name, or move it away", h->path);
	return false;
}

/* Writes the text and waits until it is on the disk: 0, or an errno. */
static int
key_write_file(int fd, const char *text, size_t len)
{
	ssize_t n;

	if (fchmod(fd, 0600) != 0)
		return errno;
	while (len > 0) {
		n = write(fd, text, len);
		if (n < 0 && errno != EINTR)
			return errno;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return fsync(fd) != 0 ? errno : 0;
}

static bool
key_make_half(const struct half *h, const struct half *peer, const char *psk,
    const char *name)
{
	char text[KEY_FILE], secret[KEY_HEX], pub[KEY_HEX];
	int fd, len, error;

	fd = open(h->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		say_line("%s: %s", h->path, strerror(errno));
		return false;
	}
	sodium_bin2hex(secret, sizeof(secret), h->secret, KEY_SECRET);
	sodium_bin2hex(pub, sizeof(pub), peer->pub, KEY_SECRET);
	len = snprintf(text, sizeof(text),
	    "# mpshim key %s: for one host alone.\nsecret %s\npeer %s\n"
	    "psk %s\n", name, secret, pub, psk);
	sodium_memzero(secret, sizeof(secret));
	error = key_write_file(fd, text, (size_t)len);
	sodium_memzero(text, sizeof(text));
	if (close(fd) != 0 && error == 0)
		error = errno;
	if (error == 0)
		return true;
	unlink(h->path);
	say_line("%s: %s", h->path, strerror(error));
	return false;
}

static void
key_sync_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)fsync(fd); /* some file systems refuse it */
	close(fd);
}

/* Makes the files of both hosts, or none. */
static bool
key_make_halves(struct half *own, struct half *peer, const char *name)
{
	unsigned char psk[KEY_SECRET];
	char hex[KEY_HEX];
	bool made;

	if (sodium_init() < 0) {
		say_line("libsodium does not start");
		return false;
	}
	randombytes_buf(own->secret, sizeof(own->secret));
	randombytes_buf(peer->secret, sizeof(peer->secret));
	mp_keyring_public(own->pub, own->secret);
	mp_keyring_public(peer->pub, peer->secret);
	randombytes_buf(psk, sizeof(psk));
	sodium_bin2hex(hex, sizeof(hex), psk, sizeof(psk));
	made = key_make_half(own, peer, hex, name);
	if (made && !key_make_half(peer, own, hex, name)) {
		unlink(own->path);
		made = false;
	}
	sodium_memzero(psk, sizeof(psk));
	sodium_memzero(hex, sizeof(hex));
	sodium_memzero(own->secret, sizeof(own->secret));
	sodium_memzero(peer->secret, sizeof(peer->secret));
	return made;
}

int
ctl_keygen(const char *name)
{
	struct half own, peer;
	char dir[PATH_MAX];

	if (!key_name_ok(name)) {
		say_line("\"%s\" cannot be a key's name: 1 to %d of A-Z a-z "
		    "0-9 . _ -, the first no dot and no dash", name, KEY_NAME);
		return CTL_USAGE;
	}
	if (!key_make_directory(dir) ||
	    !key_join_path(own.path, dir, name, ".key") ||
	    !key_join_path(peer.path, ".", name, ".peer.key"))
		return CTL_FAILED;
	if (!key_half_is_absent(&own) || !key_half_is_absent(&peer) ||
	    !key_make_halves(&own, &peer, name))
		return CTL_FAILED;
	key_sync_directory(dir);
	key_sync_directory(".");
	printf("Copy %s.peer.key to the other host as ~/" HOME_KEYS "/%s.key, "
	    "by scp for example, then delete it here.\n", name, name);
	return CTL_OK;
}

/* --- Keys that are there -------------------------------------------------- */

/* May the agent use this file?  Says why not. */
static bool
key_file_ok(const char *path)
{
	char why[IPC_TEXT];
	int fd = keyfile_open(path, why);

	if (fd < 0) {
		say_line("%s", why);
		return false;
	}
	close(fd);
	return true;
}

/* Is the last part of the path NAME.key?  Says if not. */
static bool
key_path_ok(const char *path)
{
	char name[KEY_NAME + sizeof(".key")];
	const char *base = strrchr(path, '/') + 1;
	size_t len = strlen(base);

	if (len >= sizeof(".key") && len < sizeof(name) &&
	    strcmp(base + len - 4, ".key") == 0) {
		memcpy(name, base, len);
		name[len - 4] = '\0';
		if (key_name_ok(name))
			return true;
	}
	say_line("%s: a key's file is NAME.key", path);
	return false;
}

/* Finds the file of a named key; false, and says so: there is none. */
static bool
key_find(char path[PATH_MAX], const char *name)
{
	struct stat st;
	const char *dir;
	char keys[PATH_MAX];

	if (!key_name_ok(name)) {
		say_line("\"%s\" is no key: want a name or a path", name);
		return false;
	}
	dir = settings_home(environ);
	if (dir != NULL) {
		if (!key_join_path(keys, dir, HOME_KEYS, "") ||
		    !key_join_path(path, keys, name, ".key"))
			return false;
		if (stat(path, &st) == 0 ||
		    (errno != ENOENT && errno != ENOTDIR))
			return true;
	}
	if (!key_join_path(path, ETC_KEYS, name, ".key"))
		return false;
	if (stat(path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR))
		return true;
	say_line("no key %s in ~/" HOME_KEYS " or " ETC_KEYS "; make it with "
	    "mpctl keygen %s, or copy the file that the other host made",
	    name, name);
	return false;
}

static bool
key_check(const char *key, size_t *bytes)
{
	char path[PATH_MAX];

	if (strlen(key) >= sizeof(path)) {
		say_line("key: %s", strerror(ENAMETOOLONG));
		return false;
	}
	if (key[0] == '/') {
		if (!key_path_ok(key))
			return false;
		snprintf(path, sizeof(path), "%s", key);
	} else if (!key_find(path, key))
		return false;
	*bytes += strlen(path) + 1;
	return key_file_ok(path);
}

int
ctl_keys_check(const char *keys)
{
	char *copy, *key, *rest;
	size_t n = 0, bytes = 0;
	int status = CTL_OK;

	copy = strdup(keys);
	if (copy == NULL) {
		say_line("%s", strerror(errno));
		return CTL_FAILED;
	}
	for (key = strtok_r(copy, " \t\n", &rest); key != NULL;
	    key = strtok_r(NULL, " \t\n", &rest), n++)
		if (!key_check(key, &bytes)) {
			status = CTL_FAILED;
			break;
		}
	if (status == CTL_OK && n == 0) {
		say_line("which key?  Give it with -k NAME; "
		    "mpctl keygen NAME makes one");
		status = CTL_USAGE;
	} else if (n > MP_KEYS_MAX || bytes > IPC_KEYS) {
		say_line("too many keys: at most %d, of %d bytes in all",
		    MP_KEYS_MAX, IPC_KEYS);
		status = CTL_FAILED;
	}
	free(copy);
	return status;
}
