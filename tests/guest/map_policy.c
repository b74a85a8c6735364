// SPDX-License-Identifier: MIT
/*
 * map_policy.c - which mappings are granted, and that every refusal has its own errno and leaves
 * nothing behind.
 *
 * Not for: what happens to a granted mapping afterwards, see map_lifetime.c.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "machine.h"
#include "subject.h"

#define PAGES	8	/* of an allocated object */
#define RW	(PROT_READ | PROT_WRITE)

/* Lines of /proc/self/maps that belong to the node. */
static unsigned int node_mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned int n = 0;
	char line[512];

	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		if (strstr(line, "mmapdemo") && strstr(line, " /dev/"))
			n++;
	}
	fclose(f);
	return n;
}

/* This mapping fails with err, and the failure changes nothing. */
static void refused_fd(const struct object *o, int fd, u64 len, int prot, int flags, u64 offset,
		       int err)
{
	u32 vmas = buf_vmas(o->fd, o->handle);
	unsigned int here = node_mappings();
	void *p;
	int ret = map_try(fd, len, prot, flags, offset, &p);

	if (ret != err)
		FAIL("mmap of %#llx bytes, protection %d, flags %d, offset %#llx: %s, wanted %s",
		     (unsigned long long)len, prot, flags, (unsigned long long)offset,
		     errno_word(ret), errno_word(err));
	CHECK_EQ(node_mappings(), here);
	CHECK_EQ(buf_vmas(o->fd, o->handle), vmas);
}

static void refused(const struct object *o, u64 len, u64 offset, int err)
{
	refused_fd(o, o->fd, len, RW, MAP_SHARED, offset, err);
	refused_fd(o, o->fd, len, PROT_READ, MAP_SHARED, offset, err);
	refused_fd(o, o->fd, len, PROT_READ, MAP_PRIVATE, offset, err);
}

/* --- geometry -------------------------------------------------------------------------------- */

static void whole_region_shows_every_page(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	struct mmapdemo_map_info i;
	char *p;

	CHECK_EQ(buf_vmas(o.fd, o.handle), 0);
	object_tag(&o);
	p = object_map(&o);
	CHECK_EQ(buf_vmas(o.fd, o.handle), 1);
	for (u64 n = 0; n < o.len / PAGE; n++)
		object_verify_page(&o, p + n * PAGE, n);
	i = map_info(o.fd, p + o.len - 1);
	CHECK_EQ(i.out_start, p);
	CHECK_EQ(i.out_end, p + o.len);
	CHECK_EQ(i.out_offset, o.offset);
	CHECK_EQ(i.out_technique, o.s->technique);
	unmap(p, o.len);
	CHECK_EQ(buf_vmas(o.fd, o.handle), 0);
	object_put(&o);
}

static void each_page_alone_shows_its_own(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	u64 pages = o.len / PAGE, step = pages > 64 ? pages / 61 : 1;

	object_tag(&o);
	for (u64 n = 0; n < pages; n += step) {
		void *p = map_rw(o.fd, PAGE, o.offset + n * PAGE);

		object_verify_page(&o, p, n);
		CHECK_EQ(map_info(o.fd, p).out_offset, o.offset + n * PAGE);
		unmap(p, PAGE);
	}
}

static void last_page_is_granted(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	void *p;

	object_tag(&o);
	p = map_rw(o.fd, PAGE, o.offset + o.len - PAGE);
	object_verify_page(&o, p, o.len / PAGE - 1);
	CHECK_EQ(buf_vmas(o.fd, o.handle), 1);
}

static void one_page_past_end_einval(const void *arg)
{
	struct object o = object_get(arg, PAGES);

	refused(&o, o.len + PAGE, o.offset, -EINVAL);
}

static void offset_at_end_einval(const void *arg)
{
	struct object o = object_get(arg, PAGES);

	refused(&o, PAGE, o.offset + o.len, -EINVAL);
	refused(&o, o.len, o.offset + o.len, -EINVAL);
}

static void crossing_end_einval(const void *arg)
{
	struct object o = object_get(arg, PAGES);

	refused(&o, 2 * PAGE, o.offset + o.len - PAGE, -EINVAL);
	refused(&o, o.len, o.offset + PAGE, -EINVAL);
}

