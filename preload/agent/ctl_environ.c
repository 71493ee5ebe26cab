/* SPDX-License-Identifier: ISC */
/* Whether the MPSHIM_ variables are right, so that mistakes show at once. */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "ctl.h"
#include "ipc.h"

enum { ADDRESS_TEXT = 64 }; /* longer than any address with all its parts */

/* Is it a number of low..high and nothing else? */
static bool
number_ok(const char *text, unsigned long low, unsigned long high)
{
	size_t n = strspn(text, "0123456789");
	unsigned long value;

	if (n == 0 || n > 5 || text[n] != '\0')
		return false;
	value = strtoul(text, NULL, 10);
	return value >= low && value <= high;
}

/* Cuts the port off, where there is one; *v6 says that A is IPv6 by its form.
 * Leaves *host.  False: brackets or port are wrong. */
static bool
cut_port(char *text, char **host, bool *v6)
{
	char *end = strrchr(text, ':');

	*host = text;
	*v6 = end != NULL && strchr(text, ':') != end;
	if (text[0] == '[') {
		*host = text + 1;
		*v6 = true;
		end = strchr(text, ']');
		if (end == NULL || (end[1] != ':' && end[1] != '\0'))
			return false;
		*end = '\0';
		return end[1] == '\0' || number_ok(end + 2, 1, UINT16_MAX);
	}
	if (end == NULL || *v6)
		return true;
	*end = '\0';
	return number_ok(end + 1, 1, UINT16_MAX);
}

/* A[:P], with `prefix' A[/L][:P]; IPv6 with a port is in brackets. */
static bool
address_ok(const char *word, bool prefix)
{
	char text[ADDRESS_TEXT], *host, *slash;
	struct in6_addr ip;
	bool v6;
	int n;

	n = snprintf(text, sizeof(text), "%s", word);
	if (n < 0 || (size_t)n >= sizeof(text) || !cut_port(text, &host, &v6))
		return false;
	slash = prefix ? strchr(host, '/') : NULL;
	if (slash != NULL) {
		*slash = '\0';
		if (!number_ok(slash + 1, 0, v6 ? 128 : 32))
			return false;
	}
	return inet_pton(v6 ? AF_INET6 : AF_INET, host, &ip) == 1;
}

static bool
peer_ok(const char *word)
{
	return address_ok(word, false);
}

static bool
plain_ok(const char *word)
{
	return address_ok(word, true);
}

/* As the kernel would take it. */
static bool
interface_ok(const char *word)
{
	return strlen(word) < IF_NAMESIZE && strpbrk(word, "/:") == NULL &&
	    strcmp(word, ".") != 0 && strcmp(word, "..") != 0;
}

static bool
switch_ok(const char *word)
{
	return strcmp(word, "1") == 0 || strcmp(word, "0") == 0;
}

static bool
log_ok(const char *word)
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
	const char *option; /* of mprun, that sets it */
	bool (*ok)(const char *word);
	size_t words;	/* of a blank-separated list, at most; 0: no list */
	size_t max;	/* bytes, where there is a limit; else 0 */
	const char *want;
};

static const struct variable variables[] = {
	{ "MPSHIM_PEER", "--peer", peer_ok, CONF_RULES, 0,
	    "ADDRESS[:PORT], as 192.0.2.1:60001 or [2001:db8::1]:60001" },
	{ "MPSHIM_PLAIN", "--plain", plain_ok, CONF_RULES, 0,
	    "ADDRESS[/LEN][:PORT], as 192.0.2.0/24 or [2001:db8::/32]:123" },
	{ "MPSHIM_INTERFACE", "--interface", interface_ok, IPC_NAMES,
	    IPC_NAMES, "the name of a network interface" },
	{ "MPSHIM_NO_INTERFACE", "--no-interface", interface_ok, IPC_NAMES,
	    IPC_NAMES, "the name of a network interface" },
	{ "MPSHIM_ACCEPT_PLAIN", "--accept-plain", switch_ok, 0, 0,
	    "1 or 0" },
	{ "MPSHIM_PREFER", "--prefer", switch_ok, 0, 0, "1 or 0" },
	{ "MPSHIM_LOG", "-v", log_ok, 0, 256,
	    "error, warn, info or debug, and :FILE where it shall go" },
};

/* Looks at the words of one variable, in a copy of its value. */
static bool
words_ok(const struct variable *v, char *value)
{
	char *word, *rest;
	const char *between = v->words > 0 ? " \t\n" : "";
	size_t n = 0;

	for (word = strtok_r(value, between, &rest); word != NULL;
	    word = strtok_r(NULL, between, &rest), n++)
		if (!v->ok(word)) {
			ctl_error("%s or %s: \"%s\" is wrong: want %s",
			    v->option, v->name, word, v->want);
			return false;
		}
	if (v->words == 0 || n <= v->words)
		return true;
	ctl_error("%s or %s: more than %zu entries", v->option, v->name,
	    v->words);
	return false;
}

static int
variable_check(const struct variable *v)
{
	const char *value = getenv(v->name);
	char *copy;
	bool ok;

	if (value == NULL)
		return CTL_OK;
	if (v->max != 0 && strlen(value) >= v->max) {
		ctl_error("%s or %s: longer than %zu bytes", v->option,
		    v->name, v->max - 1);
		return CTL_USAGE;
	}
	copy = strdup(value);
	if (copy == NULL) {
		ctl_error("%s", strerror(errno));
		return CTL_FAILED;
	}
	ok = words_ok(v, copy);
	free(copy);
	return ok ? CTL_OK : CTL_USAGE;
}

/* The runtime directory must be one that the agent will take. */
static int
runtime_check(void)
{
	const char *set = getenv("MPSHIM_RUNTIME_DIR");
	char path[IPC_PATH];
	int error;

	if (set != NULL && set[0] != '/') {
		ctl_error("MPSHIM_RUNTIME_DIR: \"%s\" is wrong: want an "
		    "absolute path", set);
		return CTL_USAGE;
	}
	path[0] = '\0';
	error = ipc_path(path, 1);
	if (error == 0)
		return CTL_OK;
	if (error == -EPERM)
		ctl_error("%s must be yours alone, mode 0700; or set "
		    "MPSHIM_RUNTIME_DIR", path);
	else
		ctl_error("%s: %s; MPSHIM_RUNTIME_DIR can name another "
		    "directory", path, strerror(-error));
	return CTL_FAILED;
}

int
ctl_environ_check(void)
{
	const char *keys = getenv("MPSHIM_KEY");
	size_t i;
	int status = CTL_OK;

	for (i = 0; i < sizeof(variables) / sizeof(variables[0]) &&
	    status == CTL_OK; i++)
		status = variable_check(&variables[i]);
	if (status == CTL_OK)
		status = ctl_keys_check(keys != NULL ? keys : "");
	if (status == CTL_OK)
		status = runtime_check();
	return status;
}
