// SPDX-License-Identifier: MIT
/*
 * mock_pci.c - see mock_pci.h. BARs are files in memory, so that they can be mapped like real ones.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mock_pci.h"

static const uint64_t sizes[PCI_NUM_BARS] = {
	[MMAPDEMO_BAR_REGS] = 0x40000, [MMAPDEMO_BAR_DOORBELL] = 4 * MMAPDEMO_DOORBELL_STRIDE,
	[MMAPDEMO_BAR_MEM] = MOCK_MEM, [MMAPDEMO_BAR_ALIAS] = MMAPDEMO_BAR_ALIAS_SIZE,
};

uint32_t mock_pci_reg32(const struct mock_pci *m, uint32_t offset)
{
	uint32_t value;

	memcpy(&value, m->regs + offset, sizeof(value));
	return value;
}

uint64_t mock_pci_reg64(const struct mock_pci *m, uint32_t offset)
{
	uint64_t value;

	memcpy(&value, m->regs + offset, sizeof(value));
	return value;
}

static void set32(struct mock_pci *m, uint32_t offset, uint32_t value)
{
	memcpy(m->regs + offset, &value, sizeof(value));
}

static void set64(struct mock_pci *m, uint32_t offset, uint64_t value)
{
	memcpy(m->regs + offset, &value, sizeof(value));
}

static void power_on(struct mock_pci *m)
{
	memset(m->regs, 0, sizes[MMAPDEMO_BAR_REGS]);
	set32(m, MMAPDEMO_REG_ID, m->id);
	set32(m, MMAPDEMO_REG_USER_ID, m->id);
	set32(m, MMAPDEMO_REG_VERSION, m->version);
	set64(m, MMAPDEMO_REG_FEATURES, MMAPDEMO_FEATURES);
	set64(m, MMAPDEMO_REG_DMA_MASK, 0xffffffff);
	set32(m, MMAPDEMO_REG_DMA_MAX_LEN, MMAPDEMO_DMA_MAX_LEN);
	set32(m, MMAPDEMO_REG_QUEUE_COUNT, m->queues);
	set32(m, MMAPDEMO_REG_WINDOW_COUNT, 8);
	set32(m, MMAPDEMO_REG_QUEUE_CAPS, 0x0c03);
}

/* --- the device --------------------------------------------------------------------------- */

static void message(struct mock_pci *m, uint32_t vector)
{
	const uint64_t one = 1;

	if (vector < m->vectors && m->vector[vector] >= 0)
		assert_int_equal(write(m->vector[vector], &one, sizeof(one)), sizeof(one));
}

/* All of it, or what the test asked for in its stead. An address that was not given is an error, too. */
void mock_pci_finish(struct mock_pci *m)
{
	uint64_t addr = mock_pci_reg64(m, MMAPDEMO_REG_DMA_ADDR);
	uint64_t off = mock_pci_reg64(m, MMAPDEMO_REG_DMA_DEV_OFF);
	uint32_t len = mock_pci_reg32(m, MMAPDEMO_REG_DMA_LEN);
	uint32_t error = m->error ? m->error : MMAPDEMO_ERR_BUS;
	bool from = m->cmd & MMAPDEMO_DMA_CMD_FROM_DEVICE;
	unsigned int i;

	for (i = 0; i < m->num_mapped && !m->error; i++) {
		struct mock_mapped *map = &m->mapped[i];

		if (addr < map->iova || addr + len > map->iova + map->len || (from && !map->write))
			continue;
		if (from)
			memcpy(map->va + (addr - map->iova), m->mem + off, len);
		else
			memcpy(m->mem + off, map->va + (addr - map->iova), len);
		error = 0;
	}
	set64(m, MMAPDEMO_REG_DMA_DONE_BYTES, error ? 0 : len);
	set32(m, MMAPDEMO_REG_DMA_STATUS,
	      (m->silent ? 0 : error << MMAPDEMO_DMA_STATUS_ERROR_SHIFT) |
	      (error ? MMAPDEMO_DMA_STATE_ERROR : MMAPDEMO_DMA_STATE_DONE));
	set64(m, MMAPDEMO_REG_USER_DMA_DONE_SEQ, mock_pci_reg64(m, MMAPDEMO_REG_DMA_SEQ));
	if (m->cmd & MMAPDEMO_DMA_CMD_IRQ)
		message(m, MMAPDEMO_VEC_DMA);
}

