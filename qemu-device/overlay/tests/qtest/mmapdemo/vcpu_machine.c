/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: vCPUs that do as they are told. Each runs a firmware of some
 * eighty bytes: it polls a mailbox in RAM and makes the access it finds there.
 * The mailbox is free again when the access is over, and all work that was
 * queued by it.
 */

#include "qemu/osdep.h"
#include "vcpu.h"

#define MAILBOX(cpu) (0x7000 + 0x100 * (cpu)) /* command, address, value */

#define ROM_SIZE    0x10000
#define CODE        0xf000      /* offset in the ROM; also its GDT */
#define GDT         0x100       /* behind the code */
#define SECOND      0x8000      /* where the second one begins, in RAM */

#define APIC_ICR    0xfee00300
#define ICR_INIT    0x000c4500  /* to all but itself */
#define ICR_STARTUP 0x000c4600

static const uint8_t rom_reset[] = {        /* ROM_SIZE - 16 */
    0xe9, 0x0d, 0xf0,                       /* jmp CODE */
};

static const uint8_t code[] = {
    0xfa,                                   /* cli */
    0x2e, 0x66, 0x0f, 0x01, 0x16, 0x18, 0xf1, /* lgdt cs:[CODE + GDT + 24] */
    0x0f, 0x20, 0xc0,                       /* mov eax, cr0 */
    0x0c, 0x01,                             /* or al, 1 */
    0x0f, 0x22, 0xc0,                       /* mov cr0, eax */
    0x66, 0xea, 0x18, 0xf0, 0xff, 0xff, 0x08, 0x00, /* jmp 8:fffff018 */
    /* 0x18, 32 bits from here */
    0x66, 0xb8, 0x10, 0x00,                 /* mov ax, 0x10 */
    0x8e, 0xd8,                             /* mov ds, eax */
    0xbb, 0x00, 0x70, 0x00, 0x00,           /* mov ebx, MAILBOX(0) */
    /* 0x23: poll */
    0x8b, 0x03,                             /* mov eax, [ebx] */
    0x8b, 0x53, 0x04,                       /* mov edx, [ebx + 4] */
    0x8b, 0x4b, 0x08,                       /* mov ecx, [ebx + 8] */
    0x83, 0xf8, 0x01,                       /* cmp eax, VCPU_WRITE */
    0x74, 0x0c,                             /* je write */
    0x83, 0xf8, 0x02,                       /* cmp eax, VCPU_READ */
    0x74, 0x0b,                             /* je read */
    0x83, 0xf8, 0x03,                       /* cmp eax, VCPU_HAMMER */
    0x74, 0x13,                             /* je hammer */
    0xeb, 0xe7,                             /* jmp poll */
    /* 0x3c: write */
    0x89, 0x0a,                             /* mov [edx], ecx */
    0xeb, 0x05,                             /* jmp done */
    /* 0x40: read */
    0x8b, 0x0a,                             /* mov ecx, [edx] */
    0x89, 0x4b, 0x08,                       /* mov [ebx + 8], ecx */
    /* 0x45: done */
    0xc7, 0x03, 0x00, 0x00, 0x00, 0x00,     /* mov dword [ebx], VCPU_FREE */
    0xeb, 0xd6,                             /* jmp poll */
    /* 0x4d: hammer */
    0x89, 0x0a,                             /* mov [edx], ecx */
    0xeb, 0xd2,                             /* jmp poll */
};
/* What differs where the code lies elsewhere */
#define CODE_LGDT       0x06    /* 16 bits, in its segment */
#define CODE_JUMP       0x12    /* 32 bits */
#define CODE_MAILBOX    0x1f    /* 32 bits */

static const uint8_t gdt[] = {
    0, 0, 0, 0, 0, 0, 0, 0,
    0xff, 0xff, 0, 0, 0, 0x9b, 0xcf, 0,     /* 8: code, flat */
    0xff, 0xff, 0, 0, 0, 0x93, 0xcf, 0,     /* 0x10: data, flat */
    0x17, 0x00, 0x00, 0xf1, 0xff, 0xff,     /* limit, fffff100 */
};
#define GDT_BASE        0x1a    /* 32 bits */

