// SPDX-License-Identifier: MIT
/*
 * machine.c - taking the device away and bringing it back, running programs, asking QEMU.
 *
 * Not for: what must be true meanwhile, see lifetime.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "busy.h"
#include "machine.h"

#define DRIVER_DIR	"/sys/bus/pci/drivers/mmapdemo"
#define MODULE_FILE	"/lib/modules/mmapdemo.ko"
#define VMCTL		"/usr/bin/vmctl"
#define QEMU_ID		"mmd0"
#define QEMU_BUS	"rp0"
#define BACK_MS		8000	/* no promise: those are for who measures */
#define RUN_ARGS	24

static char bus_id[32];		/* remembered while the device is away */

static const char *bus_id_remember(void)
{
	const char *id = dev_bus_id();

	if (id)
		snprintf(bus_id, sizeof(bus_id), "%s", id);
	if (!bus_id[0])
		FAIL("no PCI function %04x:%04x", MMAPDEMO_PCI_VENDOR_ID, MMAPDEMO_PCI_DEVICE_ID);
	return bus_id;
}

void node_wait(bool there)
{
	u64 end = now_ns() + patience_ms(BACK_MS) * 1000000ULL;
	char node[64];

	while (dev_node_find(node, sizeof(node)) != there) {
		if (now_ns() > end)
			FAIL("the node is %s after %u ms", there ? "not there" : "still there",
			     patience_ms(BACK_MS));
		sleep_ms(2);
	}
}

static unsigned int write_timed(const char *path, const char *text)
{
	u64 start = now_ns();

	file_write(path, text);
	return (now_ns() - start) / 1000000;
}

unsigned int driver_unbind(void)
{
	unsigned int ms = write_timed(DRIVER_DIR "/unbind", bus_id_remember());

	node_wait(false);
	return ms;
}

void driver_bind(void)
{
	file_write(DRIVER_DIR "/bind", bus_id_remember());
	node_wait(true);
}

unsigned int driver_rebind_beside(const volatile u32 *rounds, unsigned int times)
{
	unsigned int worst = 0;

	for (unsigned int i = 0; i < times; i++) {
		u32 before = *rounds;
		unsigned int ms;

		while (*rounds < before + 2)
			sleep_ms(1);
		ms = driver_unbind();
		CHECKF(ms < promise_ms(2000), "unbinding took %u ms", ms);
		worst = ms > worst ? ms : worst;
		driver_bind();
	}
	return worst;
}

unsigned int pci_remove(void)
{
	char path[96];
	unsigned int ms = write_timed(strf(path, sizeof(path), "/sys/bus/pci/devices/%s/remove",
					   bus_id_remember()), "1");

	node_wait(false);
	return ms;
}

bool kernel_is_before(unsigned int major, unsigned int minor)
{
	unsigned int is_major, is_minor;
	struct utsname u;

	CHECK_SYS(uname(&u));
	CHECKF(sscanf(u.release, "%u.%u", &is_major, &is_minor) == 2, "Linux %s?", u.release);
	return is_major < major || (is_major == major && is_minor < minor);
}

void pci_rescan(void)
{
	write_timed("/sys/bus/pci/rescan", "1");
	node_wait(true);
}

unsigned int function_reset(void)
{
	char path[96];

	return write_timed(strf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset",
				bus_id_remember()), "1");
}

unsigned int driver_reset(void)
{
	char path[96];

	return write_timed(strf(path, sizeof(path), "/sys/kernel/debug/mmapdemo/%s/reset",
				dev_node() + strlen("/dev/")), "1");
}

/* How often the driver has recovered from an error of the bus. */
u64 bus_recoveries(void)
{
	char path[96], line[96];
	u64 n = 0;
	FILE *f;

	f = fopen(strf(path, sizeof(path), "/sys/kernel/debug/mmapdemo/%s/counters",
		       dev_node() + strlen("/dev/")), "re");
	CHECKF(f, "open %s: %m", path);
	while (fgets(line, sizeof(line), f) && sscanf(line, "recoveries %" SCNu64, &n) != 1)
		;
	fclose(f);
	return n;
}

void bus_error_require(void)
{
	char path[96];

	qmp_require();
	if (access(strf(path, sizeof(path), "/sys/bus/pci/devices/%s/aer_dev_fatal",
			bus_id_remember()), F_OK))
		test_skip("nobody reports errors of the device's bus: is it there with aer=on?");
}

void bus_error_of(const char *device, const char *name)
{
	char command[192], reply[1024];

	CHECK(qmp(strf(command, sizeof(command),
		       "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":"
		       "\"pcie_aer_inject_error %s %s\"}}", device, name), reply, sizeof(reply)));
	CHECKF(strstr(reply, "OK id"), "QEMU says about error %s: %s", name, reply);
}

