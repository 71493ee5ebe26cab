/* SPDX-License-Identifier: ISC */
#include "conf.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

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

/* Appends a line to conf.keys; false: no room. */
static bool
conf_add_line(const char *begin, size_t len, const char *end)
{
	size_t is = strlen(conf.keys), more = strlen(end);

	if (is + len + more + 2 > sizeof(conf.keys))
		return false;
	memcpy(conf.keys + is, begin, len);
	memcpy(conf.keys + is + len, end, more);
	memcpy(conf.keys + is + len + more, "\n", 2);
	return true;
}

/* Writes what the agent is to look for (agent/keyring.h): the directories of the
 * user and of the system, and the names of a list, separated by blanks. */
static void
conf_load_keys(const char *list, const char *home)
{
	bool fits = list[0] == '\0' || ((home == NULL || conf_add_line(home,
	    strlen(home), "/.config/mpshim/")) &&
	    conf_add_line("/etc/mpshim/", 12, ""));
	size_t n;

	for (; fits && *list != '\0'; list += n + strspn(list + n, " ")) {
		n = strcspn(list, " ");
		fits = conf_add_line(list, n, "");
	}
	if (!fits)
		log_say(LOG_ERROR, LOG_ALWAYS, "MPSHIM_KEY: too long");
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
