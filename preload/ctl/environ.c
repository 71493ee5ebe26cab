/* SPDX-License-Identifier: ISC */
/* Checks the MPSHIM_ variables before a program runs, so that mprun can refuse
 * a mistake at once. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "say.h"
#include "policy/config_file.h"
#include "policy/rules.h"
#include "policy/settings.h"
#include "shared/connect_agent.h"
#include "shared/ipc.h"

static bool
environ_value_ok(enum setting what, const char *word)
{
	struct directive d;

	return config_file_value(&d, what, word);
}

static bool
environ_peer_ok(const char *word)
{
	return strchr(word, '/') == NULL && environ_value_ok(SET_PROTECT, word);
}

static bool
environ_plain_ok(const char *word)
{
	return environ_value_ok(SET_PLAIN, word);
}

static bool
environ_interface_ok(const char *word)
{
	return environ_value_ok(SET_INTERFACE, word);
}

static bool
environ_config_ok(const char *word)
{
	return word[0] == '/' || strcmp(word, "none") == 0;
}

static bool
environ_sessions_ok(const char *word)
{
	return environ_value_ok(SET_SESSIONS, word);
}

static bool
environ_memory_ok(const char *word)
{
	return environ_value_ok(SET_MEMORY, word);
}

static bool
environ_age_ok(const char *word)
{
	return environ_value_ok(SET_RESEND_AGE, word);
}

static bool
environ_spin_ok(const char *word)
{
	return environ_value_ok(SET_SPIN, word);
}

static bool
environ_server_ok(const char *word)
{
	return environ_value_ok(SET_SERVER_ID, word);
}

static bool
environ_switch_ok(const char *word)
{
	return strcmp(word, "1") == 0 || strcmp(word, "0") == 0;
}

static bool
environ_log_ok(const char *word)
{
	static const char *const levels[] = { "error", "warn", "info",
		"debug" };
	size_t i, n = strcspn(word, ":");

	for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (n == strlen(levels[i]) && strncmp(word, levels[i], n) == 0)
			return word[n] == '\0' || word[n + 1] != '\0';
	return false;
}

struct variable {
	const char *name;
	const char *option; /* of mprun, or directive, that sets it */
	bool (*ok)(const char *word);
	size_t words;	/* most entries of a blank-separated list; 0: no list */
	size_t max;	/* most bytes, with the 0; 0: no limit */
	const char *want;
};

static const struct variable variables[] = {
	{ "MPSHIM_PEER", "--peer", environ_peer_ok, RULES_MAX, 0,
	    "ADDRESS[:PORT], as 192.0.2.1:60001 or [2001:db8::1]:60001" },
	{ "MPSHIM_PLAIN", "--plain", environ_plain_ok, RULES_MAX, 0,
	    "ADDRESS[/LEN][:PORT], as 192.0.2.0/24 or [2001:db8::/32]:123" },
	{ "MPSHIM_INTERFACE", "--interface", environ_interface_ok,
	    IPC_NAMES, IPC_NAMES, "the name of a network interface" },
	{ "MPSHIM_NO_INTERFACE", "--no-interface", environ_interface_ok,
	    IPC_NAMES, IPC_NAMES, "the name of a network interface" },
	{ "MPSHIM_ACCEPT_PLAIN", "--accept-plain", environ_switch_ok, 0, 0,
	    "1 or 0" },
	{ "MPSHIM_PREFER", "--prefer", environ_switch_ok, 0, 0,
	    "1 or 0" },
	{ "MPSHIM_CONFIG", "--config", environ_config_ok, 0, 0,
	    "an absolute path, or none" },
	{ "MPSHIM_TELL_PRIVATE", "tell-private", environ_switch_ok, 0, 0,
	    "1 or 0" },
	{ "MPSHIM_BUNDLES", "bundles", environ_switch_ok, 0, 0, "1 or 0" },
	{ "MPSHIM_SESSIONS", "sessions", environ_sessions_ok, 0, 0,
	    "a number of 1 to 100000" },
	{ "MPSHIM_MEMORY", "memory", environ_memory_ok, 0, 0,
	    "a size of 64K to 256M" },
	{ "MPSHIM_RESEND_AGE", "resend-age", environ_age_ok, 0, 0,
	    "a time of 0 to 10s, as 300ms" },
	{ "MPSHIM_SPIN", "--spin", environ_spin_ok, 0, 0,
	    "a number of 0 to 1000, microseconds" },
	{ "MPSHIM_SERVER_ID", "server-id", environ_server_ok, 0, 0,
	    "a number of 1 to 63" },
	{ "MPSHIM_LOG", "-v", environ_log_ok, 0, 256,
	    "error, warn, info or debug, and :FILE where it shall go" },
};

