// SPDX-License-Identifier: MIT
/*
 * test_options.c - the command line: what it makes of good words, and that bad ones end it with 2.
 */
#include "../unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mmdbench.h>
#include <foreign.h>
#include <options.h>
#include <select.h>

static void size_words(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "0", 0 }, { "64", 64 }, { "64B", 64 }, { "4k", 4096 }, { "4K", 4096 },
		{ "4KiB", 4096 }, { "2m", 2 << 20 }, { "16MiB", 16 << 20 }, { "1G", 1 << 30 },
		{ "18446744073709551615", UINT64_MAX },
	};
	static const char *const bad[] = {
		"", "-1", "+1", " 1", "1 ", "4.5K", "K", "4KB", "0x10", "18446744073709551616",
		"18014398509481984K", "17179869184G", "1e3", "4K4",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		uint64_t bytes = 7;

		assert_int_equal(mmb_parse_size(good[i].text, &bytes), 0);
		assert_true(bytes == good[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint64_t bytes = 7;

		if (mmb_parse_size(bad[i], &bytes) != -EINVAL || bytes != 7)
			fail_msg("'%s' passed as a size", bad[i]);
	}
}

static struct mmb_options parse(int argc, const char *const *argv)
{
	static char copy[16][64];
	char *words[17] = { NULL };
	struct mmb_options opt;

	for (int i = 0; i < argc; i++) {
		snprintf(copy[i], sizeof(copy[i]), "%s", argv[i]);
		words[i] = copy[i];
	}
	mmb_options_parse(argc, words, &opt);
	return opt;
}

static void defaults(void **state)
{
	static const char *const argv[] = { "bench" };
	struct mmb_options opt = parse(1, argv);

	(void)state;
	assert_string_equal(opt.device, MMD_DEFAULT_PATH);
	assert_int_equal(opt.n_sizes, 19);
	assert_int_equal(opt.sizes[0], 64);
	assert_int_equal(opt.sizes[18], 16 << 20);
	assert_true(opt.pairs >= MMB_PAIRS_MIN);
	assert_null(opt.json);
	assert_int_equal(opt.boot, MMB_BOOT_ANY);
	assert_false(opt.quick || opt.list || opt.all_rows || opt.trace_one);
	mmb_options_free(&opt);
}

static void sizes_sorted_and_once(void **state)
{
	static const char *const argv[] = { "bench", "--sizes", "2M,64,4K", "--sizes=64,128" };
	static const uint64_t expected[] = { 64, 128, 4096, 2 << 20 };
	struct mmb_options opt = parse(4, argv);

	(void)state;
	assert_int_equal(opt.n_sizes, 4);
	assert_memory_equal(opt.sizes, expected, sizeof(expected));
	mmb_options_free(&opt);
}

static void boot_is_chosen(void **state)
{
	static const char *const timed[] = { "bench", "--boot", "timed" };
	static const char *const icount[] = { "bench", "--boot=icount" };
	static const char *const iommu[] = { "bench", "--boot=iommu" };
	struct mmb_options opt = parse(3, timed);

	(void)state;
	assert_int_equal(opt.boot, MMB_BOOT_TIMED);
	mmb_options_free(&opt);
	opt = parse(2, icount);
	assert_int_equal(opt.boot, MMB_BOOT_ICOUNT);
	mmb_options_free(&opt);
	opt = parse(2, iommu);
	assert_int_equal(opt.boot, MMB_BOOT_IOMMU);
	mmb_options_free(&opt);
}

/* Each case is in one of the boots, and --boot divides them. */
static void boots_share_the_cases(void **state)
{
	struct mmb_options opt = { .pairs = MMB_PAIRS };
	static const uint64_t sizes[] = { 64, 4096 };
	const char *unknown;
	size_t count[MMB_BOOTS] = { 0 };

	(void)state;
	opt.sizes = sizes;
	opt.n_sizes = 2;
	for (int boot = MMB_BOOT_ANY; boot < MMB_BOOTS; boot++) {
		struct mmb_plan plan = { 0 };

		opt.boot = (enum mmb_boot)boot;
		mmb_plan_make(&plan, &opt);
		assert_int_equal(mmb_plan_select(&plan, &opt, &unknown), 0);
		count[boot] = plan.n;
		for (size_t i = 0; i < plan.n && boot; i++)
			assert_int_equal(mmb_boot_of(plan.c[i]), boot);
		mmb_plan_free(&plan);
	}
	assert_true(count[MMB_BOOT_TIMED] > 50);
	assert_true(count[MMB_BOOT_ICOUNT] > 4);
	assert_true(count[MMB_BOOT_IOMMU] > 4);
	assert_int_equal(count[MMB_BOOT_TIMED] + count[MMB_BOOT_IOMMU] + count[MMB_BOOT_ICOUNT],
			 count[MMB_BOOT_ANY]);
}

/* An id that was cut off on its way into the plan names no row, and looks like one. */
static void rows_are_named_in_full(void **state)
{
	static const char *const names[] = {
		"C1.register_mapped.uio_to_driver", "C1.dma_eventfd.uio_to_driver", "V1.64KiB.oneshot",
		"V1.pages.4096",
	};
	struct mmb_options opt = { .pairs = MMB_PAIRS };
	const char *unknown;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct mmb_plan plan = { 0 };

		opt.only = &names[i];
		opt.n_only = 1;
		mmb_plan_make(&plan, &opt);
		assert_int_equal(mmb_plan_select(&plan, &opt, &unknown), 0);
		assert_int_equal(plan.n, 1);
		mmb_plan_free(&plan);
	}
}

