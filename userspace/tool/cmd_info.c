// SPDX-License-Identifier: MIT
/*
 * cmd_info.c - `mmapdemo info`: device, driver, limits and the regions that are always there.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <mmapdemo/queue.h>

#include "object.h"
#include "parse.h"
#include "tool.h"

static error_t parse(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->input;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.parser = parse,
	.doc = "Show device, driver, limits, and the regions that need no allocation.",
	.children = tool_argp_children,
};

static const struct {
	uint64_t bit;
	const char *name;
} features[] = {
	{ MMAPDEMO_FEATURE_DMA_ONESHOT, "dma-oneshot" },
	{ MMAPDEMO_FEATURE_DMA_SG, "dma-sg" },
	{ MMAPDEMO_FEATURE_DMA_TIMED, "dma-timed" },
	{ MMAPDEMO_FEATURE_QUEUES, "queues" },
	{ MMAPDEMO_FEATURE_ALIAS, "alias" },
}, states[] = {
	{ MMAPDEMO_STATE_RAW_BAR, "allow_raw_bar" },
	{ MMAPDEMO_STATE_IOMMU, "iommu" },
	{ MMAPDEMO_STATE_EXCLUSIVE, "exclusive" },
}, caps[] = {
	{ MMAPDEMO_CAP_URING, "io_uring" },
	{ MMAPDEMO_CAP_DMABUF, "dma-buf" },
	{ MMAPDEMO_CAP_RAM_TYPES, "ram-types" },
	{ MMAPDEMO_CAP_MMAP_PREPARE, "mmap-prepare" },
};

static void show_techniques(struct tool *tool, const struct mmd_info *info)
{
	char list[128], size[32];
	size_t i;

	tool_say(tool, "  techniques     %s\n",
		 object_techniques(info->techniques, list, sizeof(list)));
	tool_say(tool, "  capabilities  ");
	for (i = 0; i < ARRAY_SIZE(caps); i++)
		if (info->caps & caps[i].bit)
			tool_say(tool, " %s", caps[i].name);
	tool_say(tool, info->caps ? "\n" : " none\n");
	if (info->huge_size)
		tool_say(tool, "  huge entries   of %s, technique bar-huge\n",
			 format_size(info->huge_size, size, sizeof(size)));
}

static void show_queues(struct tool *tool, const struct mmd_info *info)
{
	char len[32];

	if (!info->num_queues) {
		tool_say(tool, "  queues         none\n");
		return;
	}
	tool_say(tool, "  queues         %u, %u a file, of %u to %u slots; a descriptor moves %s, or %u pieces\n",
		 info->num_queues, info->max_queues, 1u << (info->queue_log2n_min & 31),
		 1u << (info->queue_log2n_max & 31),
		 format_size(info->queue_max_len, len, sizeof(len)), info->queue_max_list);
	tool_say(tool, "  windows        %u, %u a file\n", info->num_windows, info->max_windows);
	tool_say(tool, "  engine         %s%s%s; interrupts of a queue at least %u ns apart\n",
		 mmd_engine_name(info->engine),
		 info->engine & MMAPDEMO_ENGINE_POLLS ? ", polls" : "",
		 info->engine & MMAPDEMO_ENGINE_LOCK_STATS ? ", with lock statistics" : "",
		 info->irq_gap_min_ns);
}

static void show_info(struct tool *tool, const struct mmd_info *info)
{
	char mem[32], avail[32], dma[32], contig[32], bytes[32];
	size_t i;

	tool_say(tool, "%s: mmapdemo, PCI %s, by %s\n", tool->path, info->bus_id,
		 mmd_backend_name(mmd_backend(tool->dev)));
	tool_say(tool, "  versions       driver interface %u, device contract %u.%u\n",
		 info->api_version, info->hw_version >> MMAPDEMO_VERSION_MAJOR_SHIFT,
		 info->hw_version & MMAPDEMO_VERSION_MINOR_MASK);
	tool_say(tool, "  features      ");
	for (i = 0; i < ARRAY_SIZE(features); i++)
		if (info->features & features[i].bit)
			tool_say(tool, " %s", features[i].name);
	tool_say(tool, " (0x%" PRIx64 ")\n", info->features);
	tool_say(tool, "  device memory  %s, %s free, cache type %s\n",
		 format_size(info->mem_size, mem, sizeof(mem)),
		 format_size(info->mem_free, avail, sizeof(avail)),
		 mmd_cache_name(info->mem_cache));
	tool_say(tool, "  DMA            up to bus address 0x%" PRIx64
		 ", %s a transfer, %u transfers outstanding, IOMMU %s\n",
		 info->dma_mask, format_size(info->dma_max_len, dma, sizeof(dma)),
		 info->max_transfers, info->state & MMAPDEMO_STATE_IOMMU ? "on" : "off");
	show_techniques(tool, info);
	show_queues(tool, info);
	tool_say(tool, "  one file has   %u buffers, %s of system memory, %s contiguous at most\n",
		 info->max_bufs, format_size(info->max_bytes, bytes, sizeof(bytes)),
		 format_size(info->max_contig, contig, sizeof(contig)));
	tool_say(tool, "  control block  %s\n",
		 mmd_backend(tool->dev) != MMD_BACKEND_DRIVER ? "this process's own" :
		 info->state & MMAPDEMO_STATE_RAW_BAR ?
		 "may be mapped with CAP_SYS_RAWIO (module parameter allow_raw_bar)" :
		 "not mappable (module parameter allow_raw_bar)");
	tool_say(tool, "  page size      %u\n\n", info->page_size);
}

static json_t *info_json(const struct mmd_info *info)
{
	json_t *obj, *feature_names = json_array(), *state_names = json_array();
	json_t *techniques = json_array(), *cap_names = json_array();
	uint32_t id;
	size_t i;

	for (id = 1; id <= MMAPDEMO_TECH_MAX; id++)
		if (info->techniques & 1u << id)
			json_array_append_new(techniques, json_string(mmd_technique_name(id)));
	for (i = 0; i < ARRAY_SIZE(caps); i++)
		if (info->caps & caps[i].bit)
			json_array_append_new(cap_names, json_string(caps[i].name));

	for (i = 0; i < ARRAY_SIZE(features); i++)
		if (info->features & features[i].bit)
			json_array_append_new(feature_names, json_string(features[i].name));
	for (i = 0; i < ARRAY_SIZE(states); i++)
		if (info->state & states[i].bit)
			json_array_append_new(state_names, json_string(states[i].name));
	obj = json_pack("{s:s, s:i, s:i, s:i, s:o, s:o, s:o}",
			"bus_id", info->bus_id,
			"api_version", (int)info->api_version,
			"hw_version_major", (int)(info->hw_version >> MMAPDEMO_VERSION_MAJOR_SHIFT),
			"hw_version_minor", (int)(info->hw_version & MMAPDEMO_VERSION_MINOR_MASK),
			"features", json_hex(info->features),
			"feature_names", feature_names,
			"state_names", state_names);
	json_object_set_new(obj, "mem_size", json_integer((json_int_t)info->mem_size));
	json_object_set_new(obj, "mem_free", json_integer((json_int_t)info->mem_free));
	json_object_set_new(obj, "mem_cache", json_string(mmd_cache_name(info->mem_cache)));
	json_object_set_new(obj, "dma_mask", json_hex(info->dma_mask));
	json_object_set_new(obj, "dma_max_len", json_integer((json_int_t)info->dma_max_len));
	json_object_set_new(obj, "max_contig", json_integer((json_int_t)info->max_contig));
	json_object_set_new(obj, "max_bytes", json_integer((json_int_t)info->max_bytes));
	json_object_set_new(obj, "max_bufs", json_integer(info->max_bufs));
	json_object_set_new(obj, "max_transfers", json_integer(info->max_transfers));
	json_object_set_new(obj, "instance", json_integer(info->instance));
	json_object_set_new(obj, "page_size", json_integer(info->page_size));
	json_object_set_new(obj, "num_queues", json_integer(info->num_queues));
	json_object_set_new(obj, "num_windows", json_integer(info->num_windows));
	json_object_set_new(obj, "max_queues", json_integer(info->max_queues));
	json_object_set_new(obj, "max_windows", json_integer(info->max_windows));
	json_object_set_new(obj, "queue_log2n_min", json_integer(info->queue_log2n_min));
	json_object_set_new(obj, "queue_log2n_max", json_integer(info->queue_log2n_max));
	json_object_set_new(obj, "queue_max_len", json_integer(info->queue_max_len));
	json_object_set_new(obj, "queue_max_list", json_integer(info->queue_max_list));
	json_object_set_new(obj, "irq_gap_min_ns", json_integer(info->irq_gap_min_ns));
	json_object_set_new(obj, "engine", json_string(mmd_engine_name(info->engine)));
	json_object_set_new(obj, "engine_bits", json_hex(info->engine));
	json_object_set_new(obj, "techniques", techniques);
	json_object_set_new(obj, "cap_names", cap_names);
	json_object_set_new(obj, "huge_size", json_integer((json_int_t)info->huge_size));
	return obj;
}

/* A region that is refused is an answer, not a failure. */
static int show_region(struct tool *tool, uint32_t region, json_t *regions)
{
	struct mmd_explanation why;
	struct mmd_buf buf;
	char len[32];
	int ret;

	ret = mmd_region_info(tool->dev, region, &buf);
	/* Unknown to an older driver, or not on this device: that is an answer too. */
	if (ret == -EPERM || ret == -EINVAL || ret == -EOPNOTSUPP) {
		tool_say(tool, "  %-10s refused: %s\n", mmd_region_name(region),
			 ret == -EINVAL ? "unknown to this driver" :
			 ret == -EOPNOTSUPP && mmd_refused(tool->dev) ? "not by this backend" :
			 ret == -EOPNOTSUPP ? "the device has none" :
			 region == MMAPDEMO_REGION_CTRL ?
			 "needs CAP_SYS_RAWIO and allow_raw_bar" : "needs an exclusive open");
		mmd_explain(MMD_CALL_REGION_INFO, ret, &why);
		json_array_append_new(regions, json_pack("{s:s, s:b, s:s}",
							 "region", mmd_region_name(region),
							 "refused", 1, "cause", why.cause));
		return 0;
	}
	if (ret)
		return tool_explain(tool, MMD_CALL_REGION_INFO, ret, mmd_region_name(region));
	tool_say(tool, "  %-10s %-8s %-8s %s\n", mmd_region_name(region),
		 mmd_technique_name(buf.technique), mmd_cache_name(buf.cache),
		 format_size(buf.len, len, sizeof(len)));
	json_array_append_new(regions, json_pack("{s:s, s:b, s:s, s:s, s:I, s:o}",
						 "region", mmd_region_name(region), "refused", 0,
						 "technique", mmd_technique_name(buf.technique),
						 "cache", mmd_cache_name(buf.cache),
						 "len", (json_int_t)buf.len,
						 "offset", json_hex(buf.offset)));
	return 0;
}

