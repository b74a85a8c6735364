// SPDX-License-Identifier: MIT
/*
 * test_runner.c - order of the arms, noise, tries, verification: on made-up cases, without a device.
 */
#include "../unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <bench.h>

static const struct mmb_group group = { .title = "t", .meaning = "m", .unit = "ns" };

static struct mmb_options opt;
static struct mmb_results results;
static struct mmb_session session;
static struct mmb_case the_case;
static char order[4096];
static unsigned int prepared, verified, torn_down;
static enum mmb_rc verify_result;
static bool noisy_control;

static void note(char c)
{
	size_t n = strlen(order);

	if (n < sizeof(order) - 1)
		order[n] = c;
}

static enum mmb_rc a_run(struct mmb_arm *arm, uint64_t ops)
{
	(void)ops;
	note('A');
	mmb_observe(arm, 300);
	return MMB_OK;
}

static enum mmb_rc b_run(struct mmb_arm *arm, uint64_t ops)
{
	(void)ops;
	note('B');
	mmb_observe(arm, 100);
	return MMB_OK;
}

/* A control that any machine sees scatter: every other value is the double. */
static enum mmb_rc scatter_run(struct mmb_arm *arm, uint64_t ops)
{
	(void)ops;
	mmb_observe(arm, noisy_control && arm->rounds.n % 2 ? 200 : 100);
	return MMB_OK;
}

static enum mmb_rc setup(struct mmb_case *c)
{
	struct mmb_arm *a = mmb_arm_add(c, "T.a", "a", a_run);
	struct mmb_arm *b = mmb_arm_add(c, "T.b", "b", b_run);
	struct mmb_arm *s = mmb_arm_add(c, "control.test", "scatters", scatter_run);

	/* The machine this test runs on is nobody's business: leave its own controls out. */
	for (size_t i = 0; i < c->n_arms; i++)
		c->arm[i].flags &= ~MMB_ARM_CONTROL;
	a->flags = b->flags = MMB_ARM_SELF_TIMED;
	s->flags = MMB_ARM_SELF_TIMED | MMB_ARM_CONTROL;
	a->ops = b->ops = s->ops = 1;
	mmb_pair_add(c, "L1", "a / b", a, b);
	return MMB_OK;
}

static enum mmb_rc skip_setup(struct mmb_case *c)
{
	return mmb_skip(c, "no such %s", "thing");
}

static enum mmb_rc prepare(struct mmb_case *c)
{
	(void)c;
	prepared++;
	return MMB_OK;
}

static enum mmb_rc verify(struct mmb_case *c)
{
	verified++;
	return verify_result ? mmb_wrong(c, "made-up") : MMB_OK;
}

static void teardown(struct mmb_case *c)
{
	(void)c;
	torn_down++;
}

static const struct mmb_case_ops ops = {
	.group = &group, .setup = setup, .prepare = prepare, .verify = verify,
	.teardown = teardown,
};

static const struct mmb_case_ops skip_ops = {
	.group = &group, .setup = skip_setup, .teardown = teardown,
};

static const struct mmb_case_ops iommu_ops = {
	.group = &group, .boot = MMB_BOOT_IOMMU, .setup = setup,
};

static int start(void **state)
{
	(void)state;
	memset(&opt, 0, sizeof(opt));
	memset(&session, 0, sizeof(session));
	memset(&the_case, 0, sizeof(the_case));
	memset(order, 0, sizeof(order));
	prepared = verified = torn_down = 0;
	verify_result = MMB_OK;
	noisy_control = false;
	opt.pairs = MMB_PAIRS_MIN;
	opt.budget_s = 1000;
	session.opt = &opt;
	session.results = &results;
	session.out = fopen("/dev/null", "w");
	session.start_ns = mmb_now_ns();
	session.arena = calloc(1, 65536);
	session.user.ptr = calloc(1, MMAPDEMO_USER_SIZE);
	snprintf(the_case.id, sizeof(the_case.id), "test.case");
	snprintf(the_case.rows, sizeof(the_case.rows), "L1 L2");
	the_case.what = "what";
	the_case.ops = &ops;
	the_case.s = &session;
	return session.out && session.arena && session.user.ptr ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	for (size_t i = 0; i < the_case.n_arms; i++) {
		mmb_vec_free(&the_case.arm[i].seen);
		mmb_vec_free(&the_case.arm[i].rounds);
	}
	mmb_results_free(&results);
	fclose(session.out);
	free(session.arena);
	free(session.user.ptr);
	return 0;
}

