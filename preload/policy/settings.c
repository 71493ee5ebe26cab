/* SPDX-License-Identifier: ISC */
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_file.h"
#include "rules.h"
#include "shared/real.h"

#define SYSTEM_FILE "/etc/mpshim/config"

/* Not getenv(3): bash exports one of its own, which would be called. */
const char *
settings_variable(char **envp, const char *name)
{
	size_t len = strlen(name);

	for (; envp != NULL && *envp != NULL; envp++)
		if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=')
			return *envp + len + 1;
	return NULL;
}

/* --- One value ----------------------------------------------------------- */

/* Appends a word to a list; false: no room. */
static bool
settings_list_add(char *list, size_t size, const char *word)
{
	size_t len = strlen(list), more = strlen(word);

	if (len + more + 2 > size)
		return false;
	if (len > 0)
		list[len++] = ' ';
	memcpy(list + len, word, more + 1);
	return true;
}

/* Appends a rule; false: there are too many. */
static bool
settings_rule_add(
    struct settings *s, const struct directive *d, enum settings_from from)
{
	struct rule rule = { .peers = d->peers, .from = from,
		.line = d->line };

	if (s->peers_alone && from > FROM_PEER)
		return true;
	rule.way = d->what == SET_PLAIN ? WAY_PLAIN :
	    d->what == SET_PROTECT ? WAY_PROTECT : WAY_REFUSE;
	return rules_add(&s->rules, &rule);
}

/* Has an earlier origin set it already?  If not, notes this one. */
static bool
settings_is_taken(struct settings *s, const struct directive *d,
    enum settings_from from)
{
	if (s->of[d->what].from != FROM_NOWHERE &&
	    s->of[d->what].from != from)
		return true;
	if (s->of[d->what].from == FROM_NOWHERE)
		s->of[d->what].line = d->line;
	s->of[d->what].from = from;
	return false;
}

/* Sets one value, or appends it; false: there are too many. */
static bool
settings_set(struct settings *s, const struct directive *d,
    enum settings_from from)
{
	if (d->what >= SET_PLAIN)
		return settings_rule_add(s, d, from);
	if (settings_is_taken(s, d, from))
		return true;
	switch (d->what) {
	case SET_DEFAULT:
		if (!s->peers_alone)
			s->rules.rest = (enum rules_rest)d->number;
		return true;
	case SET_ACCEPT_PLAIN:
		s->rules.accept_plain = d->number != 0;
		return true;
	case SET_TELL_PRIVATE:
		s->tell_private = d->number != 0;
		return true;
	case SET_BUNDLES:
		s->no_bundles = d->number == 0;
		return true;
	case SET_SESSIONS:
		s->sessions = d->number;
		return true;
	case SET_MEMORY:
		s->memory = d->number;
		return true;
	case SET_RESEND_AGE:
		s->resend_us = d->number == 0 ? 1 : d->number * 1000;
		return true;
	case SET_SPIN:
		s->spin_us = d->number;
		return true;
	case SET_SERVER_ID:
		s->server = (uint8_t)d->number;
		return true;
	case SET_KEY:
		return settings_list_add(s->keys, sizeof(s->keys), d->word);
	case SET_INTERFACE:
		return settings_list_add(
		    s->interfaces, sizeof(s->interfaces), d->word);
	case SET_NO_INTERFACE:
		return settings_list_add(
		    s->no_interfaces, sizeof(s->no_interfaces), d->word);
	default:
		return true;
	}
}

/* --- Variables ----------------------------------------------------------- */

/* Each variable is a list of words, separated by blanks. */
static const struct settings_source {
	const char *name;
	enum setting what;
	enum settings_from from;
} variables[] = {
	{ "MPSHIM_PLAIN", SET_PLAIN, FROM_PLAIN },
	{ "MPSHIM_PEER", SET_PROTECT, FROM_PEER },
	{ "MPSHIM_KEY", SET_KEY, FROM_VARIABLE },
	{ "MPSHIM_PREFER", SET_DEFAULT, FROM_VARIABLE },
	{ "MPSHIM_ACCEPT_PLAIN", SET_ACCEPT_PLAIN, FROM_VARIABLE },
	{ "MPSHIM_TELL_PRIVATE", SET_TELL_PRIVATE, FROM_VARIABLE },
	{ "MPSHIM_BUNDLES", SET_BUNDLES, FROM_VARIABLE },
	{ "MPSHIM_SESSIONS", SET_SESSIONS, FROM_VARIABLE },
	{ "MPSHIM_MEMORY", SET_MEMORY, FROM_VARIABLE },
	{ "MPSHIM_RESEND_AGE", SET_RESEND_AGE, FROM_VARIABLE },
	{ "MPSHIM_SPIN", SET_SPIN, FROM_VARIABLE },
	{ "MPSHIM_SERVER_ID", SET_SERVER_ID, FROM_VARIABLE },
	{ "MPSHIM_INTERFACE", SET_INTERFACE, FROM_VARIABLE },
	{ "MPSHIM_NO_INTERFACE", SET_NO_INTERFACE, FROM_VARIABLE },
};