void bus_error(const char *name)
{
	bus_error_of(QEMU_ID, name);
}

static unsigned int bus_error_recovered(const char *name)
{
	u64 start, end, before;

	bus_error_require();
	before = bus_recoveries();
	start = now_ns();
	end = start + patience_ms(BACK_MS) * 1000000ULL;
	bus_error(name);
	while (bus_recoveries() == before) {
		CHECKF(now_ns() < end, "no recovery from %s within %u ms", name,
		       patience_ms(BACK_MS));
		sleep_ms(2);
	}
	return (now_ns() - start) / 1000000;
}

/* A data link protocol error: the kernel resets the link. */
unsigned int bus_error_fatal(void)
{
	return bus_error_recovered("DLP");
}

/* A completion timeout: nothing is reset but by the driver. */
unsigned int bus_error_nonfatal(void)
{
	return bus_error_recovered("COMP_TIME");
}

void qmp_require(void)
{
	if (access(VMCTL, X_OK))
		test_skip("no " VMCTL ": this guest cannot talk to its QEMU");
}

bool qmp(const char *command, char *reply, size_t size)
{
	struct output *o = malloc(sizeof(*o));
	bool ok;

	CHECK(o);
	run(o, BACK_MS, VMCTL, command, NULL);
	ok = !strstr(o->out, "\"error\"");
	/* 1 and an error is QEMU's answer, anything else is no answer. */
	if (ok ? o->status != 0 : o->status != 1)
		FAIL("vmctl '%s' ended with %d: %s%s", command, o->status, o->out, o->err);
	if (reply)
		snprintf(reply, size, "%s", o->out);
	free(o);
	return ok;
}

static void qmp_must(const char *command)
{
	char reply[1024];

	if (!qmp(command, reply, sizeof(reply)))
		FAIL("QEMU refuses %s: %s", command, reply);
}

unsigned int qemu_device_del(void)
{
	u64 start, end;

	qmp_require();
	bus_id_remember();
	start = now_ns();
	end = start + patience_ms(BACK_MS) * 1000000ULL;
	qmp_must("{\"execute\":\"device_del\",\"arguments\":{\"id\":\"" QEMU_ID "\"}}");
	while (dev_bus_id()) {
		if (now_ns() > end)
			FAIL("the function is still there %u ms after device_del",
			     patience_ms(BACK_MS));
		sleep_ms(2);
	}
	node_wait(false);
	return (now_ns() - start) / 1000000;
}

void qemu_device_add(void)
{
	u64 end = now_ns() + patience_ms(BACK_MS) * 1000000ULL;
	char reply[1024];

	/* The old one is released when the guest has powered its slot off. */
	while (!qmp("{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"mmapdemo\",\"id\":\""
		    QEMU_ID "\",\"bus\":\"" QEMU_BUS "\",\"aer\":true}}", reply, sizeof(reply))) {
		if (now_ns() > end)
			FAIL("QEMU refuses device_add: %s", reply);
		sleep_ms(20);
	}
	node_wait(true);
}

void qemu_property_set(const char *name, const char *value)
{
	char command[256];

	qmp_must(strf(command, sizeof(command),
		      "{\"execute\":\"qom-set\",\"arguments\":{\"path\":\"" QEMU_ID
		      "\",\"property\":\"%s\",\"value\":%s}}", name, value));
}

bool qemu_property_get(const char *name, char *value, size_t size)
{
	char command[256];

	return qmp(strf(command, sizeof(command),
			"{\"execute\":\"qom-get\",\"arguments\":{\"path\":\"" QEMU_ID
			"\",\"property\":\"%s\"}}", name), value, size);
}

void module_reload(const char *parameters)
{
	int fd;

	if (syscall(SYS_delete_module, "mmapdemo", O_NONBLOCK) && errno != ENOENT)
		FAIL("unload mmapdemo: %m");
	fd = CHECK_SYS(open(MODULE_FILE, O_RDONLY | O_CLOEXEC));
	if (syscall(SYS_finit_module, fd, parameters, 0))
		FAIL("load " MODULE_FILE " with \"%s\": %m", parameters);
	close(fd);
	node_wait(true);
}

void raw_bar_require(bool on)
{
	if (raw_bar_allowed() != on)
		file_write("/sys/module/mmapdemo/parameters/allow_raw_bar", on ? "Y" : "N");
	CHECK(raw_bar_allowed() == on);
}

