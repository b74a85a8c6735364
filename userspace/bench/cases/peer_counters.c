// SPDX-License-Identifier: MIT
/*
 * peer_counters.c - how many accesses reach the models of other devices (what X1 and X2 are to ours).
 *
 * The others do not count themselves. The host does, by QEMU's trace of memory regions, which the
 * guest switches on and off through vmctl; ours is counted in the same way, beside them, and has to
 * agree with its own counters. Without such a host (other hypervisors, real machines) the rows are skipped.
 * virtio-blk is not among them: its doorbell is an ioeventfd, which leaves no trace.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "../copy.h"
#include "../pci.h"
#include "devmem.h"
#include "peers.h"

static const struct mmb_group group = {
	.title = "Accesses that reach the models of devices, counted by QEMU's trace",
	.meaning = "One yardstick for ours and for the others: loads of mapped device memory, and 4 KiB from a "
		   "device.",
	.unit = "accesses each",
};

#define LOADS		4096u
#define READS		64u
#define BLOCK		4096u
#define ROUNDS		5u

/* What the host returns to a command of its own; NULL: there is no such host. */
static json_t *vmctl(const char *command)
{
	char line[160], reply[16384];
	json_t *root;
	size_t n;
	FILE *f;

	snprintf(line, sizeof(line), "vmctl '{\"execute\": \"%s\"}' 2>/dev/null", command);
	f = popen(line, "r");
	if (!f)
		return NULL;
	n = fread(reply, 1, sizeof(reply) - 1, f);
	reply[n] = '\0';
	if (pclose(f))
		return NULL;
	root = json_loads(reply, 0, NULL);
	if (json_object_get(root, "return")) {
		json_t *result = json_incref(json_object_get(root, "return"));

		json_decref(root);
		return result;
	}
	return root;
}

/* Of one region of memory, by QEMU's name for it. */
static double seen(const json_t *counts, const char *name)
{
	const json_t *of = json_object_get(counts, name);

	return (double)(json_integer_value(json_object_get(of, "read")) +
			json_integer_value(json_object_get(of, "write")));
}

struct counted {
	struct mmb_pci ivshmem;
	bool has_ivshmem;
	char why[128];
	int disk;
	struct mmb_copy *copy;
};

enum { OURS_LOAD, IVSHMEM_LOAD, REGISTER_LOAD, OURS_COPY, NVME, N_ARMS };

static const struct {
	const char *id;
	const char *what;
	const char *region;
	double each;
} arms[N_ARMS] = {
	[OURS_LOAD] = { "X1.peers.ours", "load from our mapped BAR2", "mmapdemo-mem", LOADS },
	[IVSHMEM_LOAD] = { "X1.peers.ivshmem", "load from ivshmem-plain's memory", "shm0", LOADS },
	[REGISTER_LOAD] = { "X1.peers.register", "load of a register of ours (for comparison)",
			    "mmapdemo-regs", LOADS },
	[OURS_COPY] = { "X2.peers.ours", "4 KiB by our queue, polled", "mmapdemo-doorbells", READS },
	[NVME] = { "X2.peers.nvme", "4 KiB read from nvme", "nvme", READS },
};

static enum mmb_rc setup(struct mmb_case *c)
{
	const struct mmb_copy_spec spec = {
		.technique = MMAPDEMO_TECH_PAGES, .direction = MMAPDEMO_DMA_FROM_DEVICE,
		.len = BLOCK,
	};
	struct counted *p = calloc(1, sizeof(*p));
	struct mmb_mem *bar;
	json_t *counts;
	enum mmb_rc rc;