static void arms_are_taken_in_turn(void **state)
{
	const struct mmb_row *row;

	(void)state;
	assert_int_equal(mmb_case_run(&the_case), MMB_OK);
	/* Warm-up of A, of B, then the pairs. */
	assert_int_equal(strlen(order), 2 + 2 * MMB_PAIRS_MIN);
	for (size_t i = 0; i < strlen(order); i++)
		assert_int_equal(order[i], i % 2 ? 'B' : 'A');
	row = mmb_row_find(&results, "L1");
	assert_non_null(row);
	assert_int_equal(row->sum.n, MMB_PAIRS_MIN);
	assert_true(row->sum.median == 3);
	assert_int_equal(row->verdict, MMB_FAIL);	/* 3 is below the floor of L1 */
	assert_string_equal(row->over[0], "T.a");
	assert_string_equal(row->over[1], "T.b");
	assert_int_equal(row->tries, 1);
	/* What was run to warm up is not among the values. */
	assert_int_equal(mmb_row_find(&results, "T.a")->sum.n, MMB_PAIRS_MIN);
	assert_int_equal(prepared, 1);
	assert_int_equal(verified, 1);
	assert_int_equal(torn_down, 1);
}

static void noise_repeats_then_no_number(void **state)
{
	const struct mmb_row *row;

	(void)state;
	noisy_control = true;
	assert_int_equal(mmb_case_run(&the_case), MMB_OK);
	assert_int_equal(prepared, 3);
	assert_int_equal(verified, 3);
	row = mmb_row_find(&results, "L1");
	assert_int_equal(row->verdict, MMB_INCONCLUSIVE);
	assert_int_equal(row->sum.n, 0);
	assert_non_null(strstr(row->reason, "control.test"));
	row = mmb_row_find(&results, "T.a");
	assert_int_equal(row->verdict, MMB_INCONCLUSIVE);
	assert_int_equal(row->sum.n, 0);
	assert_null(row->hist);
	/* The controls of all tries are kept. */
	assert_int_equal(mmb_row_find(&results, "control.test")->series.n,
			 3 * MMB_PAIRS_MIN);
}

static void noise_without_time_left_is_marked(void **state)
{
	const struct mmb_row *row;

	(void)state;
	noisy_control = true;
	opt.budget_s = 0;
	assert_int_equal(mmb_case_run(&the_case), MMB_OK);
	assert_int_equal(verified, 1);
	row = mmb_row_find(&results, "L1");
	assert_int_equal(row->verdict, MMB_NOISY);
	assert_true(row->sum.median == 3);
}

static unsigned int broken_tries;	/* the first so many have one hold above the budget */

static enum mmb_rc holds_run(struct mmb_arm *arm, uint64_t n)
{
	(void)n;
	mmb_observe(arm, arm->c->try <= broken_tries && arm->rounds.n == 7 ? 1 : 0);
	return MMB_OK;
}

static enum mmb_rc holds_setup(struct mmb_case *c)
{
	struct mmb_arm *arm = mmb_arm_add(c, "S3.auto.64KiB.over", "holds", holds_run);

	for (size_t i = 0; i < c->n_arms; i++)
		c->arm[i].flags &= ~MMB_ARM_CONTROL;
	arm->flags = MMB_ARM_SELF_TIMED;
	arm->ops = 1;
	return MMB_OK;
}

static const struct mmb_case_ops holds_ops = { .group = &group, .setup = holds_setup };

static void count_broken_once_is_looked_for_again(void **state)
{
	const struct mmb_row *row;

	(void)state;
	broken_tries = 1;
	the_case.ops = &holds_ops;
	assert_int_equal(mmb_case_run(&the_case), MMB_OK);
	row = mmb_row_find(&results, "S3.auto.64KiB.over");
	assert_int_equal(row->verdict, MMB_PASS);
	assert_int_equal(row->tries, 2);
	assert_int_equal(row->sum.n, MMB_PAIRS_MIN);
}