int cmd_info(struct tool *tool, int argc, char **argv)
{
	json_t *regions = json_array();
	struct mmd_info info;
	uint32_t region, last;
	int ret;

	json_object_set_new(tool->result, "regions", regions);
	argp_parse(&argp, argc, argv, 0, NULL, tool);
	ret = tool_open(tool, MMD_OPEN_RDONLY);
	if (ret)
		return ret;
	ret = mmd_info(tool->dev, &info);
	if (ret)
		return tool_explain(tool, MMD_CALL_INFO, ret, NULL);
	json_object_set_new(tool->result, "device", json_string(tool->path));
	json_object_set_new(tool->result, "backend",
			    json_string(mmd_backend_name(mmd_backend(tool->dev))));
	json_object_set_new(tool->result, "info", info_json(&info));
	show_info(tool, &info);
	tool_say(tool, "  %-10s %-8s %-8s %s\n", "REGION", "MAPPED", "CACHE", "SIZE");
	last = info.features & MMAPDEMO_FEATURE_ALIAS && info.api_version >= 2 ?
	       MMAPDEMO_REGION_ALIAS : MMAPDEMO_REGION_MEM;
	for (region = MMAPDEMO_REGION_EXAMPLE; region <= last; region++) {
		ret = show_region(tool, region, regions);
		if (ret)
			return ret;
	}
	return STATUS_OK;
}
