// SPDX-License-Identifier: MIT
/*
 * env.c - collects the circumstances: what the host left in a file, and what the guest sees.
 */
#include "env.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <mmapdemo/queue.h>

#include "foreign.h"

/* First line of a file, without its end; null when it cannot be read. */
static json_t *file_line(const char *path)
{
	char line[4096];
	FILE *f = fopen(path, "re");
	json_t *text = NULL;

	if (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		text = json_string(line);	/* NULL if it is not UTF-8 */
	}
	if (f)
		fclose(f);
	return text ? text : json_null();
}

static json_t *cpu_model(void)
{
	char line[512];
	FILE *f = fopen("/proc/cpuinfo", "re");
	json_t *text = NULL;

	while (f && !text && fgets(line, sizeof(line), f)) {
		char *value = strchr(line, ':');

		if (strncmp(line, "model name", 10) || !value)
			continue;
		value += strspn(value, ": \t");
		value[strcspn(value, "\n")] = '\0';
		text = json_string(value);
	}
	if (f)
		fclose(f);
	return text ? text : json_null();
}

/* Take over what is there and of the right kind; a strange file must not stop a benchmark. */
static void add_host(json_t *env, const char *host_file)
{
	static const char *const keys[] = {
		"qemu_version", "accelerator", "qemu_cmdline", "host_cpu", "host_kernel",
		"git_revision", "host_load", "date",
	};
	json_t *host = json_load_file(host_file, 0, NULL);

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_t *value = json_object_get(host, keys[i]);

		json_object_set(env, keys[i], value ? value : json_null());
	}
	json_decref(host);
}

static void guess_accelerator(json_t *env)
{
	const char *model = json_string_value(json_object_get(env, "cpu_model"));

	if (json_is_string(json_object_get(env, "accelerator")) || !model)
		return;
	if (strstr(model, "QEMU TCG"))
		json_object_set_new(env, "accelerator", json_string("tcg"));
}

bool mmb_is_emulated(const char *host_file)
{
	json_t *env = json_object();
	const char *accelerator;
	bool emulated;

	if (!env)
		abort();
	add_host(env, host_file);
	json_object_set_new(env, "cpu_model", cpu_model());
	guess_accelerator(env);
	accelerator = json_string_value(json_object_get(env, "accelerator"));
	emulated = accelerator && !strcmp(accelerator, "tcg");
	json_decref(env);
	return emulated;
}

static void add_foreign(json_t *env, const struct mmb_foreign *f, const struct mmb_options *opt)
{
	char id[16], range[64];

	snprintf(id, sizeof(id), "%04x:%04x", f->bar.vendor, f->bar.device);
	snprintf(range, sizeof(range), "BAR %u, 0x%llx+%zu, %u bytes at a time%s", opt->bar,
		 (unsigned long long)opt->range_off, f->len, f->width, f->saved ? ", written" : "");
	json_object_set_new(env, "device", json_string(strrchr(f->pci.path, '/') + 1));
	json_object_set_new(env, "device_id", json_string(id));
	json_object_set_new(env, "device_memory", json_integer((json_int_t)f->pci.bar_len));
	json_object_set_new(env, "bar", json_string(range));
	json_object_set_new(env, "iommu", json_boolean(mmb_pci_is_translated(&f->pci)));
}

json_t *mmb_env_collect(const struct mmb_session *s, const char *host_file)
{
	json_t *env = json_object();
	struct utsname uts;

	if (!env)
		abort();
	add_host(env, host_file);
	json_object_set_new(env, "kernel", uname(&uts) ? json_null() : json_string(uts.release));
	json_object_set_new(env, "machine", uname(&uts) ? json_null() : json_string(uts.machine));
	json_object_set_new(env, "cmdline", file_line("/proc/cmdline"));
	json_object_set_new(env, "cpu_model", cpu_model());
	json_object_set_new(env, "cpus", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
	json_object_set_new(env, "clocksource",
		file_line("/sys/devices/system/clocksource/clocksource0/current_clocksource"));
	json_object_set_new(env, "load", file_line("/proc/loadavg"));
	json_object_set_new(env, "module_srcversion", file_line("/sys/module/mmapdemo/srcversion"));
	guess_accelerator(env);
	json_object_set_new(env, "pinned_to_cpu", json_integer(s->cpu));
	if (s->foreign) {
		add_foreign(env, s->foreign, s->opt);
		return env;
	}
	json_object_set_new(env, "device", json_string(s->info.bus_id));
	json_object_set_new(env, "device_memory", json_integer((json_int_t)s->info.mem_size));
	json_object_set_new(env, "device_memory_cache",
			    json_string(mmd_cache_name(s->info.mem_cache)));
	json_object_set_new(env, "engine", json_string(
			    mmd_engine_name(s->info.engine & MMAPDEMO_ENGINE_KIND)));
	json_object_set_new(env, "iommu", json_boolean(s->info.state & MMAPDEMO_STATE_IOMMU));
	return env;
}