static uint64_t reg_read(struct mmd_pci *p, uint32_t offset, uint32_t width)
{
	struct mock_pci *m = p->data;

	assert_true(width == 4 || width == 8);
	assert_true(offset + width <= sizes[MMAPDEMO_BAR_REGS]);
	return width == 8 ? mock_pci_reg64(m, offset) : mock_pci_reg32(m, offset);
}

static void queue_control(struct mock_pci *m, uint32_t state, uint32_t command)
{
	if (command == MMAPDEMO_QCTL_ENABLE && !m->queue_refuses)
		set32(m, state, MMAPDEMO_QSTATE_RUNNING);
	else if (command == MMAPDEMO_QCTL_DISABLE)
		set32(m, state, MMAPDEMO_QSTATE_DISABLED);
}

static void reg_write(struct mmd_pci *p, uint32_t offset, uint32_t width, uint64_t value)
{
	struct mock_pci *m = p->data;

	assert_true(width == 4 || width == 8);
	if (width == 8)
		set64(m, offset, value);
	else
		set32(m, offset, (uint32_t)value);
	if (offset == MMAPDEMO_REG_RESET && value == MMAPDEMO_RESET_KEY) {
		m->register_resets++;
		power_on(m);
	} else if (offset == MMAPDEMO_REG_DMA_CMD && value & MMAPDEMO_DMA_CMD_START) {
		m->cmd = (uint32_t)value;
		set32(m, MMAPDEMO_REG_DMA_STATUS, MMAPDEMO_DMA_STATE_BUSY);
		if (!m->hold)
			mock_pci_finish(m);
	} else if (offset == MMAPDEMO_REG_DMA_CMD && value == MMAPDEMO_DMA_CMD_ARM_IRQ) {
		m->cmd |= MMAPDEMO_DMA_CMD_IRQ;
	} else if (offset == MMAPDEMO_REG_IRQ_RAISE && value & MMAPDEMO_IRQ_SW) {
		message(m, MMAPDEMO_VEC_SW);
	} else if (offset >= MMAPDEMO_QUEUE_TABLE && offset < MMAPDEMO_USER_BASE &&
		   offset % MMAPDEMO_QUEUE_STRIDE == MMAPDEMO_QREG_CTL) {
		queue_control(m, offset - MMAPDEMO_QREG_CTL + MMAPDEMO_QREG_STATE, (uint32_t)value);
	}
}

/* --- what a kernel driver does -------------------------------------------------------------- */

static int ops_open(struct mmd_pci *p, int oflags)
{
	struct mock_pci *m = p->data;
	unsigned int i;

	(void)oflags;
	m->p = p;
	m->opens++;
	p->fd = 1234;
	p->num_vectors = p->ops->irq_eventfd ? m->vectors : 0;
	p->mem_cache = MMAPDEMO_CACHE_UC;
	p->ranges[0] = (struct pci_range) { 0, 0xfedfffff };
	p->num_ranges = 1;
	for (i = 0; i < PCI_NUM_BARS; i++) {
		p->bar_size[i] = sizes[i];
		m->bar_fd[i] = memfd_create("bar", MFD_CLOEXEC);
		assert_int_equal(ftruncate(m->bar_fd[i], (off_t)sizes[i]), 0);
	}
	m->regs = mmap(NULL, sizes[MMAPDEMO_BAR_REGS], PROT_READ | PROT_WRITE, MAP_SHARED,
		       m->bar_fd[MMAPDEMO_BAR_REGS], 0);
	m->mem = mmap(NULL, MOCK_MEM, PROT_READ | PROT_WRITE, MAP_SHARED,
		      m->bar_fd[MMAPDEMO_BAR_MEM], 0);
	power_on(m);
	memset(m->mem, 0x99, MOCK_MEM);
	return 0;
}

static void ops_close(struct mmd_pci *p)
{
	struct mock_pci *m = p->data;
	unsigned int i;

	m->closes++;
	munmap(m->regs, sizes[MMAPDEMO_BAR_REGS]);
	munmap(m->mem, MOCK_MEM);
	for (i = 0; i < PCI_NUM_BARS; i++)
		close(m->bar_fd[i]);
}

static int bar_map(struct mmd_pci *p, unsigned int bar, uint64_t off, size_t len, int prot,
		   void **ptr)
{
	struct mock_pci *m = p->data;
	void *va = mmap(NULL, len, prot, MAP_SHARED, m->bar_fd[bar], (off_t)off);

	assert_true(off + len <= sizes[bar]);
	if (va == MAP_FAILED)
		return -errno;
	*ptr = va;
	return 0;
}