	if (!p)
		abort();
	c->priv = p;
	p->disk = -1;
	json_decref(vmctl("x-count-start"));
	counts = vmctl("x-count-stop");
	if (!json_is_object(counts) || json_object_get(counts, "error")) {
		json_decref(counts);
		return mmb_skip(c, "no host that traces QEMU's memory regions for this guest");
	}
	json_decref(counts);
	for (size_t i = 0; i < N_ARMS; i++)
		mmb_arm_add(c, arms[i].id, arms[i].what, NULL);
	p->has_ivshmem = !mmb_pci_open(&p->ivshmem, "ivshmem-plain", 0x1af4, 0x1110, 2, false, p->why,
				       sizeof(p->why));
	if (!p->has_ivshmem)
		c->arm[IVSHMEM_LOAD].skip = p->why;
	p->disk = open("/dev/nvme0n1", O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (p->disk < 0)
		c->arm[NVME].skip = "there is no /dev/nvme0n1 here";
	if (mmb_mem_get(c->s, MMAPDEMO_TECH_BAR, &bar))
		return mmb_skip(c, "no device memory to be had");
	rc = mmb_copy_new(&c->arm[OURS_COPY], &spec);
	if (!rc && !c->arm[OURS_COPY].skip)
		p->copy = c->arm[OURS_COPY].data;
	return rc;
}

static enum mmb_rc read_disk(struct mmb_case *c, int fd)
{
	for (unsigned int i = 0; i < READS; i++)
		if (pread(fd, c->s->arena, BLOCK, (off_t)i * BLOCK) != BLOCK)
			return mmb_wrong(c, "reading 4 KiB of a disk failed: %s", strerror(errno));
	return MMB_OK;
}

static enum mmb_rc do_it(struct mmb_case *c, size_t i)
{
	volatile void *scratch = mmd_mmio_at(c->s->user.ptr,
					     MMAPDEMO_REG_SCRATCH32 - MMAPDEMO_USER_BASE);
	struct counted *p = c->priv;
	enum mmb_rc rc = MMB_OK;

	switch (i) {
	case OURS_LOAD:
		mmb_load32(c->s->mem[MMAPDEMO_TECH_BAR].map.ptr, LOADS);
		break;
	case IVSHMEM_LOAD:
		mmb_load32(p->ivshmem.bar, LOADS);
		break;
	case REGISTER_LOAD:
		for (unsigned int n = 0; n < LOADS; n++)
			mmd_mmio_read32(scratch);
		break;
	case OURS_COPY:
		for (unsigned int n = 0; n < READS && !rc; n++)
			rc = mmb_copy_batch(p->copy);
		break;
	default:
		rc = read_disk(c, p->disk);
	}
	return rc;
}

static enum mmb_rc count_arm(struct mmb_case *c, size_t i)
{
	json_t *counts;
	enum mmb_rc rc;

	json_decref(vmctl("x-count-start"));
	rc = do_it(c, i);
	counts = vmctl("x-count-stop");
	if (!rc && !json_is_object(counts))
		rc = mmb_wrong(c, "the host gave no counts");
	if (!rc)
		mmb_observe(&c->arm[i], seen(counts, arms[i].region) / arms[i].each);
	json_decref(counts);
	return rc;
}

static enum mmb_rc count_all(struct mmb_case *c)
{
	enum mmb_rc rc = MMB_OK;

	for (unsigned int round = 0; round < ROUNDS && !rc; round++)
		for (size_t i = 0; i < N_ARMS && !rc; i++)
			if (!c->arm[i].skip)
				rc = count_arm(c, i);
	return rc;
}

/* A yardstick that shows 0 proves nothing, unless it also shows what is known to be there. */
static enum mmb_rc verify(struct mmb_case *c)
{
	for (size_t i = 0; i < c->arm[REGISTER_LOAD].seen.n; i++)
		if (c->arm[REGISTER_LOAD].seen.v[i] != 1)
			return mmb_wrong(c, "QEMU's trace shows %g accesses for each load of a register",
					 c->arm[REGISTER_LOAD].seen.v[i]);
	return mmb_copies_verify(c);
}

static void teardown(struct mmb_case *c)
{
	struct counted *p = c->priv;

	mmb_copies_free(c);
	if (p->has_ivshmem)
		mmb_pci_close(&p->ivshmem);
	if (p->disk >= 0)
		close(p->disk);
	free(p);
	c->priv = NULL;
}

static const struct mmb_case_ops ops = {
	.group = &group, .setup = setup, .prepare = mmb_copies_prepare, .run = count_all,
	.verify = verify, .teardown = teardown,
};

void mmb_plan_peer_counters(struct mmb_plan *plan)
{
	mmb_plan_add(plan, &ops, "counters.peers", "X1.peers.ours X1.peers.ivshmem X2.peers.ours X2.peers.nvme",
		     "accesses of other devices, beside ours");
}