static void count_broken_every_time_fails(void **state)
{
	const struct mmb_row *row;

	(void)state;
	broken_tries = MMB_TRIES;
	the_case.ops = &holds_ops;
	assert_int_equal(mmb_case_run(&the_case), MMB_OK);
	row = mmb_row_find(&results, "S3.auto.64KiB.over");
	assert_int_equal(row->verdict, MMB_FAIL);
	assert_int_equal(row->tries, MMB_TRIES);
}

static void wrong_data_gives_no_row(void **state)
{
	(void)state;
	verify_result = MMB_WRONG;
	assert_int_equal(mmb_case_run(&the_case), MMB_WRONG);
	assert_int_equal(session.errors, 1);
	assert_int_equal(results.n, 0);
	assert_int_equal(torn_down, 1);
}

/* All boots end up in one file, where no two rows have one name. */
static void controls_of_another_boot_are_told_apart(void **state)
{
	(void)state;
	the_case.ops = &iommu_ops;
	assert_int_equal(mmb_case_run(&the_case), MMB_OK);
	assert_null(mmb_row_find(&results, "control.test"));
	assert_non_null(mmb_row_find(&results, "control.test.iommu"));
	assert_int_equal(mmb_row_find(&results, "control.test.iommu")->boot, MMB_BOOT_IOMMU);
	assert_int_equal(mmb_row_find(&results, "T.a")->boot, MMB_BOOT_IOMMU);
}

/* A and B are about two techniques, D about an engine of neither. */
static enum mmb_rc marked_setup(struct mmb_case *c)
{
	enum mmb_rc rc = setup(c);
	size_t a = c->n_arms - 3;

	c->arm[a].technique = MMAPDEMO_TECH_PAGES;
	c->arm[a + 1].technique = MMAPDEMO_TECH_VMALLOC;
	c->arm[a + 1].engine = MMAPDEMO_ENGINE_THREAD + 1;
	/* Controls are what the rest is held against: never left out. */
	c->arm[a + 2].technique = MMAPDEMO_TECH_COHERENT;
	for (size_t i = 0; i < a && opt.techniques == 1u << MMAPDEMO_TECH_BAR; i++)
		c->arm[i].flags |= MMB_ARM_CONTROL;
	return rc;
}

static const struct mmb_case_ops marked_ops = {
	.group = &group, .setup = marked_setup, .teardown = teardown,
};

static void techniques_not_chosen_are_left_out(void **state)
{
	(void)state;
	the_case.ops = &marked_ops;
	opt.techniques = 1u << MMAPDEMO_TECH_VMALLOC;
	assert_int_equal(mmb_case_run(&the_case), MMB_OK);
	assert_null(strchr(order, 'A'));
	assert_non_null(strchr(order, 'B'));
	assert_null(mmb_row_find(&results, "T.a"));
	assert_null(mmb_row_find(&results, "L1"));
	assert_non_null(mmb_row_find(&results, "T.b"));
	assert_non_null(mmb_row_find(&results, "control.test"));
}

static void engines_not_chosen_are_left_out(void **state)
{
	(void)state;
	the_case.ops = &marked_ops;
	opt.engines = 1u << MMAPDEMO_ENGINE_AUTO;
	assert_int_equal(mmb_case_run(&the_case), MMB_OK);
	assert_non_null(mmb_row_find(&results, "T.a"));
	assert_null(mmb_row_find(&results, "T.b"));
}

static void case_with_nothing_left_is_not_run(void **state)
{
	(void)state;
	the_case.ops = &marked_ops;
	opt.techniques = 1u << MMAPDEMO_TECH_BAR;
	assert_int_equal(mmb_case_run(&the_case), MMB_OK);
	assert_string_equal(order, "");
	assert_int_equal(results.n, 0);
	assert_int_equal(torn_down, 1);
}

static void duration_decides_how_many_rounds(void **state)
{
	uint64_t start = mmb_now_ns();

	(void)state;
	opt.duration_s = 1;
	assert_int_equal(mmb_case_run(&the_case), MMB_OK);
	assert_true(mmb_now_ns() - start >= 1000000000ULL);
	assert_true(mmb_row_find(&results, "L1")->sum.n > MMB_PAIRS_MIN);
	assert_true(mmb_row_find(&results, "L1")->sum.n <= MMB_ROUNDS_MAX);
}