/* Lengths at which offset + length, or the length in pages, would overflow 32 bits. */
static void absurd_length_einval(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	static const u64 lengths[] = {
		1ULL << 32, (1ULL << 32) + PAGE, 1ULL << 40, 1ULL << 44, (1ULL << 44) + PAGE,
	};

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		refused(&o, lengths[i], o.offset, -EINVAL);
		refused(&o, lengths[i], o.offset + o.len - PAGE, -EINVAL);
	}
}

/* The kernel's own answers, before the driver is asked. */
static void unaligned_offset_einval(const void *arg)
{
	struct object o = object_get(arg, PAGES);

	refused(&o, PAGE, o.offset + 1, -EINVAL);
	refused(&o, PAGE, o.offset + PAGE / 2, -EINVAL);
	refused(&o, 0, o.offset, -EINVAL);
}

/* A length that is no multiple of the page size is rounded up by the kernel: 1 byte is a page. */
static void odd_length_is_rounded_up(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	void *p = map_rw(o.fd, o.len - PAGE + 1, o.offset);

	CHECK_EQ(map_info(o.fd, p).out_end - map_info(o.fd, p).out_start, o.len);
	unmap(p, o.len);
	refused(&o, o.len + 1, o.offset, -EINVAL);
}

static void one_page_leaves_neighbours_alone(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *area = map_reserve(3 * PAGE), *p;

	object_tag(&o);
	p = CHECK_SYS(mmap(area + PAGE, PAGE, RW, MAP_SHARED | MAP_FIXED, o.fd, o.offset));
	object_verify_page(&o, p, 0);
	/* Nothing reaches out of the one page, in the address space ... */
	CHECK_EQ(touch_read(area + PAGE - 4, NULL), SIGSEGV);
	CHECK_EQ(touch_read(area + 2 * PAGE, NULL), SIGSEGV);
	/* ... nor in the object. */
	if (o.flags & SUBJ_REGS)
		return;
	memset(p, 0x5a, PAGE);
	p = map_ro(o.fd, PAGE, o.offset + PAGE);
	object_verify_page(&o, p, 1);
	CHECK_EQ(first_not(p + 4, PAGE - 4, o.s->region == MMAPDEMO_REGION_EXAMPLE ? p[4] : 0),
		 PAGE - 4);
}

/* --- offsets that name nothing ---------------------------------------------------------------- */

static void offsets_near_2_63_and_2_64_name_nothing(const void *arg)
{
	struct object o = object_get(arg, PAGES);

	refused(&o, PAGE, (1ULL << 63) - PAGE, -ENOENT);
	refused(&o, 2 * PAGE, (1ULL << 63) - PAGE, -ENOENT);
	refused(&o, PAGE, 1ULL << 63, -ENOENT);
	refused(&o, PAGE, -2 * PAGE, -ENOENT);
	/* Where offset + length would wrap, the kernel's core answers. */
	refused(&o, PAGE, -PAGE, -EOVERFLOW);
	refused(&o, 2 * PAGE, -2 * PAGE, -EOVERFLOW);
	refused(&o, o.len, -o.len, -EOVERFLOW);
	/* The object's own offset with high bits added is not the object. */
	for (unsigned int bit = 48; bit < 63; bit++) {
		u64 off = o.offset ^ (1ULL << bit);

		/* The only bit of its number: what is left is a standing region. */
		if (off < 1ULL << 40)
			continue;
		refused(&o, PAGE, off, -ENOENT);
	}
}

static void unknown_offset_enoent(void)
{
	struct object o = object_get(subject_named("pages"), PAGES);
	u64 state = test_seed();

	for (int i = 0; i < 2000; i++) {
		u64 off = (rnd(&state) >> (rnd(&state) % 40)) & ~(PAGE - 1) & ~(1ULL << 63);
		void *p;
		int ret = map_try(o.fd, PAGE, PROT_READ, MAP_SHARED, off, &p);

		/* Ours, or a standing region, or behind one of them: those are known. */
		if (off < (MMAPDEMO_REGION_ALIAS + 1ULL) << 36 ||
		    (off >= o.offset && off < o.offset + (1ULL << 36)))
			continue;
		if (ret != -ENOENT)
			FAIL("offset %#llx: %s, wanted ENOENT", (unsigned long long)off,
			     errno_word(ret));
	}
}

