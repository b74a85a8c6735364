// SPDX-License-Identifier: MIT
/*
 * replay.c - a fuzzing target without a fuzzer: each file of a directory once, then inputs of a
 * fixed generator. TAP.
 *
 *   replay DIRECTORY RANDOM-INPUTS
 *
 * A finding ends the program, with the input's name on stderr just before.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define INPUT_MAX	4096

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static int replay_file(const char *directory, const char *name)
{
	uint8_t data[INPUT_MAX];
	char path[4096];
	size_t size;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "rb");
	if (!f)
		return -1;
	size = fread(data, 1, sizeof(data), f);
	fclose(f);
	fprintf(stderr, "%s\n", name);
	LLVMFuzzerTestOneInput(data, size);
	return 0;
}

static long replay_directory(const char *directory)
{
	struct dirent *entry;
	DIR *dir = opendir(directory);
	long files = 0;

	if (!dir)
		return -1;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (replay_file(directory, entry->d_name)) {
			closedir(dir);
			return -1;
		}
		files++;
	}
	closedir(dir);
	return files;
}

static void replay_random(long inputs)
{
	uint8_t data[512];
	uint64_t state, word;
	long i;
	size_t at, size;

	for (i = 0; i < inputs; i++) {
		state = i;
		size = 1 + next_random(&state) % sizeof(data);
		for (at = 0; at < size; at += 8) {
			word = next_random(&state);
			memcpy(data + at, &word, size - at < 8 ? size - at : 8);
		}
		LLVMFuzzerTestOneInput(data, size);
	}
}

int main(int argc, char **argv)
{
	long inputs = argc == 3 ? atol(argv[2]) : 0, files;

	if (inputs <= 0) {
		fprintf(stderr, "usage: replay DIRECTORY RANDOM-INPUTS\n");
		return 2;
	}
	printf("1..2\n");
	fflush(stdout);
	files = replay_directory(argv[1]);
	if (files <= 0) {
		printf("not ok 1 - corpus_agrees_with_the_rules\n# %s: nothing to read\n", argv[1]);
		return 1;
	}
	printf("ok 1 - corpus_agrees_with_the_rules # %ld inputs\n", files);
	fflush(stdout);
	replay_random(inputs);
	printf("ok 2 - random_inputs_agree_with_the_rules\n");
	return 0;
}
