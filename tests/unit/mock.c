// SPDX-License-Identifier: MIT
/*
 * mock.c - see mock.h. Every structure is checked for what all calls promise: size, and inputs
 * that are not this call's zero.
 */
#include <errno.h>

#include "mock.h"

#define SIZE_OF(verb, type) [_IOC_NR(MMAPDEMO_IOC_##verb)] = sizeof(struct type),

static const size_t sizes[] = { MMAPDEMO_IOCTLS(SIZE_OF) };

static int mock_backend_open(struct mmd_device *dev, const char *path, int oflags)
{
	struct mock *mock = dev->backend_data;

	mock->opens++;
	mock->oflags = oflags;
	mock->path = path;
	if (!mock->open_ret)
		dev->fd = 1234;
	return mock->open_ret;
}

static void mock_backend_close(struct mmd_device *dev)
{
	struct mock *mock = dev->backend_data;

	mock->closes++;
}

static int mock_backend_ioctl(struct mmd_device *dev, unsigned long cmd, void *arg)
{
	struct mock *mock = dev->backend_data;
	uint32_t size;

	assert_true(_IOC_NR(cmd) < ARRAY_SIZE(sizes));
	assert_int_equal(_IOC_TYPE(cmd), MMAPDEMO_IOC_TYPE);
	memcpy(&size, arg, sizeof(size));
	if (cmd != MMAPDEMO_IOC_INFO ||
	    (size != MMAPDEMO_INFO_SIZE_V1 && size != MMAPDEMO_INFO_SIZE_V2))
		assert_int_equal(size, sizes[_IOC_NR(cmd)]);
	assert_true(size <= MOCK_ARG);
	assert_true(mock->calls < MOCK_CALLS);
	mock->call[mock->calls].cmd = cmd;
	memcpy(mock->call[mock->calls].arg, arg, size);
	mock->calls++;
	if (mock->reply)
		return mock->reply(mock, cmd, arg);
	if (cmd == MMAPDEMO_IOC_INFO) {
		struct mmapdemo_info *info = arg;

		if (mock->info_ret)
			return mock->info_ret;
		info->out_api_version = mock->api_version;
	}
	return 0;
}

static int mock_backend_map(struct mmd_device *dev, uint64_t offset, size_t len, int prot,
			    void **ptr)
{
	struct mock *mock = dev->backend_data;

	mock->maps++;
	mock->map_offset = offset;
	mock->map_len = len;
	mock->map_prot = prot;
	if (mock->map)
		return mock->map(mock, offset, len, prot, ptr);
	if (mock->map_ret)
		return mock->map_ret;
	*ptr = mock->map_ptr;
	return 0;
}

static ssize_t mock_backend_pread(struct mmd_device *dev, uint64_t offset, void *data, size_t len)
{
	struct mock *mock = dev->backend_data;

	return mock->transfer(mock, offset, data, len);
}

static ssize_t mock_backend_pwrite(struct mmd_device *dev, uint64_t offset, const void *data,
				   size_t len)
{
	struct mock *mock = dev->backend_data;

	return mock->transfer(mock, offset, (void *)(uintptr_t)data, len);
}

const struct mmd_backend mock_backend = {
	.id = MMD_BACKEND_DRIVER,
	.open = mock_backend_open,
	.close = mock_backend_close,
	.ioctl = mock_backend_ioctl,
	.map = mock_backend_map,
	.pread = mock_backend_pread,
	.pwrite = mock_backend_pwrite,
};

struct mmd_device *mock_open(struct mock *mock)
{
	int (*reply)(struct mock *, unsigned long, void *) = mock->reply;
	struct mmd_device *dev = NULL;

	mock->api_version = MMAPDEMO_API_VERSION;
	mock->reply = NULL;
	assert_int_equal(mmd_open_backend(&mock_backend, mock, NULL, 0, &dev), 0);
	assert_non_null(dev);
	mock->reply = reply;
	mock->calls = 0;
	return dev;
}

const void *mock_arg(const struct mock *mock, unsigned int n, unsigned long cmd)
{
	assert_true(n < mock->calls);
	assert_int_equal(mock->call[n].cmd, cmd);
	return mock->call[n].arg;
}