/* Copies the next word of a list, cut off where it is too long: 1, or 0 at the
 * end. */
static int
settings_word_next(const char **list, char word[CONFIG_FILE_WORD])
{
	size_t len, whole;

	*list += strspn(*list, " \t\n");
	whole = strcspn(*list, " \t\n");
	if (whole == 0)
		return 0;
	len = whole < CONFIG_FILE_WORD ? whole : CONFIG_FILE_WORD - 1;
	memcpy(word, *list, len);
	word[len] = '\0';
	*list += whole;
	return 1;
}

/* In variables 1 stands for yes or prefer, and 0 for no or require. */
static const char *
settings_spell(enum setting what, const char *word)
{
	bool on = strcmp(word, "0") != 0;

	if (what == SET_DEFAULT)
		return on ? "prefer" : "require";
	if (what == SET_ACCEPT_PLAIN || what == SET_TELL_PRIVATE ||
	    what == SET_BUNDLES)
		return on ? "yes" : "no";
	return word;
}

static void
settings_take_variable(struct settings *s, const struct settings_source *v,
    const char *list, settings_say *say)
{
	char word[CONFIG_FILE_WORD], line[2 * CONFIG_FILE_WORD];
	struct directive d = { .what = v->what, .line = 0 };

	if (v->what < SET_PLAIN) /* an empty list counts as set, too */
		(void)settings_is_taken(s, &d, v->from);
	while (settings_word_next(&list, word)) {
		if (config_file_value(
			&d, v->what, settings_spell(v->what, word))) {
			if (settings_set(s, &d, v->from))
				continue;
			snprintf(line, sizeof(line), "%s: too many entries",
			    v->name);
			say(line);
			return;
		}
		snprintf(line, sizeof(line), "%s: expected %s, found \"%s\"",
		    v->name, config_file_expected(v->what), word);
		say(line);
	}
}

void
settings_environ(struct settings *s, char **envp, settings_say *say)
{
	const char *list;
	size_t i;

	for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		list = settings_variable(envp, variables[i].name);
		if (list != NULL)
			settings_take_variable(s, &variables[i], list, say);
	}
	for (i = 0; i < s->rules.n; i++)
		s->peers_alone |= s->rules.rule[i].from == FROM_PEER;
	if (s->peers_alone)
		s->rules.rest = REST_PLAIN;
}

/* --- Files --------------------------------------------------------------- */

const char *
settings_home(char **envp)
{
	const char *home = settings_variable(envp, "MPSHIM_HOME");

	if (home == NULL)
		home = settings_variable(envp, "HOME");
	return home != NULL && home[0] == '/' ? home : NULL;
}

bool
settings_path(char path[SETTINGS_PATH], char **envp, enum settings_from from)
{
	bool by_mprun = settings_variable(envp, "MPSHIM_HOME") != NULL;
	const char *set = settings_variable(envp, "MPSHIM_CONFIG");
	const char *dir = settings_variable(envp, by_mprun ?
	    "MPSHIM_CONFIG_HOME" : "XDG_CONFIG_HOME");
	const char *home = settings_home(envp);
	int n;

	if (set != NULL && (from != FROM_USER || set[0] != '/'))
		return false;
	if (set != NULL)
		n = snprintf(path, SETTINGS_PATH, "%s", set);
	else if (from == FROM_SYSTEM)
		n = snprintf(path, SETTINGS_PATH, "%s", SYSTEM_FILE);
	else if (dir != NULL && dir[0] == '/')
		n = snprintf(path, SETTINGS_PATH, "%s/mpshim/config", dir);
	else if (home != NULL)
		n = snprintf(path, SETTINGS_PATH, "%s/.config/mpshim/config",
		    home);
	else
		return false;
	return n > 0 && n < SETTINGS_PATH;
}

