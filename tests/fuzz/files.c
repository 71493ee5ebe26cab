/* SPDX-License-Identifier: ISC */
/* Instead of libFuzzer: runs the files of a directory through the target. */
#include <dirent.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

enum { FILES_MAX = 1 << 20 }; /* bytes of an input */

static void
files_run(const char *path)
{
	uint8_t *data = malloc(FILES_MAX), *exact;
	FILE *f = fopen(path, "re");
	size_t n;

	if (f == NULL || data == NULL)
		err(1, "%s", path);
	n = fread(data, 1, FILES_MAX, f);
	fclose(f);
	exact = fuzz_exact(data, n);
	free(data);
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
}

int
main(int argc, char **argv)
{
	char path[4096];
	struct dirent *e;
	unsigned n = 0;
	DIR *d;

	if (argc != 2 || (d = opendir(argv[1])) == NULL)
		err(2, "usage: TARGET DIRECTORY");
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], e->d_name);
		/* What breaks is named: the process may end with it. */
		setenv("FUZZ_FILE", path, 1);
		files_run(path);
		n++;
	}
	closedir(d);
	if (n == 0)
		errx(1, "%s: no input", argv[1]);
	printf("%u inputs passed\n", n);
	return 0;
}
