/* SPDX-License-Identifier: ISC */
#include "conf.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config_file.h"
#include "process/log.h"
#include "rules.h"
#include "settings.h"
#include "shared/connect_agent.h"
#include "shared/ipc.h"

static struct conf conf;

static void
conf_complain(const char *line)
{
	log_say(LOG_ERROR, LOG_ALWAYS, "%s", line);
}

/* The file of a key: an absolute path, else the user's, else the system's.
 * False: there is none, which is logged. */
static bool
conf_key_path(char path[SETTINGS_PATH], const char *name, const char *home)
{
	const int size = SETTINGS_PATH;
	int n;

	if (name[0] == '/') {
		n = snprintf(path, (size_t)size, "%s", name);
		return n > 0 && n < size;
	}
	if (home != NULL) {
		n = snprintf(path, (size_t)size,
		    "%s/.config/mpshim/keys/%s.key", home, name);
		if (n > 0 && n < size && access(path, F_OK) == 0)
			return true;
	}
	n = snprintf(path, (size_t)size, "/etc/mpshim/keys/%s.key", name);
	if (n > 0 && n < size && access(path, F_OK) == 0)
		return true;
	log_say(LOG_ERROR, LOG_ALWAYS,
	    "no key %s: neither %s/.config/mpshim/keys/%s.key nor %s", name,
	    home != NULL ? home : "~", name, path);
	return false;
}

/* Appends the path of each key of a list, separated by blanks, to conf.keys. */
static void
conf_load_keys(const char *list, const char *home)
{
	char name[CONFIG_FILE_WORD], path[SETTINGS_PATH];
	size_t len = 0, more, n;

	for (; *list != '\0'; list += n + strspn(list + n, " ")) {
		n = strcspn(list, " ");
		memcpy(name, list, n); /* fits: settings.c bounds a word */
		name[n] = '\0';
		if (!conf_key_path(path, name, home))
			continue;
		more = strlen(path);
		if (len + more + 2 > sizeof(conf.keys)) {
			log_say(LOG_ERROR, LOG_ALWAYS, "MPSHIM_KEY: too long");
			return;
		}
		memcpy(conf.keys + len, path, more);
		len += more;
		conf.keys[len++] = '\n';
	}
}

void
conf_load(char **envp)
{
	const char *keys = settings_variable(envp, "MPSHIM_KEY");
	struct settings *set = &conf.set;
	bool well;

	log_setup(settings_variable(envp, "MPSHIM_LOG"));
	/* An empty MPSHIM_KEY turns the library off. */
	if (keys != NULL && keys[strspn(keys, " \t\n")] == '\0')
		return;
	settings_environ(set, envp, conf_complain);
	well = settings_files(set, envp, conf_complain);
	conf.active = !well || set->keys[0] != '\0';
	if (!conf.active) {
		memset(set, 0, sizeof(*set));
		return;
	}
	conf_load_keys(set->keys, settings_home(envp));
	conf.told = conf.keys[0] == '\0';
	conf.filters = rules_filter(&set->rules, conf.filter,
	    &conf.filter_rest);
	snprintf(conf.program, sizeof(conf.program), "%s",
	    program_invocation_short_name);
	connect_agent_setup(envp);
}

const struct conf *
conf_get(void)
{
	return &conf;
}

/* Others may be reading the list: it is complete at any time. */
void
conf_exclude(const char *interface)
{
	static atomic_flag busy = ATOMIC_FLAG_INIT;
	char *list = conf.set.no_interfaces;
	size_t len, n = strlen(interface);

	while (atomic_flag_test_and_set(&busy))
		continue;
	len = strlen(list);
	if (len + n + 2 <= sizeof(conf.set.no_interfaces)) {
		memcpy(list + len + 1, interface, n + 1);
		list[len] = ' ';
	}
	atomic_flag_clear(&busy);
}

void
conf_refuse(void)
{
	conf.keys[0] = '\0';
}

bool
conf_port_plain(uint16_t port)
{
	return port == RULES_NAMES;
}