/*
 * Why a file may not be used, or NULL.  A user who can write it can have
 * datagrams sent in plaintext.  The owner of the system's file is not checked:
 * in a user namespace root may be unmapped.
 */
static const char *
settings_refused(const struct stat *st, enum settings_from from)
{
	if (!S_ISREG(st->st_mode))
		return "is no regular file";
	if (from == FROM_USER && st->st_uid != geteuid() && st->st_uid != 0)
		return "belongs to another user";
	if ((st->st_mode & 022) != 0)
		return "is writable by others: chmod go-w it";
	if (st->st_size > CONFIG_FILE_MAX)
		return "is longer than 16384 bytes";
	return NULL;
}

static int
settings_read_all(int fd, char text[CONFIG_FILE_MAX])
{
	int n = 0, some;

	while (n < CONFIG_FILE_MAX) {
		some = (int)real_read(fd, text + n, (size_t)(CONFIG_FILE_MAX -
		    n));
		if (some == 0)
			break;
		if (some < 0)
			return -1;
		n += some;
	}
	return n;
}

int
settings_read(char text[CONFIG_FILE_MAX], const char *path,
    enum settings_from from, settings_say *say)
{
	char line[SETTINGS_SAY];
	const char *why = NULL;
	struct stat st;
	int fd, n = -1;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && lstat(path, &st) != 0) /* it does not exist */
		return 0;
	if (fd < 0 || fstat(fd, &st) != 0)
		why = strerror(errno);
	else
		why = settings_refused(&st, from);
	if (why == NULL) {
		n = settings_read_all(fd, text);
		why = n < 0 ? strerror(errno) : NULL;
	}
	if (fd >= 0)
		real_close(fd);
	if (why == NULL)
		return n;
	snprintf(line, sizeof(line), "%s: %s", path, why);
	say(line);
	return -1;
}

int
settings_file(struct settings *s, const char *path, enum settings_from from,
    settings_say *say)
{
	static char text[CONFIG_FILE_MAX]; /* a stack may be small */
	char line[SETTINGS_SAY];
	struct config_file f;
	struct directive d;
	int n, more;

	n = settings_read(text, path, from, say);
	if (n <= 0)
		return n;
	config_file_begin(&f, text, (size_t)n);
	while ((more = config_file_next(&f, &d)) > 0)
		if (!settings_set(s, &d, from)) {
			snprintf(f.fault, sizeof(f.fault), "expected no more "
			    "than %s, found one more %s", d.what < SET_PLAIN ?
			    "there is room for" : "64 rules in all",
			    config_file_name(d.what));
			more = -EINVAL;
			break;
		}
	if (more == 0)
		return 1;
	snprintf(line, sizeof(line), "%s:%u: %s", path, f.line, f.fault);
	say(line);
	return -1;
}

/* The file that MPSHIM_CONFIG names, which must exist: as settings_file(). */
static int
settings_named_file(struct settings *s, const char *path, settings_say *say)
{
	char line[SETTINGS_SAY];
	int n = 0;

	if (path[0] == '\0' || strcmp(path, "none") == 0)
		return 0;
	if (path[0] == '/')
		n = settings_file(s, path, FROM_USER, say);
	if (n == 0) {
		snprintf(line, sizeof(line), "MPSHIM_CONFIG: %.*s: %s",
		    SETTINGS_PATH - 1, path, path[0] == '/' ?
		    strerror(ENOENT) : "want an absolute path, or none");
		say(line);
	}
	return n <= 0 ? -1 : n;
}

bool
settings_files(struct settings *s, char **envp, settings_say *say)
{
	const char *named = settings_variable(envp, "MPSHIM_CONFIG");
	char path[SETTINGS_PATH];
	int n = 0;

	if (named != NULL)
		n = settings_named_file(s, named, say);
	else {
		if (settings_path(path, envp, FROM_USER))
			n = settings_file(s, path, FROM_USER, say);
		if (n >= 0 && settings_path(path, envp, FROM_SYSTEM))
			n = settings_file(s, path, FROM_SYSTEM, say);
	}
	if (n < 0)
		memset(s, 0, sizeof(*s));
	return n >= 0;
}
