// SPDX-License-Identifier: MIT
/*
 * oracle.c - what must hold after every test: a quiet kernel log, a healthy device, nothing leaked.
 *
 * The counts of before the first test are the measure: free device memory, vmalloc areas of the
 * module, and references to it. A test that dies leaves its objects to the kernel, which frees
 * them a moment later; hence the patience.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "busy.h"
#include "machine.h"
#include "oracle.h"
#include "queue.h"

#define HEALTH_MS	10000
#define SETTLE_MS	3000

struct counts {
	u64 mem_free;
	u32 mem_cache;
	long vmalloc_areas;
	long refs;
	long objects;		/* that the driver lists in debugfs; -1: it does not */
	long pins;		/* pages held for a device, by whomever */
};

static int klog = -1;
static struct counts baseline;

/* --- kernel log ---------------------------------------------------------------------------- */

/*
 * Words that mean a failure. Two words must both be there, in this order: they keep apart what the
 * kernel says at every boot ("x86/PAT: Configuration") and what it says when something is wrong.
 */
static const struct {
	const char *word, *then;
} bad_words[] = {
	{ "BUG", NULL },
	{ "WARNING", NULL },
	{ "KASAN", NULL },
	{ "KCSAN", NULL },
	{ "KMSAN", NULL },
	{ "KFENCE", NULL },
	{ "UBSAN", NULL },
	{ "Oops", NULL },
	{ "Kernel panic", NULL },
	{ "general protection fault", NULL },
	{ "unable to handle", NULL },
	{ "Bad page", NULL },
	{ "Bad rss-counter", NULL },
	{ "non-zero pgtables_bytes", NULL },
	{ "refcount_t", NULL },
	{ "DMA-API", NULL },
	{ "DMAR", "fault" },
	{ "DMAR", "DMA Read" },
	{ "DMAR", "DMA Write" },
	{ "ODEBUG", NULL },
	{ "lockdep", NULL },
	{ "possible circular locking", NULL },
	{ "possible recursive locking", NULL },
	{ "possible irq lock inversion", NULL },
	{ "inconsistent lock state", NULL },
	{ "bad unlock balance", NULL },
	{ "held lock freed", NULL },
	{ "still has locks held", NULL },
	{ "invalid wait context", NULL },
	{ "sleeping function", NULL },
	{ "scheduling while atomic", NULL },
	{ "suspicious RCU", NULL },
	{ "hung task", NULL },
	{ "blocked for more than", NULL },
	{ "soft lockup", NULL },
	{ "hard LOCKUP", NULL },
	{ "rcu", "stall" },
	{ "x86/PAT", "map pfn" },
	{ "x86/PAT", "conflicting" },
	{ "x86/PAT", "freeing invalid" },
	{ "ioremap error", NULL },
	{ "unreferenced object", NULL },
	{ "kmemleak", "suspected" },
	{ "list_add corruption", NULL },
	{ "list_del corruption", NULL },
	{ "page allocation failure", NULL },
	{ "nobody cared", NULL },
	{ "Trying to free already-free IRQ", NULL },
	{ "remove_proc_entry", NULL },
	{ "sysfs: cannot create duplicate", NULL },
	{ "Call Trace", NULL },
	{ "klog-reader", "lost" },	/* our own, see klog_read() */
};

/* What kernels that notice bugs say of themselves when they boot. */
static const char *const introductions[] = {
	"RCU lockdep checking is enabled",
	"DMA-API: preallocated",
	"DMA-API: debugging enabled",
};

const char *klog_verdict(const char *line)
{
	const char *planted = getenv("MMAPDEMO_TEST_PLANTED_WORD");

	for (size_t i = 0; i < ARRAY_SIZE(introductions); i++) {
		if (strstr(line, introductions[i]))
			return NULL;
	}
	if (planted && strstr(line, planted) && !strstr(line, "mmapdemo-guest-tests:"))
		return planted;
	for (size_t i = 0; i < ARRAY_SIZE(bad_words); i++) {
		const char *at = strstr(line, bad_words[i].word);

		if (at && (!bad_words[i].then || strstr(at, bad_words[i].then)))
			return bad_words[i].word;
	}
	return NULL;
}

