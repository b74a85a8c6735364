# SPDX-License-Identifier: MIT
"""Each public header compiles alone, in every language it promises, with every warning on.

Usage: headers.py SOURCE_ROOT CC CXX (CXX may be "-": the C++ checks then fail, they are not optional)
"""
import os
import subprocess
import sys
import tempfile

from tap import Tap

root, cc, cxx = sys.argv[1], sys.argv[2].split(), sys.argv[3].split()
tap = Tap()

HEADERS = ["linux/mmapdemo_hw.h", "linux/mmapdemo.h", "mmapdemo/mmio.h", "mmapdemo/mmapdemo.h",
           "mmapdemo/backend.h", "mmapdemo/queue.h", "mmapdemo/uring.h"]
LANGUAGES = {
    "c99": cc + ["-x", "c", "-std=c99"],
    "c11": cc + ["-x", "c", "-std=c11"],
    "gnu11": cc + ["-x", "c", "-std=gnu11"],
    "c++11": cxx + ["-x", "c++", "-std=c++11"],
    "c++17": cxx + ["-x", "c++", "-std=c++17"],
    "c++": cxx + ["-x", "c++"],
}
WARN = ["-Wall", "-Wextra", "-Wpedantic", "-Wundef", "-Wconversion", "-Werror", "-fsyntax-only"]
PATHS = [f"-I{root}/userspace/include", f"-I{root}/kernel/include/uapi"]


def compile_text(name, compiler, text, good=True):
    """A warning in a file found by -I counts: the flags name no system directory."""
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "alone")
        with open(path, "w") as f:
            f.write(text)
        r = subprocess.run([*compiler, *WARN, *PATHS, path], text=True, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=60)
        tap.check(name, (r.returncode == 0) == good, r.stdout)


for language, compiler in LANGUAGES.items():
    for header in HEADERS:
        compile_text(f"alone_{header}_{language}", compiler, f"#include <{header}>\n")
        # Twice is once, and after any other.
        compile_text(f"twice_{header}_{language}", compiler, f"#include <{header}>\n" * 2)
    compile_text(f"all_together_{language}", compiler,
                 "".join(f"#include <{h}>\n" for h in reversed(HEADERS)))
    # Calls as a program would make them: no casts needed, C linkage in C++.
    compile_text(f"calls_{language}", compiler, """
#include <mmapdemo/mmapdemo.h>
int f(void);
int f(void)
{
	struct mmd_device *dev;
	struct mmd_info info;
	struct mmd_buf buf;
	struct mmd_map map;
	int ret = mmd_open(MMD_DEFAULT_PATH, MMD_OPEN_RDONLY, &dev);

	if (ret || mmd_info(dev, &info) ||
	    mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, 4096, MMAPDEMO_CACHE_WC, 0, &buf) ||
	    mmd_map_buf(dev, &buf, 1, &map))
		return 1;
	mmd_mmio_write32(map.ptr, mmd_mmio_read32(map.ptr) + 1u);
	mmd_close(dev);
	return 0;
}
""")
    compile_text(f"queue_calls_{language}", compiler, """
#include <mmapdemo/queue.h>
int f(struct mmd_device *dev);
int f(struct mmd_device *dev)
{
	struct mmd_completion done;
	struct mmapdemo_hw_sqe sqe;
	struct mmd_queue *q;
	uint32_t window;

	if (mmd_window_create(dev, 1, 0, 4096, MMAPDEMO_WINDOW_READ, &window) ||
	    mmd_queue_create(dev, NULL, &q))
		return 1;
	mmd_sqe_copy(&sqe, mmd_at(window, 64), mmd_at(window, 0), 64, 1);
	mmd_sqe_src_list(&sqe, 2);
	if (mmd_queue_push(q, &sqe) == -EAGAIN)
		return 1;
	mmd_queue_kick(q);
	if (!mmd_queue_arm(q, q->head) && mmd_queue_poll(q, &done))
		return 1;
	return mmd_queue_destroy(q);
}
""")

    compile_text(f"calls_of_version_3_{language}", compiler, """
#include <mmapdemo/uring.h>
int f(struct mmd_device *dev, void *memory, struct io_uring_sqe *entry, struct io_uring_cqe *cqe);
int f(struct mmd_device *dev, void *memory, struct io_uring_sqe *entry, struct io_uring_cqe *cqe)
{
	struct mmd_queue_attr attr = { MMD_QUEUE_KERNEL, 0, 0, 0, 0, 0 };
	struct mmapdemo_hw_sqe sqe;
	struct mmapdemo_hw_cqe record;
	struct mmd_queue_submit submit = { &sqe, &record, 0, 1, 1, 1, 0, 0, 0 };
	struct mmd_completion done;
	struct mmd_queue *q;
	uint32_t handle;
	int fd;

	if (mmd_buf_pin(dev, memory, 4096, MMAPDEMO_PIN_READ_ONLY, &handle) ||
	    mmd_buf_sync(dev, handle, 0, 4096, MMAPDEMO_SYNC_FOR_DEVICE) ||
	    mmd_buf_export(dev, handle, &fd) || mmd_queue_create(dev, &attr, &q))
		return 1;
	mmd_sqe_nop(&sqe, 1);
	if (mmd_queue_submit(q, &submit))
		return 1;
	mmd_cqe_read(&record, &done);
	mmd_uring_prep_submit(entry, mmd_fd(dev), q, &sqe, 1);
	return mmd_uring_result(cqe, &done);
}
""")

# A 32-bit program: no C library of that size is needed to read the headers.
multiarch = subprocess.run([*cc, "-print-multiarch"], text=True, stdout=subprocess.PIPE).stdout.strip()
small = cc + ["-x", "c", "-std=gnu11", "-m32", "-ffreestanding",
              "-isystem", f"/usr/include/{multiarch}"]
for header in HEADERS:
    compile_text(f"alone_{header}_m32", small, f"#include <{header}>\n")
# There a single 8-byte access does not exist, so neither does the accessor.
use = "#include <mmapdemo/mmio.h>\nuint64_t f(void *p);\nuint64_t f(void *p) { return mmd_mmio_read64(p); }\n"
compile_text("read64_exists_m64", LANGUAGES["gnu11"], use)
compile_text("read64_is_absent_m32", small, use, good=False)

# The check can fail: the same flags find a header that is not self-sufficient.
compile_text("negative_control", LANGUAGES["c11"],
             "static inline int f(uint32_t x) { return x; }\n", good=False)
tap.finish()
