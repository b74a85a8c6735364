// SPDX-License-Identifier: MIT
/*
 * test_icount.c - what is made of an instruction counter, on a made-up one: arms that take a known number of
 * instructions, a timer tick now and then, and allocators that are slower the first time.
 */
#include "../unit.h"

#include <stdio.h>

#include <bench.h>
#include <icount.h>

static const struct mmb_group group = { .title = "t", .meaning = "m", .unit = "instructions" };

static struct mmb_options opt;
static struct mmb_results results;
static struct mmb_session session;
static struct mmb_case the_case;

static uint64_t executed;	/* instructions */
static unsigned int batches, befores, afters;
static unsigned int tick_every;	/* so many batches; 0: never */
static unsigned int drift;	/* instructions more of each turn in each batch */

static uint64_t made_up_counter(void)
{
	executed += 3;	/* reading it takes some, too */
	return executed * MMB_ICOUNT_TICKS;
}

/* Seven to begin with, and 100 for each turn. */
static enum mmb_rc hundred_run(struct mmb_arm *arm, uint64_t ops)
{
	(void)arm;
	executed += 7 + (100 + batches * drift) * ops;
	batches++;
	if (tick_every && batches % tick_every == 0)
		executed += 5000;
	return MMB_OK;
}

static enum mmb_rc note_before(struct mmb_arm *arm, uint64_t ops)
{
	(void)arm;
	(void)ops;
	executed += 100000;
	befores++;
	return MMB_OK;
}

static enum mmb_rc note_after(struct mmb_arm *arm, uint64_t ops)
{
	(void)arm;
	(void)ops;
	executed += 200000;
	afters++;
	return MMB_OK;
}

static uint64_t arm_ops;
static unsigned int arm_flags;
static double arm_per;

static enum mmb_rc setup(struct mmb_case *c)
{
	struct mmb_arm *arm = mmb_icount_arm(c, "I2", "a hundred", hundred_run, arm_ops);

	arm->flags |= arm_flags | MMB_ARM_NO_LOOP;
	arm->per = arm_per;
	arm->before = note_before;
	arm->after = note_after;
	return MMB_OK;
}

static const struct mmb_case_ops ops = {
	.group = &group, .boot = MMB_BOOT_ICOUNT, .setup = setup, .run = mmb_icount_run,
};

static int start(void **state)
{
	(void)state;
	memset(&opt, 0, sizeof(opt));
	memset(&session, 0, sizeof(session));
	memset(&the_case, 0, sizeof(the_case));
	executed = batches = befores = afters = tick_every = drift = 0;
	arm_ops = MMB_ICOUNT_OPS;
	arm_flags = 0;
	arm_per = 0;
	opt.pairs = MMB_PAIRS_MIN;
	session.opt = &opt;
	session.results = &results;
	session.out = fopen("/dev/null", "w");
	session.start_ns = mmb_now_ns();
	snprintf(the_case.id, sizeof(the_case.id), "test.case");
	snprintf(the_case.rows, sizeof(the_case.rows), "I2");
	the_case.what = "what";
	the_case.ops = &ops;
	the_case.s = &session;
	mmb_icount_read = made_up_counter;
	return session.out ? 0 : -1;
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
	return 0;
}

static const struct mmb_row *run(void)
{
	const struct mmb_row *row;

	assert_int_equal(mmb_case_run(&the_case), MMB_OK);
	row = mmb_row_find(&results, "I2");
	assert_non_null(row);
	return row;
}

static void count_is_of_one_operation(void **state)
{
	const struct mmb_row *row = run();

	(void)state;
	assert_true(row->sum.median == 100 && row->sum.min == 100 && row->sum.max == 100);
	assert_int_equal(row->sum.n, MMB_ICOUNT_BATCHES);
	assert_int_equal(row->verdict, MMB_PASS);
	assert_int_equal(row->boot, MMB_BOOT_ICOUNT);
	assert_int_equal(row->tries, 1);
}

static void before_and_after_go_with_each_batch(void **state)
{
	(void)state;
	run();
	assert_int_equal(befores, batches);
	assert_int_equal(afters, batches);
}

/* A batch of one has nothing to take half of: what is the same with none is taken off. */
static void batch_of_one_is_counted(void **state)
{
	(void)state;
	arm_ops = 1;
	assert_true(run()->sum.median == 100);
}

static void operation_of_many_is_divided(void **state)
{
	(void)state;
	arm_per = 16;
	assert_true(run()->sum.median == 6.25);
}

static void ticks_do_not_show_in_the_figure(void **state)
{
	const struct mmb_row *row;

	(void)state;
	tick_every = 9;
	row = run();
	assert_true(row->sum.median == 100 && row->sum.max == 600);
	assert_int_equal(row->verdict, MMB_PASS);
}

static void figure_that_moves_is_no_figure(void **state)
{
	const struct mmb_row *row;

	(void)state;
	drift = 1;
	opt.budget_s = 1000;
	row = run();
	assert_int_equal(row->verdict, MMB_INCONCLUSIVE);
	assert_int_equal(row->sum.n, 0);
	assert_int_equal(row->tries, MMB_TRIES);
	assert_non_null(strstr(row->reason, "do not agree"));
}

/* Batches of millions of instructions are hit by several ticks each: half of them agreeing to 1 % will do. */
static void long_batches_may_differ_a_little(void **state)
{
	(void)state;
	arm_ops = 1;
	arm_flags = MMB_ARM_LONG | MMB_ARM_MIN;
	tick_every = 1;
	assert_int_equal(run()->verdict, MMB_PASS);
}

static void long_batches_may_not_differ_much(void **state)
{
	(void)state;
	arm_ops = 1;
	arm_flags = MMB_ARM_LONG | MMB_ARM_MIN;
	drift = 1;
	assert_int_equal(run()->verdict, MMB_NOISY);
}

static void machine_without_a_counter_skips(void **state)
{
	(void)state;
	if (mmb_icount_here())
		skip();		/* a guest that counts */
	assert_int_equal(mmb_icount_setup(&the_case), MMB_SKIP);
	assert_non_null(strstr(the_case.skip, "-icount"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(count_is_of_one_operation, start, end),
		cmocka_unit_test_setup_teardown(before_and_after_go_with_each_batch, start, end),
		cmocka_unit_test_setup_teardown(batch_of_one_is_counted, start, end),
		cmocka_unit_test_setup_teardown(operation_of_many_is_divided, start, end),
		cmocka_unit_test_setup_teardown(ticks_do_not_show_in_the_figure, start, end),
		cmocka_unit_test_setup_teardown(figure_that_moves_is_no_figure, start, end),
		cmocka_unit_test_setup_teardown(long_batches_may_differ_a_little, start, end),
		cmocka_unit_test_setup_teardown(long_batches_may_not_differ_much, start, end),
		cmocka_unit_test_setup_teardown(machine_without_a_counter_skips, start, end),
	};

	return cmocka_run_group_tests_name("bench-icount", tests, NULL, NULL);
}