/* The next line without its header. False: no more for now. */
static bool klog_read(char *line, size_t size)
{
	char record[8192], *text;
	ssize_t len;

	do {
		len = read(klog, record, sizeof(record) - 1);
	} while (len < 0 && errno == EINTR);
	if (len < 0 && errno == EPIPE) {
		/* The ring overtook us: silence must not be taken for health. */
		snprintf(line, size, "klog-reader: lines were lost");
		return true;
	}
	if (len < 0)
		return false;
	record[len] = 0;
	text = strchr(record, ';');
	text = text ? text + 1 : record;
	snprintf(line, size, "%.*s", (int)strcspn(text, "\n"), text);
	return true;
}

static bool klog_quiet(void)
{
	unsigned int shown = 0;
	char line[1024];
	bool quiet = true;

	while (klog_read(line, sizeof(line))) {
		const char *word = klog_verdict(line);

		if (word && quiet)
			diag("the kernel log says \"%s\":", word);
		if (word)
			quiet = false;
		/* What follows the first bad line is its explanation. */
		if (!quiet && shown++ < 40)
			diag("| %s", line);
	}
	return quiet;
}

/* --- counts --------------------------------------------------------------------------------- */

static long lines_with(const char *path, const char *word)
{
	char line[512];
	long n = 0;
	FILE *f = fopen(path, "re");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (strstr(line, word))
			n++;
	}
	fclose(f);
	return n;
}

/* Lines of the driver's own lists; standing regions are in the first. */
long oracle_objects(void)
{
	static const char *const lists[] = { "buffers", "mappings", "queues", "windows" };
	char node[64], path[128];
	long sum = 0;

	if (!dev_node_find(node, sizeof(node)))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		long n = lines_with(strf(path, sizeof(path), "/sys/kernel/debug/mmapdemo/%s/%s",
					 node + strlen("/dev/"), lists[i]), "");

		if (n < 0)
			return -1;
		sum += n;
	}
	return sum;
}

/* Pages pinned and not unpinned, in the whole kernel: for direct I/O that is over in a moment. */
static long pins_count(void)
{
	FILE *f;
	char line[128];
	long sum = 0, n;

	/* What processors have counted for themselves. */
	file_try_write("/proc/sys/vm/stat_refresh", "1");
	f = fopen("/proc/vmstat", "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "nr_foll_pin_acquired %ld", &n) == 1)
			sum += n;
		else if (sscanf(line, "nr_foll_pin_released %ld", &n) == 1)
			sum -= n;
	}
	if (f)
		fclose(f);
	return sum;
}