static char *rom_new(void)
{
    g_autofree uint8_t *rom = g_malloc0(ROM_SIZE);
    char *path = g_strdup("/tmp/mmapdemo-rom-XXXXXX");
    int fd = mkstemp(path);

    memcpy(rom + ROM_SIZE - 16, rom_reset, sizeof(rom_reset));
    memcpy(rom + CODE, code, sizeof(code));
    memcpy(rom + CODE + GDT, gdt, sizeof(gdt));
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, rom, ROM_SIZE), ==, ROM_SIZE);
    close(fd);
    return path;
}

MmdTest *vcpu_start(const char *accel, const char *props, bool behind_port)
{
    char *rom = rom_new();
    g_autofree char *args = NULL;
    MmdTest *t;

    if (behind_port) {
        args = g_strdup_printf("-accel tcg%s -bios %s -device mmapdemo,"
                               "id=mmd0,bus=rp0,mem-size=32M%s%s", accel, rom,
                               *props ? "," : "", props);
        t = port_attach(port_start(args));
    } else {
        args = g_strdup_printf("-accel tcg%s -bios %s", accel, rom);
        t = mmd_start_with(props, args);
    }
    unlink(rom);
    g_free(rom);
    return t;
}

void vcpu_post(MmdTest *t, unsigned cpu, VcpuCommand cmd, uint64_t addr,
               uint32_t val)
{
    qtest_writel(t->qts, MAILBOX(cpu) + 4, addr);
    qtest_writel(t->qts, MAILBOX(cpu) + 8, val);
    qtest_writel(t->qts, MAILBOX(cpu), cmd);
}

bool vcpu_free(MmdTest *t, unsigned cpu)
{
    return qtest_readl(t->qts, MAILBOX(cpu)) == VCPU_FREE;
}

uint32_t vcpu_wait(MmdTest *t, unsigned cpu)
{
    gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;

    while (!vcpu_free(t, cpu)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    return qtest_readl(t->qts, MAILBOX(cpu) + 8);
}

void vcpu_hammer_end(MmdTest *t, unsigned cpu)
{
    qtest_writel(t->qts, MAILBOX(cpu), VCPU_FREE);
    /* it looks again before it does anything else */
    vcpu_post(t, cpu, VCPU_READ, MAILBOX(cpu), 0);
    vcpu_wait(t, cpu);
}

void vcpu_write(MmdTest *t, uint32_t reg, uint32_t val)
{
    vcpu_post(t, 0, VCPU_WRITE, t->regs + reg, val);
    vcpu_wait(t, 0);
}

uint32_t vcpu_read(MmdTest *t, uint32_t reg)
{
    vcpu_post(t, 0, VCPU_READ, t->regs + reg, 0);
    return vcpu_wait(t, 0);
}

void vcpu_start_second(MmdTest *t)
{
    mem_write(t, SECOND, code, sizeof(code));
    mem_write(t, SECOND + GDT, gdt, sizeof(gdt));
    qtest_writew(t->qts, SECOND + CODE_LGDT, GDT + 24);
    qtest_writel(t->qts, SECOND + CODE_JUMP, SECOND + 0x18);
    qtest_writel(t->qts, SECOND + CODE_MAILBOX, MAILBOX(1));
    qtest_writel(t->qts, SECOND + GDT + GDT_BASE, SECOND + GDT);

    vcpu_post(t, 0, VCPU_WRITE, APIC_ICR, ICR_INIT);
    vcpu_wait(t, 0);
    vcpu_post(t, 0, VCPU_WRITE, APIC_ICR, ICR_STARTUP | SECOND >> 12);
    vcpu_wait(t, 0);
    vcpu_post(t, 1, VCPU_READ, MAILBOX(0), 0);
    vcpu_wait(t, 1);
}
