/* SPDX-License-Identifier: ISC */
/* What each command of mpctl says of itself; mpctl(1) says more. */
#include <stdio.h>
#include <string.h>

#include "ctl.h"

static const struct {
	const char *command, *text;
} helps[] = {
	{ "keygen",
	    "usage: mpctl keygen NAME\n"
	    "\n"
	    "Makes ~/.config/mpshim/keys/NAME.key, which stays here, and\n"
	    "./NAME.peer.key, which becomes ~/.config/mpshim/keys/NAME.key on\n"
	    "the other host and is to be deleted here.  Nothing is "
	    "overwritten.\n" },
	{ "status",
	    "usage: mpctl status [--json] [PID]\n"
	    "\n"
	    "Shows your programs under mpshim in this network namespace, their\n"
	    "peers and the paths to them; with PID one process only.\n"
	    "\n"
	    "      --json   for programs: mpctl(1) tells the fields\n" },
	{ "watch",
	    "usage: mpctl watch [PID]\n"
	    "\n"
	    "Shows the status live, a line for each path with its last "
	    "seconds.\n"
	    "Keys: q quits, s sorts, h explains, arrows scroll.\n" },
	{ "events",
	    "usage: mpctl events [--no-samples] [--port PORT]\n"
	    "\n"
	    "Says what happens, as it happens, a line of JSON for each, until\n"
	    "it is interrupted; waits where no program runs under mpshim.\n"
	    "\n"
	    "      --no-samples  leave the round-trip times out\n"
	    "      --port PORT   of that UDP port only\n" },
	{ "record",
	    "usage: mpctl record FILE PID\n"
	    "\n"
	    "What mprun --events asks, in its name: writes the events to FILE\n"
	    "in the background while process PID lives.\n" },
	{ "doctor",
	    "usage: mpctl doctor [--json] [ADDRESS:PORT]\n"
	    "\n"
	    "Looks for what stops multipath on this host, and gives the\n"
	    "command that mends it.  With the address of a program under\n"
	    "mpshim, tries each pair of addresses.  Exits with 0 where all is\n"
	    "well, and 1 where something stops multipath.\n"
	    "\n"
	    "      --json   for programs: mpctl(1) tells the fields\n" },
	{ "check-config",
	    "usage: mpctl check-config [--file FILE] [ADDRESS[:PORT]...]\n"
	    "\n"
	    "Explains the configuration, line by line, and what each address\n"
	    "gets and by which line.  mpshim.conf(5) tells of its lines.\n"
	    "\n"
	    "      --file FILE   this file alone, not the usual ones\n" },
	{ "check-program",
	    "usage: mpctl check-program PROGRAM\n"
	    "\n"
	    "Would it run under mpshim?  Exits with 0, or says why not: 1, it\n"
	    "is refused; 126, it cannot be run; 127, there is none.\n" },
	{ "check-run",
	    "usage: mpctl check-run PROGRAM\n"
	    "\n"
	    "What mprun asks, in its name: are the environment and the program\n"
	    "right?\n" },
};

int
ctl_help(const char *command)
{
	size_t i;

	for (i = 0; i < sizeof(helps) / sizeof(helps[0]); i++)
		if (strcmp(helps[i].command, command) == 0) {
			fputs(helps[i].text, stdout);
			return CTL_OK;
		}
	return CTL_USAGE;
}