static bool counts_get(struct counts *c)
{
	struct mmapdemo_info info = { .size = sizeof(info) };
	char node[64], text[32];
	int fd;

	memset(c, 0, sizeof(*c));
	c->vmalloc_areas = lines_with("/proc/vmallocinfo", "[mmapdemo]");
	c->objects = oracle_objects();
	c->pins = pins_count();
	c->refs = -1;
	if (!file_read("/sys/module/mmapdemo/refcnt", text, sizeof(text)))
		c->refs = atol(text);
	if (!dev_node_find(node, sizeof(node)))
		return false;
	fd = open(node, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (call(fd, MMAPDEMO_IOC_INFO, &info)) {
		close(fd);
		return false;
	}
	close(fd);
	c->mem_free = info.out_mem_free;
	c->mem_cache = info.out_mem_cache;
	return true;
}

static bool counts_same(const struct counts *a, const struct counts *b)
{
	return a->mem_free == b->mem_free && a->mem_cache == b->mem_cache &&
	       a->vmalloc_areas == b->vmalloc_areas && a->refs == b->refs &&
	       a->objects == b->objects && a->pins == b->pins;
}

static bool nothing_leaked(void)
{
	u64 end = now_ns() + patience_ms(SETTLE_MS) * 1000000ULL;
	struct counts c;
	bool there;

	do {
		there = counts_get(&c);
		if (there && counts_same(&c, &baseline))
			return true;
		sleep_ms(5);
	} while (now_ns() < end);
	if (!there) {
		diag("the device does not answer any more");
		return false;
	}
	diag("left behind: free device memory %lld bytes too little, %ld vmalloc areas",
	     (long long)(baseline.mem_free - c.mem_free), c.vmalloc_areas - baseline.vmalloc_areas);
	diag("  %ld module references, %ld objects, %ld pinned pages; cache type %u, was %u",
	     c.refs - baseline.refs, c.objects - baseline.objects, c.pins - baseline.pins,
	     c.mem_cache, baseline.mem_cache);
	return false;
}

/* --- health --------------------------------------------------------------------------------- */

static void health(void)
{
	/* A queue's ring is not to be mapped by the second node, see dev_is_prepare(). */
	int fd = (unsetenv("MMAPDEMO_NODE"), dev_open(O_RDWR));
	struct mmapdemo_buf_alloc mem = buf_alloc(fd, MMAPDEMO_TECH_COHERENT, PAGE);
	struct mmapdemo_buf_alloc dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE);
	void *m = map_rw(fd, PAGE, mem.out_offset), *d = map_rw(fd, PAGE, dev.out_offset);
	struct queue q;
	sqe_t there;
	u64 id;

	CHECK_OK(reg_try_read(fd, MMAPDEMO_REG_ID, 4, &id));
	CHECK_EQ(id, MMAPDEMO_ID);
	CHECK_EQ(first_not(m, PAGE, 0), PAGE);
	CHECK_EQ(first_not(d, PAGE, 0), PAGE);
	fill(m, PAGE, 1);
	CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, mem.out_handle, 0, dev.out_handle, 0, PAGE,
			  NULL));
	CHECK_EQ(differs(d, PAGE, 1), PAGE);
	CHECK_EQ(differs(m, PAGE, 1), PAGE);
	fill(d, PAGE, 2);
	CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_FROM_DEVICE, mem.out_handle, 0, dev.out_handle, 0, PAGE,
			  NULL));
	CHECK_EQ(differs(m, PAGE, 2), PAGE);
	CHECK_EQ(differs(d, PAGE, 2), PAGE);
	/* And once more there by a queue. */
	q = queue_get(fd, MMAPDEMO_QUEUE_LOG2N_MIN);
	there = sqe_copy(window_get(fd, dev.out_handle, MMAPDEMO_WINDOW_WRITE, 0, PAGE), 0,
			 window_get(fd, mem.out_handle, MMAPDEMO_WINDOW_READ, 0, PAGE), 0, PAGE);
	fill(m, PAGE, 3);
	QUEUE_OK(&q, &there);
	CHECK_EQ(differs(d, PAGE, 3), PAGE);
}

static bool healthy(void)
{
	pid_t pid = child_fork();
	int status;

	if (!pid) {
		health();
		child_exit();
	}
	status = child_poll(pid, HEALTH_MS);
	if (status == -1) {
		kill(pid, SIGKILL);
		diag("health check: no answer within %u ms", patience_ms(HEALTH_MS));
		return false;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_DONE)
		return true;
	diag("health check failed, status %#x", status);
	return false;
}

/* --- the three of them ----------------------------------------------------------------------- */

bool oracle_init(bool bare)
{
	busy_init();
	/* Already mounted is fine. */
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	klog = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (klog < 0) {
		perror("open /dev/kmsg");
		return false;
	}
	/* What was said before is not the first test's doing: there is a test for it. */
	lseek(klog, 0, SEEK_END);
	if (bare)
		return true;
	if (!counts_get(&baseline)) {
		fputs("No mmapdemo device answers: load the module (insmod mmapdemo.ko) and look at dmesg.\n",
		      stderr);
		return false;
	}
	return true;
}

void oracle_begin(const char *test)
{
	char line[160];

	/* The log then shows which test a message belongs to. A full log is not our matter. */
	file_try_write("/dev/kmsg", strf(line, sizeof(line), "mmapdemo-guest-tests: %s\n", test));
}

bool oracle_end(bool bare)
{
	bool ok = true;

	if (busy_left())
		machine_speed_up();
	if (!bare) {
		/* First, since it waits for what is still on its way to be freed. */
		if (!nothing_leaked())
			ok = false;
		if (!healthy())
			ok = false;
	}
	if (!klog_quiet())
		ok = false;
	if (!ok && !bare) {
		struct counts c;

		machine_mend(baseline.mem_cache);
		/* The next test answers for what it leaks itself, not for this one. */
		if (counts_get(&c))
			baseline = c;
		while (!klog_quiet())
			;
	}
	return ok;
}