static int dma_map(struct mmd_pci *p, void *va, uint64_t len, uint64_t iova, bool write)
{
	struct mock_pci *m = p->data;
	unsigned int i;

	if (m->dma_map_ret)
		return m->dma_map_ret;
	assert_true(m->num_mapped < MOCK_MAPPED);
	assert_true(iova && !(iova & 4095) && iova + len - 1 <= 0xffffffff);
	for (i = 0; i < m->num_mapped; i++)
		assert_true(iova + len <= m->mapped[i].iova ||
			    m->mapped[i].iova + m->mapped[i].len <= iova);
	m->mapped[m->num_mapped++] = (struct mock_mapped) { va, len, iova, write };
	return 0;
}

static int dma_unmap(struct mmd_pci *p, uint64_t iova, uint64_t len)
{
	struct mock_pci *m = p->data;
	unsigned int i;

	for (i = 0; i < m->num_mapped; i++) {
		if (m->mapped[i].iova == iova) {
			assert_int_equal(m->mapped[i].len, len);
			m->mapped[i] = m->mapped[--m->num_mapped];
			return 0;
		}
	}
	fail_msg("memory at %#llx is taken back and was never given", (unsigned long long)iova);
	return -EINVAL;
}

static int irq_eventfd(struct mmd_pci *p, uint32_t vector, int fd)
{
	struct mock_pci *m = p->data;

	int ret = m->irq_ret;

	assert_true(vector < m->vectors);
	/* As vfio: it lets go of the one it has before it looks at the other. Once. */
	m->vector[vector] = ret ? -1 : fd;
	m->irq_ret = 0;
	return ret;
}

static int ops_reset(struct mmd_pci *p)
{
	struct mock_pci *m = p->data;

	m->resets++;
	power_on(m);
	return 0;
}

static const struct mmd_pci_ops dma_ops = {
	.backend = MMD_BACKEND_VFIO, .open = ops_open, .close = ops_close, .bar_map = bar_map,
	.reg_read = reg_read, .reg_write = reg_write, .dma_map = dma_map, .dma_unmap = dma_unmap,
	.irq_eventfd = irq_eventfd, .reset = ops_reset,
};

static const struct mmd_pci_ops plain_ops = {
	.backend = MMD_BACKEND_UIO, .open = ops_open, .close = ops_close, .bar_map = bar_map,
	.reg_read = reg_read, .reg_write = reg_write,
};

static int dma_open(struct mmd_device *dev, const char *path, int oflags)
{
	return mmd_pci_open(dev, &dma_ops, path, oflags);
}

static int plain_open(struct mmd_device *dev, const char *path, int oflags)
{
	return mmd_pci_open(dev, &plain_ops, path, oflags);
}

const struct mmd_backend mock_pci_dma = {
	.id = MMD_BACKEND_VFIO, .open = dma_open, .close = mmd_pci_close, .ioctl = mmd_pci_ioctl,
	.map = mmd_pci_map, .pread = mmd_pci_pread, .pwrite = mmd_pci_pwrite,
};

const struct mmd_backend mock_pci_plain = {
	.id = MMD_BACKEND_UIO, .open = plain_open, .close = mmd_pci_close, .ioctl = mmd_pci_ioctl,
	.map = mmd_pci_map, .pread = mmd_pci_pread, .pwrite = mmd_pci_pwrite,
};

void mock_pci_init(struct mock_pci *m)
{
	unsigned int i;

	*m = (struct mock_pci) {
		.id = MMAPDEMO_ID, .version = 0x00010001, .queues = 2, .vectors = 4,
	};
	for (i = 0; i < MOCK_VECTORS; i++)
		m->vector[i] = -1;
}

struct mmd_device *mock_pci_open(struct mock_pci *m, const struct mmd_backend *backend)
{
	struct mmd_device *dev = NULL;

	assert_int_equal(mmd_open_backend(backend, m, "mock:0000:01:00.0", 0, &dev), 0);
	return dev;
}

void mock_pci_close(struct mock_pci *m, struct mmd_device *dev)
{
	mmd_close(dev);
	assert_int_equal(m->opens, m->closes);
	assert_int_equal(m->num_mapped, 0);
}
