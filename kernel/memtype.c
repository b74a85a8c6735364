// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cache types: who owns one, how to ask for one, what was obtained.
 *
 * On x86 the type belongs to the physical range. Whoever comes first reserves it; a later mapping
 * that asks for another one silently gets the first one's (UC-minus of a plain ioremap() turns WC
 * and UC into UC-minus, WC turns UC into WC). So the driver reserves its ranges before anything is
 * mapped, holds them while bound, and looks at the page-table entry after each mapping.
 *
 * Not for: which type is wanted, see policy.c and mem.c.
 */
#include <linux/io.h>
#include <linux/slab.h>
#ifdef CONFIG_X86
#include <asm/memtype.h>
#include <asm/set_memory.h>
#endif

#include "mmapdemo_priv.h"

#ifdef CONFIG_X86
/* Of a page-table entry. _PAGE_CACHE_MODE_WT and _WP cannot come from here. */
static int cache_of_prot(pgprot_t prot, u32 *cache)
{
	static const struct {
		enum page_cache_mode mode;
		u32 cache;
	} known[] = {
		{ _PAGE_CACHE_MODE_WB, MMAPDEMO_CACHE_WB },
		/* Before WC: without PAT both have the same bits, and UC-minus is what they mean. */
		{ _PAGE_CACHE_MODE_UC_MINUS, MMAPDEMO_CACHE_UC_MINUS },
		{ _PAGE_CACHE_MODE_WC, MMAPDEMO_CACHE_WC },
		{ _PAGE_CACHE_MODE_UC, MMAPDEMO_CACHE_UC },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		if ((pgprot_val(prot) & _PAGE_CACHE_MASK) == cachemode2protval(known[i].mode)) {
			*cache = known[i].cache;
			return 0;
		}
	}
	return -EOPNOTSUPP;
}

/* pgprot_noncached() is UC-minus, which a memory type range register may turn into WC. */
static pgprot_t prot_uc(pgprot_t prot)
{
	return __pgprot((pgprot_val(prot) & ~_PAGE_CACHE_MASK) |
			cachemode2protval(_PAGE_CACHE_MODE_UC));
}

/* In a huge entry, the bit that is part of the type in a small one says "huge". */
static pgprot_t prot_of_huge(pgprot_t prot)
{
	return pgprot_large_2_4k(prot);
}

static void __iomem *map_uc(phys_addr_t phys, u64 size)
{
	return ioremap_uc(phys, size);
}

/* Nothing exported reserves UC but a mapping does: this one is never accessed, only held. */
int mmapdemo_memtype_reserve_regs(struct mmapdemo_dev *mdev)
{
	return devm_ioremap_uc(&mdev->pdev->dev, mdev->regs_phys,
			       pci_resource_len(mdev->pdev, MMAPDEMO_BAR_REGS)) ?
		0 : -ENOMEM;
}

u32 mmapdemo_memtype_coherent(void)
{
	return MMAPDEMO_CACHE_WB;
}

/* Without PAT, WC means UC-minus; pages out of the kernel's mapping have no type to change. */
bool mmapdemo_memtype_ram_can(void)
{
	return pat_enabled() && !IS_ENABLED(CONFIG_HIGHMEM);
}

/*
 * On failure some of the kernel's mapping may have been changed, and reset() is due. Pages fresh from
 * the allocator are nobody else's, so that what fails is memory for dividing that mapping, though the
 * core says EINVAL of everything.
 */
int mmapdemo_memtype_ram_set(struct page **pages, unsigned int num, u32 cache)
{
	int ret = cache == MMAPDEMO_CACHE_WC ? set_pages_array_wc(pages, num) :
					       set_pages_array_uc(pages, num);

	return ret ? -ENOMEM : 0;
}

int mmapdemo_memtype_ram_reset(struct page **pages, unsigned int num)
{
	return set_pages_array_wb(pages, num);
}
#else
static int cache_of_prot(pgprot_t prot, u32 *cache)
{
	return -EOPNOTSUPP;
}

static pgprot_t prot_uc(pgprot_t prot)
{
	return pgprot_device(prot);
}

static pgprot_t prot_of_huge(pgprot_t prot)
{
	return prot;
}

static void __iomem *map_uc(phys_addr_t phys, u64 size)
{
	return ioremap(phys, size);
}

int mmapdemo_memtype_reserve_regs(struct mmapdemo_dev *mdev)
{
	return 0;
}

/* It depends on the device and cannot be asked for: no type is promised. */
u32 mmapdemo_memtype_coherent(void)
{
	return MMAPDEMO_CACHE_DEFAULT;
}

bool mmapdemo_memtype_ram_can(void)
{
	return false;
}

int mmapdemo_memtype_ram_set(struct page **pages, unsigned int num, u32 cache)
{
	return -EOPNOTSUPP;
}

int mmapdemo_memtype_ram_reset(struct page **pages, unsigned int num)
{
	return 0;
}
#endif

/**
 * mmapdemo_memtype_map() - reserve a range's cache type and map it for the kernel
 * @phys: the range, page aligned
 * @size: bytes
 * @cache: MMAPDEMO_CACHE_WC or MMAPDEMO_CACHE_UC
 *
 * Return: the kernel's mapping, or NULL.
 */