static void map_unknown_offset_enoent(const void *arg)
{
	(void)arg;
	unknown_offset_enoent();
}

static void freed_offset_enoent(const void *arg)
{
	struct object o = object_get(arg, PAGES), other = object_get_in(arg, o.fd, PAGES);

	CHECK_OK(buf_free(o.fd, o.handle));
	refused(&other, PAGE, o.offset, -ENOENT);
	refused(&other, PAGE, o.offset + PAGE, -ENOENT);
	CHECK_EQ(other.offset != o.offset, true);
}

static void foreign_offset_enoent(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	int fd = dev_open(O_RDWR);
	struct mmapdemo_buf_info i;

	refused_fd(&o, fd, PAGE, RW, MAP_SHARED, o.offset, -ENOENT);
	refused_fd(&o, fd, PAGE, PROT_READ, MAP_PRIVATE, o.offset, -ENOENT);
	refused_fd(&o, fd, o.len + PAGE, RW, MAP_SHARED, o.offset, -ENOENT);
	CHECK_RET(buf_try_info(fd, o.handle, &i), -ENOENT);
}

/* Two files: no offset of one may lead into the other's object. */
static void two_files_never_share_an_offset(const void *arg)
{
	struct object a = object_get(arg, PAGES);
	int fd = dev_open(O_RDWR);
	struct object b = object_get_in(arg, fd, PAGES);
	void *p = NULL;

	object_tag(&a);
	memset(object_map(&b), 0x33, b.len);
	CHECK(a.offset != b.offset);
	if (!map_try(b.fd, a.len, RW, MAP_SHARED, a.offset, &p))
		FAIL("offset %#llx of one file leads somewhere in another",
		     (unsigned long long)a.offset);
	object_verify_page(&a, object_map(&a), 0);
}

/* --- protection -------------------------------------------------------------------------------- */

static void private_read_only_is_granted(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	void *p = NULL;

	object_tag(&o);
	CHECK_OK(map_try(o.fd, PAGE, PROT_READ, MAP_PRIVATE, o.offset, &p));
	object_verify_page(&o, p, 0);
	CHECK_EQ(buf_vmas(o.fd, o.handle), 1);
	/* Nor may it become a private copy later. */
	CHECK_EQ(mprotect(p, PAGE, RW), -1);
	CHECK_EQ(errno, EACCES);
	CHECK_EQ(touch_write(p, 0), SIGSEGV);
	CHECK(!vm_flags_have(p, "mw"));
}

static void private_writable_einval(const void *arg)
{
	struct object o = object_get(arg, PAGES);

	void *p = NULL;

	/* One that is granted after all: what it does is worth a look, and be it the kernel's last. */
	if (!map_try(o.fd, PAGE, RW, MAP_PRIVATE, o.offset, &p))
		diag("a store: signal %d, a load: signal %d", touch_write(p, 1), touch_read(p, NULL));
	refused_fd(&o, o.fd, PAGE, RW, MAP_PRIVATE, o.offset, -EINVAL);
	refused_fd(&o, o.fd, PAGE, PROT_WRITE, MAP_PRIVATE, o.offset, -EINVAL);
}

/* One that starts without any access is a private writable mapping in waiting. */
static void private_none_cannot_become_writable(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	void *p = NULL;

	CHECK_OK(map_try(o.fd, PAGE, PROT_NONE, MAP_PRIVATE, o.offset, &p));
	CHECK_EQ(mprotect(p, PAGE, RW), -1);
	CHECK_EQ(errno, EACCES);
}

static struct object read_only_file(const void *arg)
{
	const struct subject *s = arg;
	struct object o = object_get(s, PAGES);
	int excl = s->flags & SUBJ_EXCL ? O_EXCL : 0;

	/* The file is closed first: one that is exclusive has no second. */
	object_put(&o);
	if (s->flags & SUBJ_BAR_TYPE) {
		int fd = dev_open(O_RDWR);

		mem_cache_set(fd, s->cache);
		close(fd);
	}
	return object_get_in(s, dev_open(O_RDONLY | excl), PAGES);
}