static void only_collects_globs(void **state)
{
	static const char *const argv[] = { "bench", "--only", "L1,D1.*", "--only=X1", "-q" };
	struct mmb_options opt = parse(5, argv);

	(void)state;
	assert_int_equal(opt.n_only, 3);
	assert_string_equal(opt.only[1], "D1.*");
	assert_string_equal(opt.only[2], "X1");
	assert_true(opt.quick);
	mmb_options_free(&opt);
}

/* The whole of mmdbench_main() in a child: usage errors end the program. */
static int status_of(const char *word1, const char *word2)
{
	char name[8], a[64], b[64];
	char *argv[4];
	pid_t pid;
	int status;

	snprintf(name, sizeof(name), "bench");
	snprintf(a, sizeof(a), "%s", word1);
	snprintf(b, sizeof(b), "%s", word2 ? word2 : "");
	argv[0] = name;
	argv[1] = a;
	argv[2] = word2 ? b : NULL;
	argv[3] = NULL;
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, 1);
		dup2(null, 2);
		exit(mmdbench_main(word2 ? 3 : 2, argv));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void bad_words_exit_2(void **state)
{
	static const char *const bad[][2] = {
		{ "--sizes", "0" }, { "--sizes", "63" }, { "--sizes", "65" }, { "--sizes", "17M" },
		{ "--sizes", "-64" }, { "--sizes", "" }, { "--sizes", "64,,x" },
		{ "--sizes", "99999999999999999999" }, { "--pairs", "14" }, { "--pairs", "many" },
		{ "--pairs", "-5" }, { "--seed", "9223372036854775808" }, { "--budget", "-1" },
		{ "--only", "" }, { "--only", "no-such-row" }, { "--nonsense", NULL },
		{ "--techniques", "" }, { "--techniques", "," }, { "--techniques", "warp" },
		{ "--techniques", "pages,warp" }, { "--engines", "" }, { "--engines", "diesel" },
		{ "--engines", "AUTO" }, { "--depth", "0" }, { "--depth", "241" },
		{ "--depth", "" }, { "--depth", "1,x" }, { "--depth", "1,2,3,4,5" },
		{ "--queues", "0" }, { "--queues", "3" }, { "--queues", "two" },
		{ "--duration", "0" }, { "--duration", "3601" }, { "--duration", "1.5" },
		{ "--duration=1", "--pairs=15" }, { "--bdf", "" }, { "--bdf", "0000:00:04" },
		{ "--bdf", "0000:00:04.8" }, { "--bdf", "0000:00:24.0" }, { "--bdf", "../../etc/x" },
		{ "--bdf", "0000:00:04.0/" }, { "--bar", "0" }, { "--range", "4K" }, { "--bar-write", NULL },
		{ "--bar-width", "4" }, { "--bdf=00:04.0", "--bar=6" }, { "--bdf=00:04.0", "--bar=-1" },
		{ "--bdf=00:04.0", "--bar-width=5" }, { "--bdf=00:04.0", "--range=63" },
		{ "--bdf=00:04.0", "--range=0+63" }, { "--bdf=00:04.0", "--range=64+0" },
		{ "--bdf=00:04.0", "--range=0x" }, { "--bdf=00:04.0", "--range=-64" },
		{ "--bdf=00:04.0", "--range=18446744073709551552+128" },
		{ "--bdf=00:04.0", "--trace-one" }, { "--bdf=00:04.0", "--only=D1" },
		{ "--boot", "cold" }, { "--boot", "" }, { "measure", NULL }, { "--json", "" }, { "list", "more" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int status = status_of(bad[i][0], bad[i][1]);

		if (status != 2)
			fail_msg("%s '%s' exits with %d", bad[i][0], bad[i][1], status);
	}
}

static void list_exits_0(void **state)
{
	(void)state;
	assert_int_equal(status_of("list", NULL), 0);
	assert_int_equal(status_of("list", "--only=L1"), 0);
	assert_int_equal(status_of("list", "--boot=icount"), 0);
	assert_int_equal(status_of("list", "--bdf=ff:1f.7"), 0);
	assert_int_equal(status_of("--help", NULL), 0);
}

static void names_choose_techniques_and_engines(void **state)
{
	static const char *const argv[] = {
		"bench", "--techniques=pages,bar-fault", "--techniques", "fault_around",
		"--engines=auto,thread",
	};
	struct mmb_options opt = parse(5, argv);

	(void)state;
	assert_int_equal(opt.techniques, 1u << MMAPDEMO_TECH_PAGES | 1u << MMAPDEMO_TECH_BAR_FAULT |
			 1u << MMB_FAULT_AROUND);
	assert_int_equal(opt.engines, 1u << MMAPDEMO_ENGINE_AUTO | 1u << MMAPDEMO_ENGINE_THREAD);
	mmb_options_free(&opt);
	/* Every name that --help gives. */
	for (uint32_t kind = 1; kind < MMB_MEMS; kind++)
		assert_int_equal(mmb_technique_bit(mmb_mem_name(kind)), 1u << kind);
	assert_int_equal(mmb_technique_bit("bar_"), 0);
	assert_int_equal(mmb_technique_bit("ba"), 0);
}

static void depths_are_sorted_and_once(void **state)
{
	static const char *const argv[] = { "bench", "--depth", "64,2,16", "--depth=2,1", "--queues=1",
					    "--duration=3" };
	static const uint32_t expected[] = { 1, 2, 16, 64 };
	struct mmb_options opt = parse(6, argv);

	(void)state;
	assert_int_equal(opt.n_depths, 4);
	assert_memory_equal(opt.depth, expected, sizeof(expected));
	assert_int_equal(opt.queues, 1);
	assert_int_equal(opt.duration_s, 3);
	mmb_options_free(&opt);
}

/* --depth and --bdf change which cases and rows there are. */
static bool plan_has(const struct mmb_options *opt, const char *id)
{
	struct mmb_plan plan = { 0 };
	bool found = false;

	mmb_plan_make(&plan, opt);
	for (size_t i = 0; i < plan.n; i++)
		found |= !strcmp(plan.c[i]->id, id);
	mmb_plan_free(&plan);
	return found;
}

static void bar_of_another_device_is_a_plan_of_its_own(void **state)
{
	static const char *const argv[] = { "bench", "--bdf=0000:00:04.0", "--bar=2", "--sizes=4K",
					    "--range=0x1000+64K", "--bar-width=8" };
	struct mmb_options opt = parse(6, argv);

	(void)state;
	assert_string_equal(opt.bdf, "0000:00:04.0");
	assert_int_equal(opt.bar, 2);
	assert_int_equal(opt.range_off, 0x1000);
	assert_int_equal(opt.range_len, 65536);
	assert_int_equal(opt.bar_width, 8);
	/* Not unless it is asked for in so many words. */
	assert_false(opt.bar_write);
	assert_true(plan_has(&opt, "bar.block.4KiB"));
	assert_false(plan_has(&opt, "bar.block.64KiB"));
	assert_false(plan_has(&opt, "devmem.access"));
	mmb_options_free(&opt);
}

static void addresses_of_pci_devices(void **state)
{
	static const char *const good[] = { "0000:00:04.0", "00:04.7", "ffff:FF:1f.3", "0001:a0:00.0" };
	static const char *const bad[] = { "", "4", "00:04", "00:04.", "00:04.00", "00:20.0", "00:04.8",
					   "000:00:04.0", "0000:00:04.0 ", "0000-00:04.0", "gg:00.0" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(mmb_bdf_is_valid(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(mmb_bdf_is_valid(bad[i]));
}

static void no_device_exits_3(void **state)
{
	(void)state;
	assert_int_equal(status_of("--device", "/nonexistent/mmapdemo0"), 3);
	assert_int_equal(status_of("--device", "/dev/null"), 3);
	assert_int_equal(status_of("--bdf", "ffff:ff:1f.7"), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(size_words),
		cmocka_unit_test(defaults),
		cmocka_unit_test(sizes_sorted_and_once),
		cmocka_unit_test(boot_is_chosen),
		cmocka_unit_test(boots_share_the_cases),
		cmocka_unit_test(rows_are_named_in_full),
		cmocka_unit_test(only_collects_globs),
		cmocka_unit_test(names_choose_techniques_and_engines),
		cmocka_unit_test(depths_are_sorted_and_once),
		cmocka_unit_test(bar_of_another_device_is_a_plan_of_its_own),
		cmocka_unit_test(addresses_of_pci_devices),
		cmocka_unit_test(bad_words_exit_2),
		cmocka_unit_test(list_exits_0),
		cmocka_unit_test(no_device_exits_3),
	};

	return cmocka_run_group_tests_name("bench-options", tests, NULL, NULL);
}
