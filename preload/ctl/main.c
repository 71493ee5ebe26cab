/* SPDX-License-Identifier: ISC */
/* mpctl: the command line. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

static const char help[] =
    "usage: mpctl keygen NAME             make both halves of a key\n"
    "       mpctl status [--json] [PID]   show programs, peers and paths\n"
    "       mpctl watch [PID]             the same, live\n"
    "       mpctl events [--no-samples] [--port PORT]\n"
    "                                     say what happens, as it happens\n"
    "       mpctl doctor [--json] [ADDRESS:PORT]\n"
    "                                     what stops multipath here, and what\n"
    "                                     to do; with a peer, try it\n"
    "       mpctl check-config [--file FILE] [ADDRESS[:PORT]...]\n"
    "                                     explain the configuration, and what\n"
    "                                     these destinations get of it\n"
    "       mpctl check-program PROGRAM   would it run under mpshim?\n"
    "       mpctl COMMAND --help          what a command does\n"
    "       mpctl --help | --version\n"
    "\n"
    "keygen writes ~/.config/mpshim/keys/NAME.key, which stays here, and\n"
    "./NAME.peer.key, which becomes ~/.config/mpshim/keys/NAME.key on the\n"
    "other host.  status shows what your programs in this network namespace\n"
    "do; PID shows one process only.\n";

static int
command_usage(const char *why, const char *what)
{
	ctl_error("%s%s; mpctl --help tells more", why, what);
	return CTL_USAGE;
}

static int
keygen(int argc, char **argv)
{
	if (argc != 1)
		return command_usage("keygen wants one NAME", "");
	return ctl_keygen(argv[0]);
}

/* A number of 1..most and nothing else; 0: it is none. */
static uint32_t
command_number(const char *text, unsigned long most)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	return text[0] < '1' || text[0] > '9' || *end != '\0' || errno != 0 ||
	    n > most ? 0 : (uint32_t)n;
}

/* A process id, which may be missing; false, and says so: it is none. */
static bool
take_pid(const char *too_many, int argc, char **argv, uint32_t *pid)
{
	if (argc > 1)
		(void)command_usage(too_many, "");
	else if (argc == 1 && (*pid = command_number(argv[0], INT32_MAX)) == 0)
		(void)command_usage("not a process id: ", argv[0]);
	else
		return true;
	return false;
}

static int
command_status(int argc, char **argv)
{
	bool json = false;
	uint32_t pid = 0;
	int i, n = 0;

	for (i = 0; i < argc; i++)
		if (strcmp(argv[i], "--json") == 0)
			json = true;
		else if (argv[i][0] == '-')
			return command_usage("status has no option ", argv[i]);
		else
			argv[n++] = argv[i];
	if (!take_pid("status wants one PID at most", n, argv, &pid))
		return CTL_USAGE;
	return ctl_status(json, pid);
}

static int
command_watch(int argc, char **argv)
{
	uint32_t pid = 0;

	if (!take_pid("watch wants one PID at most", argc, argv, &pid))
		return CTL_USAGE;
	return ctl_watch(pid);
}

static int
command_events(int argc, char **argv)
{
	bool samples = true;
	uint32_t port = 0;
	int i;

	for (i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--no-samples") == 0) {
			samples = false;
			continue;
		}
		if (strcmp(argv[i], "--port") != 0)
			return command_usage("events does not take ", argv[i]);
		if (++i == argc)
			return command_usage("--port wants a port", "");
		port = command_number(argv[i], UINT16_MAX);
		if (port == 0)
			return command_usage("not a port: ", argv[i]);
	}
	return ctl_events(port, samples);
}

/* What mprun --events asks, as mprun: FILE PID. */
static int
command_record(int argc, char **argv)
{
	uint32_t pid = argc == 2 ? command_number(argv[1], INT32_MAX) : 0;

	if (pid == 0)
		return command_usage("record wants FILE and PID", "");
	ctl_name("mprun");
	return ctl_record(argv[0], pid);
}

static int
doctor(int argc, char **argv)
{
	bool as_json = argc > 0 && strcmp(argv[0], "--json") == 0;

	argc -= as_json;
	argv += as_json;
	if (argc > 0 && argv[0][0] == '-')
		return command_usage("doctor has no option ", argv[0]);
	if (argc > 1)
		return command_usage("doctor wants one ADDRESS:PORT at most", "");
	return ctl_doctor(as_json, argc == 1 ? argv[0] : NULL);
}

static int
check_config(int argc, char **argv)
{
	const char *file = NULL;

	if (argc > 0 && strcmp(argv[0], "--file") == 0) {
		if (argc == 1 || argv[1][0] == '\0')
			return command_usage("--file wants a FILE", "");
		file = argv[1];
		argc -= 2;
		argv += 2;
	}
	if (argc > 0 && argv[0][0] == '-')
		return command_usage("check-config has no option ", argv[0]);
	return ctl_config(file, argc, argv);
}

static int
check_program(int argc, char **argv)
{
	int status;

	if (argc != 1)
		return command_usage("check-program wants one PROGRAM", "");
	status = ctl_program_check(argv[0]);
	if (status == CTL_OK)
		printf("%s can run under mpshim\n", argv[0]);
	return status;
}

/* What mprun asks, as mprun: is the environment right, and the program? */
static int
check_run(int argc, char **argv)
{
	int status;

	if (argc != 1)
		return command_usage("check-run wants one PROGRAM", "");
	ctl_name("mprun");
	status = ctl_environ_check();
	if (status == CTL_OK)
		status = ctl_program_check(argv[0]);
	return status;
}

static int
version(int argc, char **argv)
{
	(void)argv;
	if (argc != 0)
		return command_usage("--version stands alone", "");
	puts("mpshim " MPSHIM_VERSION);
	return CTL_OK;
}

static int
show_help(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	fputs(help, stdout);
	return CTL_OK;
}

static bool
wants_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} commands[] = {
		{ "keygen", keygen },
		{ "status", command_status },
		{ "watch", command_watch },
		{ "events", command_events },
		{ "record", command_record },
		{ "doctor", doctor },
		{ "check-config", check_config },
		{ "check-program", check_program },
		{ "check-run", check_run },
		{ "--version", version },
		{ "--help", show_help },
		{ "-h", show_help },
	};
	size_t i;
	int exits;

	if (argc < 2)
		return command_usage("no command given", "");
	if (argc == 3 && wants_help(argv[2]) && ctl_help(argv[1]) == CTL_OK)
		return ctl_flush();
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		exits = commands[i].run(argc - 2, argv + 2);
		return exits == CTL_OK ? ctl_flush() : exits;
	}
	return command_usage("no such command: ", argv[1]);
}