/* In a child, since what is called may fail "the test". True: this is the child. */
static bool in_a_child(void)
{
	pid_t pid = fork();

	if (!pid)
		return true;
	for (unsigned int i = 0; pid > 0 && i < 2 * patience_ms(BACK_MS); i++) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return false;
		sleep_ms(1);
	}
	kill(pid, SIGKILL);
	return false;
}

void machine_speed_up(void)
{
	if (!in_a_child())
		return;
	busy_end();
	_exit(0);
}

/* Each step is harmless where it is not needed. */
void machine_mend(u32 mem_cache)
{
	char path[128];

	if (!in_a_child())
		return;
	/* A client of the channel holds the module, see dmaengine.c. */
	file_try_write("/sys/module/dmatest/parameters/run", "N");
	/* A second device, see two_devices.c; it is gone when QEMU has heard from the guest. */
	if (!access(VMCTL, X_OK) &&
	    qmp("{\"execute\":\"device_del\",\"arguments\":{\"id\":\"mmd-second\"}}", NULL, 0))
		sleep_ms(1000);
	if (access("/sys/module/mmapdemo", F_OK))
		module_reload("");
	if (!dev_bus_id())
		file_try_write("/sys/bus/pci/rescan", "1");
	if (!dev_bus_id() && !access(VMCTL, X_OK))
		qemu_device_add();
	if (!dev_bus_id())
		_exit(1);
	if (access(strf(path, sizeof(path), DRIVER_DIR "/%s", dev_bus_id()), F_OK)) {
		/* Another kernel driver may have it, see backend.c. */
		file_try_write(strf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override",
				    dev_bus_id()), "\n");
		file_try_write(strf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver/unbind",
				    dev_bus_id()), dev_bus_id());
		file_try_write(DRIVER_DIR "/bind", dev_bus_id());
		node_wait(true);
	}
	config_write(PCI_COMMAND_OFFSET, 2, config_read(PCI_COMMAND_OFFSET, 2) |
		     PCI_COMMAND_MEM | PCI_COMMAND_MASTER);
	mem_cache_set(dev_open(O_RDWR), mem_cache);
	_exit(0);
}

/* --- programs -------------------------------------------------------------------------------- */

/* What there is at the moment; more than fits is thrown away. */
static bool drain(int fd, char *buf, size_t size, size_t *have)
{
	bool room = *have < size - 1;
	char spare[512];
	ssize_t n = room ? read(fd, buf + *have, size - 1 - *have) : read(fd, spare, sizeof(spare));

	if (n > 0 && room)
		*have += n;
	buf[*have] = 0;
	return n > 0;
}

void run(struct output *o, unsigned int limit_ms, const char *program, ...)
{
	const char *argv[RUN_ARGS] = { program };
	u64 end = now_ns() + patience_ms(limit_ms) * 1000000ULL;
	size_t have_out = 0, have_err = 0;
	int out[2], err[2], status, n = 1;
	va_list ap;
	pid_t pid;

	va_start(ap, program);
	do {
		if (n == RUN_ARGS)
			FAIL("more than %d arguments for %s", RUN_ARGS - 1, program);
		argv[n] = va_arg(ap, const char *);
	} while (argv[n++]);
	va_end(ap);
	CHECK_SYS(pipe2(out, O_CLOEXEC));
	CHECK_SYS(pipe2(err, O_CLOEXEC));
	CHECK_SYS(fcntl(out[0], F_SETFL, O_NONBLOCK));
	CHECK_SYS(fcntl(err[0], F_SETFL, O_NONBLOCK));
	o->out[0] = o->err[0] = 0;
	pid = child_fork();
	if (!pid) {
		dup2(out[1], 1);
		dup2(err[1], 2);
		execvp(program, (char **)argv);
		FAIL("run %s: %m", program);
	}
	close(out[1]);
	close(err[1]);
	for (;;) {
		struct pollfd p[2] = { { out[0], POLLIN, 0 }, { err[0], POLLIN, 0 } };

		poll(p, 2, 2);
		if (p[0].revents & POLLIN)
			drain(out[0], o->out, sizeof(o->out), &have_out);
		else if (p[1].revents & POLLIN)
			drain(err[0], o->err, sizeof(o->err), &have_err);
		else if (waitpid(pid, &status, WNOHANG) == pid)
			break;
		else if (now_ns() > end)
			FAIL("%s %s still runs after %u ms; so far: %s%s", program,
			     argv[1] ? argv[1] : "", patience_ms(limit_ms), o->out, o->err);
	}
	/* It may have written its last words between the look at the pipes and its end. */
	while (drain(out[0], o->out, sizeof(o->out), &have_out))
		;
	while (drain(err[0], o->err, sizeof(o->err), &have_err))
		;
	close(out[0]);
	close(err[0]);
	o->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