void __iomem *mmapdemo_memtype_map(phys_addr_t phys, u64 size, u32 cache)
{
	void __iomem *view;

	if (cache != MMAPDEMO_CACHE_WC)
		return map_uc(phys, size);

	if (arch_io_reserve_memtype_wc(phys, size))
		return NULL;
	view = ioremap_wc(phys, size);
	if (!view)
		arch_io_free_memtype_wc(phys, size);
	return view;
}

void mmapdemo_memtype_unmap(void __iomem *view, phys_addr_t phys, u64 size, u32 cache)
{
	iounmap(view);
	if (cache == MMAPDEMO_CACHE_WC)
		arch_io_free_memtype_wc(phys, size);
}

pgprot_t mmapdemo_memtype_prot(pgprot_t prot, u32 cache)
{
	switch (cache) {
	case MMAPDEMO_CACHE_WC:
		return pgprot_writecombine(prot);
	case MMAPDEMO_CACHE_UC:
		return prot_uc(prot);
	default:
		return prot;
	}
}

/*
 * x86 keeps UC of RAM as UC-minus. The two differ where a memory type range register says WC, which
 * none does of RAM.
 */
pgprot_t mmapdemo_memtype_prot_ram(pgprot_t prot, u32 cache)
{
	return cache == MMAPDEMO_CACHE_UC ? pgprot_noncached(prot) :
					    mmapdemo_memtype_prot(prot, cache);
}

/* Is @got, of an entry that shows RAM, what was asked for? */
bool mmapdemo_memtype_is(u32 got, u32 cache)
{
	return got == cache || (cache == MMAPDEMO_CACHE_UC && got == MMAPDEMO_CACHE_UC_MINUS);
}

/**
 * mmapdemo_memtype_of() - the cache type that a process really has
 * @vma: one of our mappings; mmap_lock of its process is held
 * @addr: in it
 * @cache: MMAPDEMO_CACHE_*
 * @shift: log2 of the bytes that the entry maps
 *
 * Return: 0; -ENOENT if nothing is present at @addr; -EOPNOTSUPP if the platform does not tell.
 */
int mmapdemo_memtype_of(struct vm_area_struct *vma, unsigned long addr, u32 *cache, u32 *shift)
{
	struct follow_pfnmap_args args = { .vma = vma, .address = addr };
	struct page *page;
	int ret;

	mmap_assert_locked(vma->vm_mm);

	if (vma->vm_flags & (VM_IO | VM_PFNMAP)) {
		if (follow_pfnmap_start(&args))
			return -ENOENT;
		*shift = __ffs(pfnmap_addr_mask(&args));
		ret = cache_of_prot(*shift > PAGE_SHIFT ? prot_of_huge(args.pgprot) : args.pgprot,
				    cache);
		follow_pfnmap_end(&args);
		return ret;
	}

	/*
	 * Pages with a reference count are inserted with the protection of the VMA, unchanged. Only
	 * whether there is an entry is of interest, FOLL_FORCE: not whether the process may read it.
	 */
	if (vma->vm_mm != current->mm ||
	    get_user_pages(addr, 1, FOLL_NOFAULT | FOLL_FORCE, &page) != 1)
		return -ENOENT;
	put_page(page);
	*shift = PAGE_SHIFT;
	return cache_of_prot(vma->vm_page_prot, cache);
}

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
/* The same for a huge entry, in a fault, where mmap_lock need not be held. */
int mmapdemo_memtype_of_pmd(pmd_t pmd, u32 *cache)
{
	if (!pmd_present(pmd) || !pmd_leaf(pmd))
		return -ENOENT;
	return cache_of_prot(prot_of_huge(pmd_pgprot(pmd)), cache);
}
#endif

/**
 * mmapdemo_memtype_disown() - take a new mapping's own reservation of its cache type back
 * @vma: just filled by remap_pfn_range(), in .mmap
 * @phys: device memory it shows; 0 if it shows RAM, for which none was made
 *
 * remap_pfn_range() of a whole VMA reserves the type of the range once more, for the VMA. Up to 6.15
 * that is a flag, VM_PAT: when the VMA goes, the core reads the range back from its page-table
 * entries, warns if they have been revoked, and after a split finds a range that was never reserved,
 * and leaks, or shortens a neighbour's. From then on it is an object that VMAs share, and it lasts as
 * long as the last of them, though their entries were revoked and the device is gone: until some
 * process closes a dead mapping, whoever gets these addresses next gets their type, registers as
 * write-combining for one. Ours is there before every mapping and outlives it: theirs is not needed.
 */
void mmapdemo_memtype_disown(struct vm_area_struct *vma, phys_addr_t phys)
{
#if defined(HAVE_PFNMAP_TRACK_CTX) && defined(__HAVE_PFNMAP_TRACKING)
	struct pfnmap_track_ctx *ctx = vma->pfnmap_track_ctx;

	if (!ctx)
		return;
	/* Nobody shares it yet: the VMA is new, and we have its lock. */
	vma->pfnmap_track_ctx = NULL;
	kfree(ctx);
#elif defined(VM_PAT)
	if (!(vma->vm_flags & VM_PAT))
		return;
	vm_flags_clear(vma, VM_PAT);
#else
	return;
#endif
	/* The name says WC; it frees whatever is reserved with exactly these bounds. */
	if (phys)
		arch_io_free_memtype_wc(phys, vma->vm_end - vma->vm_start);
}
