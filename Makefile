# SPDX-License-Identifier: MIT
# The front door: every target calls a script, which brings up to date what it needs.
#
# User space is built by meson (meson.build), the driver by kbuild (kernel/Kbuild), QEMU by its own build system; each
# also works by itself: see docs/building.md.

python := /usr/bin/python3

.DEFAULT_GOAL := help
.PHONY: help bench bench-gate report tour test test-deep soak run shell debug doctor clean distclean
# Targets share one build tree: run one after the other also under make -j.
.NOTPARALLEL:

help:
	@echo 'make bench      build, boot, benchmark; results in build/bench/results.json'
	@echo '                ARGS="--quick --only D1": arguments of "mmapdemo bench"'
	@echo '                BOOTS=5: that many boots, pooled'
	@echo 'make bench-gate fail if a count or an instruction count has changed; UPDATE=1: it is meant, write the reference'
	@echo 'make report     one page of the last results, with plots: build/bench/report.html'
	@echo 'make tour       follow one transfer through all layers; writes docs/life-of-a-transfer.md'
	@echo 'make test       all tests that run in minutes'
	@echo 'make test-deep  the checks that need more downloads or time: other kernels, sanitizers, fuzzing,'
	@echo '                coverage, mutants, a stressor, another QEMU'
	@echo 'make soak       the same at full length, every mutant; HOURS=1'
	@echo 'make shell      a prompt in the guest, with everything loaded'
	@echo 'make run        boot and run CMD="..." in the guest (default: mmapdemo bench ARGS)'
	@echo 'make debug      the same as shell, open to gdb; says how to start it'
	@echo 'make doctor     what is missing here, with the command that installs it'
	@echo 'make clean      remove build/;  make distclean: the cache as well'
	@echo
	@echo 'Variables: QEMU_SRC=DIR  KERNEL=IMAGE KDIR=DIR  ACCEL=auto|tcg|kvm  MMAPDEMO_CACHE=DIR'
	@echo '           VM="..." options of the guest for run, shell, debug (tests/vm/run --help)'

bench:
	@tests/vm/packages install bench
	@$(python) tests/vm/bench $(if $(BOOTS),--boots $(BOOTS)) $(ARGS)

bench-gate:
	@tests/vm/packages install bench
	@$(python) tests/vm/bench-gate $(if $(UPDATE),--update) $(if $(GATE_KERNEL),--kernel $(GATE_KERNEL)) || [ $$? -eq 77 ]

tour:
	@tests/vm/packages install bench
	@$(python) tests/vm/tour

report:
	@tests/vm/packages install report
	@[ -f build/bench/results.json ] || { echo 'There are no results yet: make bench writes them.' >&2; exit 2; }
	@userspace/bench/report/bench-report build/bench/results.json -o build/bench/report.html
	@echo 'the report: build/bench/report.html'

test:
	@tests/vm/packages install test
	@$(python) tests/vm/suite test

test-deep:
	@tests/vm/packages install deep
	@$(python) tests/vm/suite deep

HOURS ?= 1

soak:
	@tests/vm/packages install deep
	@$(python) tests/vm/suite soak $(HOURS)

CMD ?= mmapdemo bench $(ARGS)
export CMD

run:
	@tests/vm/packages install bench
	@$(python) tests/vm/run --accel $(or $(ACCEL),auto) $(VM) -- "$$CMD"

shell:
	@tests/vm/packages install bench
	@$(python) tests/vm/run --name shell --accel $(or $(ACCEL),auto) $(VM) --interactive

debug:
	@tests/vm/packages install bench
	@$(python) tests/vm/run --name debug --accel $(or $(ACCEL),auto) --gdb $(VM) --interactive

doctor:
	@tests/vm/doctor

clean:
	rm -rf build

distclean: clean
	@tests/vm/clean-cache