static void rdonly_file_reads_and_never_writes(const void *arg)
{
	struct object o = read_only_file(arg);
	void *p;

	refused_fd(&o, o.fd, PAGE, RW, MAP_SHARED, o.offset, -EACCES);
	p = map_ro(o.fd, PAGE, o.offset);
	CHECK_EQ(touch_read(p, NULL), 0);
	CHECK_EQ(mprotect(p, PAGE, RW), -1);
	CHECK_EQ(errno, EACCES);
	CHECK_EQ(touch_write(p, 0), SIGSEGV);
	CHECK(!vm_flags_have(p, "mw"));
}

/* A read-only file has no VM_SHARED in its mappings, which some drivers take for copy-on-write. */
static void rdonly_file_private_is_granted_too(const void *arg)
{
	struct object o = read_only_file(arg);
	void *p = NULL;

	CHECK_OK(map_try(o.fd, PAGE, PROT_READ, MAP_PRIVATE, o.offset, &p));
	CHECK_EQ(touch_read(p, NULL), 0);
	refused_fd(&o, o.fd, PAGE, RW, MAP_PRIVATE, o.offset, -EINVAL);
	CHECK_EQ(mprotect(p, PAGE, RW), -1);
	CHECK_EQ(errno, EACCES);
}

static void wronly_file_eacces(const void *arg)
{
	const struct subject *s = arg;
	struct object o;
	int fd;

	if (s->flags & SUBJ_EXCL) {
		o = object_get(s, PAGES);
		object_put(&o);
		fd = dev_open(O_WRONLY | O_EXCL);
		o = object_get_in(s, fd, PAGES);
	} else {
		o = object_get(s, PAGES);
		fd = dev_open(O_WRONLY);
	}
	refused_fd(&o, fd, PAGE, PROT_WRITE, MAP_SHARED, o.offset, -EACCES);
	refused_fd(&o, fd, PAGE, PROT_READ, MAP_SHARED, o.offset, -EACCES);
}

static void exec_eperm(const void *arg)
{
	struct object o = object_get(arg, PAGES);

	refused_fd(&o, o.fd, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, o.offset, -EPERM);
	refused_fd(&o, o.fd, PAGE, RW | PROT_EXEC, MAP_SHARED, o.offset, -EPERM);
	refused_fd(&o, o.fd, PAGE, PROT_EXEC, MAP_SHARED, o.offset, -EPERM);
	refused_fd(&o, o.fd, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, o.offset, -EPERM);
}

static void mprotect_exec_eacces(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	void *p = object_map(&o);
	char perms[5];

	CHECK_EQ(mprotect(p, PAGE, PROT_READ | PROT_EXEC), -1);
	CHECK_EQ(errno, EACCES);
	CHECK_EQ(mprotect(p, PAGE, RW | PROT_EXEC), -1);
	CHECK_EQ(errno, EACCES);
	map_perms(p, perms);
	CHECK(!strcmp(perms, "rw-s"));
	CHECK(!vm_flags_have(p, "me"));
}

/*
 * With READ_IMPLIES_EXEC the core asks for execution on the process's behalf: refused where the
 * node's file system allows execution, and not even asked for where it does not.
 */
static void read_implies_exec_never_executable(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	struct statvfs fs;
	char perms[5];
	void *p;

	p = map_ro(o.fd, PAGE, o.offset);
	CHECK_SYS(personality(personality(0xffffffff) | READ_IMPLIES_EXEC));
	CHECK_SYS(mprotect(p, PAGE, RW));
	map_perms(p, perms);
	CHECK(!strcmp(perms, "rw-s"));
	unmap(p, PAGE);
	CHECK_SYS(statvfs(dev_node(), &fs));
	if (!(fs.f_flag & ST_NOEXEC)) {
		refused_fd(&o, o.fd, PAGE, PROT_READ, MAP_SHARED, o.offset, -EPERM);
		return;
	}
	p = map_ro(o.fd, PAGE, o.offset);
	map_perms(p, perms);
	CHECK(!strcmp(perms, "r--s"));
}