static void skipped_case_names_its_rows(void **state)
{
	const struct mmb_row *row;

	(void)state;
	the_case.ops = &skip_ops;
	assert_int_equal(mmb_case_run(&the_case), MMB_OK);
	assert_int_equal(results.n, 2);
	row = mmb_row_find(&results, "L2");
	assert_int_equal(row->verdict, MMB_SKIPPED);
	assert_string_equal(row->reason, "no such thing");
	assert_int_equal(row->sum.n, 0);
	assert_int_equal(session.errors, 0);
	assert_int_equal(torn_down, 1);
}

/* Neither block's pages share a place in a TLB of twice or four times a block with the other's. */
static void skew_keeps_blocks_apart(void **state)
{
	static const size_t sizes[] = { 64, 4096, 65536, 100000, 1 << 20, 2 << 20 };
	unsigned char *others[3];
	size_t arena_len = mmb_arena_len(&opt);

	(void)state;
	free(session.arena);
	session.arena = aligned_alloc(MMB_PAGE, arena_len);
	assert_non_null(session.arena);
	for (size_t i = 0; i < 3; i++)
		others[i] = (unsigned char *)(uintptr_t)(0x7f0000001000ULL + i * 0x5000 + 64 * i);
	for (unsigned int n = 0; n < ARRAY_SIZE(sizes) * 3 * 20; n++) {
		size_t len = sizes[n % ARRAY_SIZE(sizes)], block = 16;
		unsigned char *other = others[n % 3];
		unsigned char *p = mmb_skewed(&session, other, len, n);
		uintptr_t away = (uintptr_t)p / MMB_PAGE - (uintptr_t)other / MMB_PAGE;

		while (block * MMB_PAGE < len)
			block *= 2;
		assert_true(p >= session.arena && p + len + 64 <= session.arena + arena_len);
		assert_int_equal((uintptr_t)p % MMB_PAGE, 0);
		assert_true(away & 1);
		/* An odd distance of at most 31 pages beyond the length of a block. */
		if (block > 64) {
			assert_in_range(away % (2 * block), block + 1, block + 31);
			assert_true(away % (4 * block) >= block);
		}
	}
}

static void pattern_check_finds_one_wrong_byte(void **state)
{
	unsigned char mem[4096 + 128];
	struct mmb_proof proof = { .from = session.arena, .to = mem + 64, .len = 4096,
				   .before = 64, .behind = 64, .seed = 5 };

	(void)state;
	for (int what = 0; what < 5; what++) {
		mmb_proof_prepare(&proof);
		memcpy(mem + 64, session.arena, 4096);
		session.errors = 0;
		if (what == 1)
			mem[64 + 4095] ^= 1;
		if (what == 2)
			session.arena[2048] ^= 1;
		if (what == 3)
			mem[63] ^= 1;
		if (what == 4)
			mem[64 + 4096] ^= 1;
		assert_int_equal(mmb_proof_check(&the_case, "copy", &proof),
				 what ? MMB_WRONG : MMB_OK);
		assert_int_equal(session.errors, what ? 1 : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(arms_are_taken_in_turn, start, end),
		cmocka_unit_test_setup_teardown(noise_repeats_then_no_number, start, end),
		cmocka_unit_test_setup_teardown(noise_without_time_left_is_marked, start, end),
		cmocka_unit_test_setup_teardown(count_broken_once_is_looked_for_again, start, end),
		cmocka_unit_test_setup_teardown(count_broken_every_time_fails, start, end),
		cmocka_unit_test_setup_teardown(wrong_data_gives_no_row, start, end),
		cmocka_unit_test_setup_teardown(controls_of_another_boot_are_told_apart, start,
						end),
		cmocka_unit_test_setup_teardown(techniques_not_chosen_are_left_out, start, end),
		cmocka_unit_test_setup_teardown(engines_not_chosen_are_left_out, start, end),
		cmocka_unit_test_setup_teardown(case_with_nothing_left_is_not_run, start, end),
		cmocka_unit_test_setup_teardown(duration_decides_how_many_rounds, start, end),
		cmocka_unit_test_setup_teardown(skipped_case_names_its_rows, start, end),
		cmocka_unit_test_setup_teardown(skew_keeps_blocks_apart, start, end),
		cmocka_unit_test_setup_teardown(pattern_check_finds_one_wrong_byte, start, end),
	};

	return cmocka_run_group_tests_name("bench-runner", tests, NULL, NULL);
}