/* Checks each word of a variable; cuts `value', a copy, into words. */
static bool
environ_check_words(const struct variable *v, char *value)
{
	char *word, *rest;
	const char *between = v->words > 0 ? " \t\n" : "";
	size_t n = 0;

	for (word = strtok_r(value, between, &rest); word != NULL;
	    word = strtok_r(NULL, between, &rest), n++)
		if (!v->ok(word)) {
			say_line("%s or %s: \"%s\" is wrong: want %s",
			    v->option, v->name, word, v->want);
			return false;
		}
	if (v->words == 0 || n <= v->words)
		return true;
	say_line("%s or %s: more than %zu entries", v->option, v->name,
	    v->words);
	return false;
}

static int
environ_check_variable(const struct variable *v)
{
	const char *value = getenv(v->name);
	char *copy;
	bool ok;

	if (value == NULL)
		return CTL_OK;
	if (v->max != 0 && strlen(value) >= v->max) {
		say_line("%s or %s: longer than %zu bytes", v->option,
		    v->name, v->max - 1);
		return CTL_USAGE;
	}
	copy = strdup(value);
	if (copy == NULL) {
		say_line("%s", strerror(errno));
		return CTL_FAILED;
	}
	ok = environ_check_words(v, copy);
	free(copy);
	return ok ? CTL_OK : CTL_USAGE;
}

/* Checks that the agent would accept the runtime directory, and makes it. */
static int
environ_check_runtime(void)
{
	const char *set = getenv("MPSHIM_RUNTIME_DIR");
	char path[IPC_PATH];
	int error;

	if (set != NULL && set[0] != '/') {
		say_line("MPSHIM_RUNTIME_DIR: \"%s\" is wrong: want an "
		    "absolute path", set);
		return CTL_USAGE;
	}
	path[0] = '\0';
	error = connect_agent_path(path, 1);
	if (error == 0)
		return CTL_OK;
	if (error == -EPERM)
		say_line("%s must be yours alone, mode 0700; or set "
		    "MPSHIM_RUNTIME_DIR", path);
	else
		say_line("%s: %s; MPSHIM_RUNTIME_DIR can name another "
		    "directory", path, strerror(-error));
	return CTL_FAILED;
}

static unsigned faults;

static void
environ_complain(const char *line)
{
	/* Further complaints often follow from the first. */
	if (faults++ == 0)
		say_line("%s", line);
}

int
ctl_environ_check(void)
{
	static struct settings settings;
	size_t i;
	int status = CTL_OK;

	for (i = 0; i < sizeof(variables) / sizeof(variables[0]) &&
	    status == CTL_OK; i++)
		status = environ_check_variable(&variables[i]);
	if (status != CTL_OK)
		return status;
	settings_environ(&settings, environ, environ_complain);
	if (faults > 0)
		return CTL_USAGE;
	if (!settings_files(&settings, environ, environ_complain))
		return CTL_FAILED;
	/* The library wants a key to be asked for: all peers, where none is
	 * named. */
	if (settings.keys[0] == '\0' && getenv("MPSHIM_KEY") == NULL) {
		setenv("MPSHIM_KEY", "*", 1);
		memcpy(settings.keys, "*", 2);
	}
	status = ctl_keys_check(settings.keys);
	return status == CTL_OK ? environ_check_runtime() : status;
}