static void writable_stays_writable(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	void *p = object_map(&o);
	char perms[5];

	CHECK_SYS(mprotect(p, PAGE, PROT_READ));
	CHECK_EQ(touch_write(p, 1), SIGSEGV);
	CHECK_SYS(mprotect(p, PAGE, RW));
	map_perms(p, perms);
	CHECK(!strcmp(perms, "rw-s"));
	if (!(o.flags & SUBJ_REGS))
		CHECK_EQ(touch_write(p, 1), 0);
}

static void vm_flags_are_as_the_chapter_says(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	void *p = object_map(&o);
	char flags[256];
	u32 f = o.flags;

	vm_flags_get(p, flags, sizeof(flags));
	diag("VmFlags:%s", flags);
	CHECK(vm_flags_have(p, "sh"));
	CHECK(vm_flags_have(p, "de"));
	CHECK(vm_flags_have(p, "dd"));
	CHECK(!vm_flags_have(p, "ex"));
	CHECK(!vm_flags_have(p, "me"));
	CHECK_EQ(vm_flags_have(p, "io"), !!(f & SUBJ_IO));
	CHECK_EQ(vm_flags_have(p, "pf"), !!(f & SUBJ_PFN));
	CHECK_EQ(vm_flags_have(p, "dc"), !!(f & SUBJ_DONTCOPY));
}

/* --- other ways into mmap ------------------------------------------------------------------------ */

static void flags_that_ask_for_more_are_refused(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	void *p = NULL;

	object_tag(&o);
	CHECK_OK(map_try(o.fd, PAGE, RW, MAP_SHARED_VALIDATE, o.offset, &p));
	object_verify_page(&o, p, 0);
	unmap(p, PAGE);
	/* Persistent memory and huge page files are what other files have. */
	refused_fd(&o, o.fd, PAGE, RW, MAP_SHARED_VALIDATE | MAP_SYNC, o.offset, -EOPNOTSUPP);
	refused_fd(&o, o.fd, PAGE, RW, MAP_SHARED | MAP_HUGETLB, o.offset, -EINVAL);
}

/* The core takes away what is there before it asks; then it is not there, and not counted. */
static void remap_refused(const struct object *o, u64 page, int err)
{
	char *p = map_rw(o->fd, 2 * PAGE, o->offset), perms[5];

	CHECK_EQ(remap_file_pages(p, PAGE, 0, page, 0), -1);
	CHECK_EQ(errno, err);
	object_verify_page(o, p + PAGE, 1);
	map_perms(p, perms);
	if (perms[0])
		object_verify_page(o, p, 0);
	CHECK_EQ(buf_vmas(o->fd, o->handle), 1);
	unmap(p, 2 * PAGE);
}

/* An old call that maps a part again at another offset: the same questions are asked. */
static void remap_file_pages_meets_the_same_checks(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	u64 first = o.offset / PAGE, pages = o.len / PAGE;
	char *p;

	object_tag(&o);
	p = map_rw(o.fd, 2 * PAGE, o.offset);
	CHECK_SYS(remap_file_pages(p, PAGE, 0, first + 3, 0));
	object_verify_page(&o, p, 3);
	object_verify_page(&o, p + PAGE, 1);
	CHECK_EQ(buf_vmas(o.fd, o.handle), 2);
	unmap(p, 2 * PAGE);
	remap_refused(&o, first + pages, EINVAL);
	remap_refused(&o, first + (1ULL << 24) - 1, EINVAL);
	remap_refused(&o, (1ULL << 50) + 3, ENOENT);
	/* As a byte offset it would lose its highest bits, and be the object's first page. */
	remap_refused(&o, (1ULL << 52) + first, EOVERFLOW);
}

/* --- read-only buffers ------------------------------------------------------------------------- */

