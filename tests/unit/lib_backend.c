// SPDX-License-Identifier: MIT
/*
 * lib_backend.c - what needs no device: bus addresses, finding a function in sysfs, names and reasons.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

#include "pci.h"

/* --- bus addresses ------------------------------------------------------------------------ */

static void bus_addresses_fit_between_what_is_taken(void **state)
{
	static const struct pci_range ranges[] = {
		{ 0, 0xfedfffff }, { 0xfef00000, 0x7fffffffff },
	};
	static const struct pci_taken taken[] = {
		{ 0x3000, 0x1000 }, { 0x1000, 0x1000 },
	};
	static const struct {
		uint64_t highest, len, align, iova;
		uint32_t num_ranges;
		bool found;
	} cases[] = {
		{ UINT64_MAX, 0x1000, 0x1000, 0x2000, 2, true },
		{ UINT64_MAX, 0x2000, 0x1000, 0x4000, 2, true },
		{ UINT64_MAX, 0x200000, 0x200000, 0x200000, 2, true },
		{ UINT64_MAX, 0xfedfc000, 0x1000, 0x4000, 1, true },
		{ UINT64_MAX, 0xfedfd000, 0x1000, 0, 1, false },
		{ UINT64_MAX, 0xfedfd000, 0x1000, 0xfef00000, 2, true },
		{ 0x4fff, 0x1000, 0x1000, 0x2000, 2, true },
		{ 0x4fff, 0x2000, 0x1000, 0, 2, false },
		{ 0x1fff, 0x1000, 0x1000, 0, 2, false },
		{ UINT64_MAX, 0, 0x1000, 0, 2, false },
		{ UINT64_MAX, UINT64_MAX, 0x1000, 0, 2, false },
	};
	uint64_t iova;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		iova = POISON;
		assert_int_equal(mmd_pci_iova_find(ranges, cases[i].num_ranges, cases[i].highest,
						   taken, 2, cases[i].len,
						   cases[i].align, &iova),
				 cases[i].found);
		if (cases[i].found)
			assert_int_equal(iova, cases[i].iova);
		else
			assert_int_equal(iova, POISON);
	}
}

/* --- finding ------------------------------------------------------------------------------ */

static void function_make(const char *root, const char *id, const char *device, const char *driver)
{
	char path[256], target[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, id);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/%s/vendor", root, id);
	f = fopen(path, "w");
	fputs("0x1af4\n", f);
	fclose(f);
	snprintf(path, sizeof(path), "%s/%s/device", root, id);
	f = fopen(path, "w");
	fprintf(f, "%s\n", device);
	fclose(f);
	if (!driver)
		return;
	snprintf(path, sizeof(path), "%s/%s/driver", root, id);
	snprintf(target, sizeof(target), "../../drivers/%s", driver);
	assert_int_equal(symlink(target, path), 0);
}

static void function_is_found_by_driver_and_address(void **state)
{
	char root[] = "/tmp/mmapdemo-unit-XXXXXX", found[PCI_BUS_ID_SIZE], command[64];

	(void)state;
	assert_non_null(mkdtemp(root));
	assert_int_equal(mmd_pci_find(root, NULL, "vfio-pci", found), -ENOENT);
	function_make(root, "0000:00:01.0", "0x1041", "vfio-pci");
	assert_int_equal(mmd_pci_find(root, NULL, "vfio-pci", found), -ENOENT);
	function_make(root, "0000:01:00.0", "0x10f0", "mmapdemo");
	function_make(root, "0000:02:00.0", "0x10f0", NULL);
	assert_int_equal(mmd_pci_find(root, NULL, "vfio-pci", found), -ENXIO);
	function_make(root, "0000:03:00.0", "0x10f0", "vfio-pci");
	function_make(root, "0000:04:00.0", "0x10f0", "vfio-pci");
	assert_int_equal(mmd_pci_find(root, NULL, "vfio-pci", found), 0);
	assert_string_equal(found, "0000:03:00.0");
	assert_int_equal(mmd_pci_find(root, "0000:04:00.0", "vfio-pci", found), 0);
	assert_int_equal(mmd_pci_find(root, "0000:01:00.0", "vfio-pci", found), -ENXIO);
	assert_int_equal(mmd_pci_find(root, "0000:02:00.0", "vfio-pci", found), -ENXIO);
	assert_int_equal(mmd_pci_find(root, "0000:00:01.0", "vfio-pci", found), -ENOTTY);
	assert_int_equal(mmd_pci_find(root, "0000:05:00.0", "vfio-pci", found), -ENOENT);
	assert_int_equal(mmd_pci_find(root, "../01:00.0", "vfio-pci", found), -EINVAL);
	assert_int_equal(mmd_pci_find(root, "..", "vfio-pci", found), -EINVAL);
	assert_int_equal(mmd_pci_find(root, "", "vfio-pci", found), -EINVAL);
	assert_int_equal(mmd_pci_find(root, "0000:00000000000000000000000000:01", "vfio-pci",
				      found), -EINVAL);
	snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0);
}

static void names_and_reasons_are_complete(void **state)
{
	struct mmd_device *dev = NULL;
	uint32_t b, c, value;
	const char *why;
	int ret;

	(void)state;
	for (b = 1; b <= MMD_BACKEND_MAX; b++) {
		assert_int_equal(mmd_backend_value(mmd_backend_name(b), &value), 0);
		assert_int_equal(value, b);
		for (c = 1; c < MMD_CAN_COUNT; c++) {
			ret = mmd_backend_can(b, c, &why);
			assert_true(ret == 0 || ret == -EOPNOTSUPP);
			assert_int_equal(!ret, !*why);
			assert_true(*mmd_capability_text(c));
		}
	}
	assert_int_equal(mmd_backend_value("VFIO", &value), 0);
	assert_int_equal(mmd_backend_value("usb", &value), -EINVAL);
	assert_string_equal(mmd_backend_name(0), "unknown");
	assert_string_equal(mmd_capability_name(MMD_CAN_COUNT), "unknown");
	assert_int_equal(mmd_backend_can(0, 1, NULL), -EINVAL);
	assert_int_equal(mmd_backend_can(1, MMD_CAN_COUNT, NULL), -EINVAL);
	assert_int_equal(mmd_open("vfio:../../etc", 0, &dev), -EINVAL);
	assert_int_equal(mmd_open("uio:ffff:ff:1f.7", 0, &dev), -ENOENT);
	assert_null(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bus_addresses_fit_between_what_is_taken),
		cmocka_unit_test(function_is_found_by_driver_and_address),
		cmocka_unit_test(names_and_reasons_are_complete),
	};

	return cmocka_run_group_tests_name("backends", tests, NULL, NULL);
}