static void read_only_buffer_refuses_every_write(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	struct mmapdemo_buf_alloc a;
	void *p;

	CHECK_OK(buf_try_alloc(o.fd, o.s->technique, o.s->cache,
			       MMAPDEMO_BUF_MAP_READ_ONLY | o.s->alloc_flags, o.len, &a));
	o.handle = a.out_handle;
	o.offset = a.out_offset;
	CHECK_EQ(buf_info(o.fd, a.out_handle).out_flags,
		 MMAPDEMO_BUF_MAP_READ_ONLY | o.s->alloc_flags);
	refused_fd(&o, o.fd, PAGE, RW, MAP_SHARED, o.offset, -EACCES);
	refused_fd(&o, o.fd, PAGE, PROT_WRITE, MAP_SHARED, o.offset, -EACCES);
	p = map_ro(o.fd, o.len, o.offset);
	CHECK_EQ(first_not(p, o.len, 0), o.len);
	CHECK_EQ(touch_write(p, 1), SIGSEGV);
	CHECK_EQ(mprotect(p, PAGE, RW), -1);
	CHECK_EQ(errno, EACCES);
	CHECK(!vm_flags_have(p, "mw"));
	CHECK_EQ(pwrite(o.fd, "x", 1, o.offset), -1);
	CHECK_EQ(errno, EACCES);
	CHECK_EQ(first_not(p, o.len, 0), o.len);
}

void register_map_policy(void)
{
	subject_add(whole_region_shows_every_page, 0, 0, 0, "whole_region_shows_every_page");
	subject_add(each_page_alone_shows_its_own, 0, 0, 0, "each_page_alone_shows_its_own");
	subject_add(last_page_is_granted, 0, 0, 0, "last_page_is_granted");
	subject_add(one_page_past_end_einval, 0, 0, 0, "one_page_past_end_einval");
	subject_add(offset_at_end_einval, 0, 0, 0, "offset_at_end_einval");
	subject_add(crossing_end_einval, 0, 0, 0, "crossing_end_einval");
	subject_add(absurd_length_einval, 0, 0, 0, "absurd_length_einval");
	subject_add(unaligned_offset_einval, 0, 0, 0, "unaligned_offset_einval");
	subject_add(odd_length_is_rounded_up, 0, 0, 0, "odd_length_is_rounded_up");
	subject_add(one_page_leaves_neighbours_alone, 0, 0, 0, "one_page_leaves_neighbours_alone");
	subject_add(offsets_near_2_63_and_2_64_name_nothing, 0, 0, 0,
		    "offsets_near_2_63_and_2_64_name_nothing");
	TEST_ADD(map_unknown_offset_enoent);
	subject_add(freed_offset_enoent, 0, SUBJ_STANDING, 0, "freed_offset_enoent");
	subject_add(foreign_offset_enoent, 0, SUBJ_STANDING, 0, "foreign_offset_enoent");
	subject_add(two_files_never_share_an_offset, 0, SUBJ_STANDING, 0,
		    "two_files_never_share_an_offset");
	subject_add(private_read_only_is_granted, 0, 0, 0, "private_read_only_is_granted");
	subject_add(private_writable_einval, 0, 0, 0, "private_writable_einval");
	subject_add(private_none_cannot_become_writable, 0, 0, 0,
		    "private_none_cannot_become_writable");
	subject_add(rdonly_file_reads_and_never_writes, 0, 0, 0,
		    "rdonly_file_reads_and_never_writes");
	subject_add(rdonly_file_private_is_granted_too, 0, 0, 0,
		    "rdonly_file_private_is_granted_too");
	subject_add(wronly_file_eacces, 0, 0, 0, "wronly_file_eacces");
	subject_add(exec_eperm, 0, 0, 0, "exec_eperm");
	subject_add(mprotect_exec_eacces, 0, 0, 0, "mprotect_exec_eacces");
	subject_add(read_implies_exec_never_executable, 0, 0, 0,
		    "read_implies_exec_never_executable");
	subject_add(writable_stays_writable, 0, 0, 0, "writable_stays_writable");
	subject_add(vm_flags_are_as_the_chapter_says, 0, 0, 0, "vm_flags_are_as_the_chapter_says");
	subject_add(flags_that_ask_for_more_are_refused, 0, 0, 0,
		    "flags_that_ask_for_more_are_refused");
	subject_add(remap_file_pages_meets_the_same_checks, 0, 0, 0,
		    "remap_file_pages_meets_the_same_checks");
	subject_add(read_only_buffer_refuses_every_write, 0, SUBJ_STANDING, 0,
		    "read_only_buffer_refuses_every_write");
}
