# SPDX-License-Identifier: MIT
"""The classic mistakes of drivers that map memory, one for each row of "What goes wrong" in docs/technique-*.md that can be
built in.  What they look like is in these chapters: docs/symptoms."""

from mutant import IOMMU, SWIOTLB, Mutant, guest

_MMAP = "kernel/mmap.c"
_BAR = "kernel/map_bar.c"
_PAGES = "kernel/map_pages.c"
_VMALLOC = "kernel/map_vmalloc.c"
_COHERENT = "kernel/map_coherent.c"
_NONCONTIG = "kernel/map_noncontig.c"
_USERPTR = "kernel/map_userptr.c"

MUTANTS = (
    # --- bar --------------------------------------------------------------------------------------
    Mutant("bar_offset_ignored", _BAR,
           "\tphys_addr_t phys = buf->phys + off;\n\tu32 got, shift;",
           "\tphys_addr_t phys = buf->phys;\n\tu32 got, shift;",
           guest("map_bar_each_page_alone_shows_its_own"),
           "vm_pgoff ignored"),
    Mutant("flags_on_a_copy", _BAR,
           "\tvm_flags_set(vma, VM_IO);\n\tvma->vm_page_prot = mmapdemo_memtype_prot(vma->vm_page_prot, buf->cache);\n"
           "\tret = io_remap_pfn_range(vma, ",
           "\tstruct vm_area_struct copy = *vma;\n\n\tvma->vm_page_prot = copy.vm_page_prot =\n"
           "\t\tmmapdemo_memtype_prot(vma->vm_page_prot, buf->cache);\n\tret = io_remap_pfn_range(&copy, ",
           guest("map_bar_whole_region_shows_every_page"),
           "VMA flags set on a copy of the VMA (\"Bad page map\")"),
    Mutant("size_check_for_the_handler", "kernel/policy.c",
           "ret = mmapdemo_range_check(req->off, req->len, obj->len);\n\tif (ret)\n\t\treturn ret;\n\tif (!req->len)",
           "if (!req->len)",
           guest("map_vmalloc_one_page_past_end_einval"),
           "no size check at all"),
    Mutant("private_copy_of_a_bar", "kernel/policy.c",
           "\tif ((req->access & MMAPDEMO_ACC_WRITE) && !(req->access & MMAPDEMO_ACC_SHARED))\n\t\treturn -EINVAL;\n"
           "\tif ((req->access & MMAPDEMO_ACC_WRITE) && (obj->attrs & MMAPDEMO_OBJ_READ_ONLY))\n\t\treturn -EACCES;\n\n"
           "\tverdict->may_write = (req->access & MMAPDEMO_ACC_SHARED) &&\n\t\t\t     !",
           "\tif ((req->access & MMAPDEMO_ACC_WRITE) && (obj->attrs & MMAPDEMO_OBJ_READ_ONLY))\n\t\treturn -EACCES;\n\n"
           "\tverdict->may_write = !",
           guest("map_bar_fault_private_writable_einval"),
           "MAP_PRIVATE writable PFN map with a fault handler (kernel BUG)"),
    Mutant("private_means_not_shared", "kernel/policy.c",
           "(req->access & MMAPDEMO_ACC_WRITE) && !(req->access & MMAPDEMO_ACC_SHARED)",
           "!(req->access & MMAPDEMO_ACC_SHARED)",
           guest("map_bar_rdonly_file_reads_and_never_writes"),
           "an O_RDONLY fd with MAP_SHARED has no VM_SHARED"),
    Mutant("cache_conflict_granted", "kernel/policy.c",
           "return cache == MMAPDEMO_CACHE_WB ? -EOPNOTSUPP : -EBUSY;",
           "{\n\t\t*out = cache;\n\t\treturn cache == MMAPDEMO_CACHE_WB ? -EOPNOTSUPP : 0;\n\t}",
           guest("cache_conflict_on_device_memory_ebusy")),
    Mutant("plain_iomap_of_memory", "kernel/memtype.c",
           "\tif (arch_io_reserve_memtype_wc(phys, size))\n\t\treturn NULL;\n\tview = ioremap_wc(phys, size);",
           "\tview = ioremap(phys, size);",
           guest("map_bar_effective_cache_type_is_the_one_asked_for")),
    Mutant("mapping_without_operations", _MMAP,
           "\tif (!ret)\n\t\tvma->vm_ops = &vm_ops_mmap[kind_of(buf->tech, &verdict)];",
           "\tif (!ret && buf->tech->fault)\n\t\tvma->vm_ops = &vm_ops_mmap[kind_of(buf->tech, &verdict)];",
           guest("unbind_with_everything_mapped_touch_is_sigbus")),

    # --- bar-fault, bar-huge -----------------------------------------------------------------------
    Mutant("fault_during_reset", "kernel/map_bar_fault.c",
           "\tif (mmapdemo_mem_usable(mem)) {\n\t\tret = insert(",
           "\tif (mem->view) {\n\t\tret = insert(",
           guest("reset_meanwhile_a_touch_is_sigbus")),
    Mutant("huge_entry_leaves_mapping", _MMAP,
           " || addr < vma->vm_start ||\n\t    vma->vm_end - addr < PMD_SIZE)",
           " || addr < vma->vm_start)",
           guest("huge_partly_covered_works_by_pages")),
    Mutant("huge_address_by_chance", _MMAP,
           "\tif (!(flags & MAP_FIXED) && wants_huge(",
           "\tif (flags && !flags && wants_huge(",
           guest("huge_addresses_are_aligned_with_the_object")),
    Mutant("huge_type_read_as_a_small_one", "kernel/memtype.c",
           "return pgprot_large_2_4k(prot);",
           "return prot;",
           guest("map_bar_huge_effective_cache_type_is_the_one_asked_for")),

    # --- pages ------------------------------------------------------------------------------------
    Mutant("buffer_within_a_page", _PAGES,
           "\tif (!buf->vaddr)\n\t\treturn -ENOMEM;\n\tret = type_set(buf);",
           "\tif (!buf->vaddr)\n\t\treturn -ENOMEM;\n\tif (buf->object.len > PAGE_SIZE)\n\t\tbuf->vaddr += 256;\n"
           "\tret = type_set(buf);",
           guest("rw_pages_shows_what_a_mapping_shows")),
    Mutant("end_of_last_page_not_zeroed", _PAGES,
           "GFP_KERNEL_ACCOUNT | __GFP_ZERO |\n\t\t\t\t       __GFP_RETRY_MAYFAIL | __GFP_NOWARN);\n"
           "\tif (!buf->vaddr)\n\t\treturn -ENOMEM;\n",
           "GFP_KERNEL_ACCOUNT |\n\t\t\t\t       __GFP_RETRY_MAYFAIL | __GFP_NOWARN);\n"
           "\tif (!buf->vaddr)\n\t\treturn -ENOMEM;\n\tmemset(buf->vaddr, 0, buf->object.len - 96);\n",
           guest("buf_pages_reused_memory_is_zero")),
    Mutant("contiguous_memory_not_zeroed", _PAGES,
           "GFP_KERNEL_ACCOUNT | __GFP_ZERO |",
           "GFP_KERNEL_ACCOUNT |",
           guest("buf_pages_reused_memory_is_zero")),
    Mutant("ram_type_in_the_entry_only", _PAGES,
           "return mmapdemo_memtype_ram_set(buf->pages, n, buf->cache);",
           "return 0;",
           guest("map_pages_wc_effective_cache_type_is_the_one_asked_for")),
    Mutant("pages_freed_while_mapped", _MMAP,
           "\tkref_get(&buf->ref);\n\tif (withdrawn) {",
           "\tif (withdrawn) {",
           guest("map_pages_handle_freed_while_mapped_keeps_the_pages")),
    Mutant("open_takes_no_reference", _MMAP,
           "\trefcount_inc(&map->ref);\n\tatomic_inc(&map->buf->num_vmas);",
           "\tatomic_inc(&map->buf->num_vmas);",
           guest("map_pages_fork_inherits_and_counts")),
    Mutant("first_mapping_not_counted", _MMAP,
           "\tatomic_inc(&buf->num_vmas);\n\tspin_lock(&buf->mdev->map_lock);",
           "\tspin_lock(&buf->mdev->map_lock);",
           guest("map_pages_munmap_in_every_order_counts")),

    # --- vmalloc ----------------------------------------------------------------------------------
    Mutant("virt_to_phys_of_vmalloc", _VMALLOC,
           "\tvm_flags_set(vma, VM_MIXEDMAP);\n\treturn 0;",
           "\treturn remap_pfn_range(vma, vma->vm_start, virt_to_phys(buf->vaddr + off) >> PAGE_SHIFT,\n"
           "\t\t\t       vma->vm_end - vma->vm_start, vma->vm_page_prot);",
           guest("map_vmalloc_whole_region_shows_every_page")),
    Mutant("fault_takes_no_reference", _VMALLOC,
           "\tret = vm_insert_page(vmf->vma, vmf->address & PAGE_MASK, page);\n",
           "\tret = vm_insert_page(vmf->vma, vmf->address & PAGE_MASK, page);\n\tif (!ret)\n\t\tput_page(page);\n",
           guest("map_vmalloc_munmap_in_every_order_counts")),
    Mutant("cookie_taken_for_an_offset", _MMAP,
           "u64 off = mmapdemo_offset_in_object((u64)vmf->pgoff << PAGE_SHIFT);",
           "u64 off = (u64)vmf->pgoff << PAGE_SHIFT;",
           guest("map_vmalloc_whole_region_shows_every_page")),
    Mutant("vmalloc_not_zeroed", _VMALLOC,
           "GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN",
           "GFP_KERNEL_ACCOUNT | __GFP_NOWARN",
           guest("buf_vmalloc_reused_memory_is_zero")),
    Mutant("vmalloc_not_charged", _VMALLOC,
           "GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN",
           "GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN",
           guest("limits_vmalloc_memory_is_charged")),
    Mutant("vmalloc_freed_while_mapped", _MMAP,
           "\tkref_get(&buf->ref);\n\tif (withdrawn) {",
           "\tif (withdrawn) {",
           guest("map_vmalloc_handle_freed_while_mapped_keeps_the_pages")),

    # --- coherent ---------------------------------------------------------------------------------
    Mutant("bus_address_as_page_frame", _COHERENT,
           "\tret = dma_mmap_coherent(&buf->mdev->pdev->dev, vma, buf->vaddr, buf->bus_one,\n\t\t\t\tbuf->object.len);",
           "\tret = remap_pfn_range(vma, vma->vm_start, (buf->bus_one + off) >> PAGE_SHIFT,\n"
           "\t\t\t      vma->vm_end - vma->vm_start, vma->vm_page_prot);",
           guest("map_coherent_whole_region_shows_every_page", IOMMU),
           "a bus address of coherent memory used as a PFN (breaks under an IOMMU)"),
    Mutant("virt_to_phys_of_coherent", _COHERENT,
           "\tret = dma_mmap_coherent(&buf->mdev->pdev->dev, vma, buf->vaddr, buf->bus_one,\n\t\t\t\tbuf->object.len);",
           "\tret = remap_pfn_range(vma, vma->vm_start, virt_to_phys(buf->vaddr + off) >> PAGE_SHIFT,\n"
           "\t\t\t      vma->vm_end - vma->vm_start, vma->vm_page_prot);",
           guest("map_coherent_whole_region_shows_every_page", IOMMU),
           "virt_to_phys of coherent memory used as a PFN (breaks under an IOMMU)"),
    Mutant("request_checked_against_itself", _COHERENT,
           "buf->vaddr, buf->bus_one,\n\t\t\t\tbuf->object.len);\n\tvma->vm_pgoff = pgoff;",
           "buf->vaddr, buf->bus_one,\n\t\t\t\tvma->vm_end - vma->vm_start);\n\tvma->vm_pgoff = pgoff;",
           guest("map_coherent_each_page_alone_shows_its_own")),
    Mutant("flags_left_to_the_remap_call", _MMAP,
           "return VM_DONTEXPAND | VM_DONTDUMP | (verdict->inherit ? 0 : VM_DONTCOPY) |",
           "return (verdict->inherit ? 0 : VM_DONTCOPY) |",
           guest("map_coherent_vm_flags_are_as_the_chapter_says", IOMMU)),
    Mutant("coherent_freed_while_mapped", _MMAP,
           "\tkref_get(&buf->ref);\n\tif (withdrawn) {",
           "\tif (withdrawn) {",
           guest("map_coherent_handle_freed_while_mapped_keeps_the_pages")),

    # --- noncontig --------------------------------------------------------------------------------
    Mutant("tail_pages_inserted", _NONCONTIG,
           "pages[i] = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN);",
           "pages[i] = i % 2 ? pages[i - 1] + 1 :\n\t\t\talloc_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN, 1);",
           guest("map_noncontig_whole_region_shows_every_page")),
    Mutant("special_to_be_safe", _NONCONTIG,
           "vm_flags_set(vma, VM_MIXEDMAP);",
           "vm_flags_set(vma, VM_MIXEDMAP | VM_IO);",
           guest("map_noncontig_o_direct_as_the_table_says")),
    Mutant("pages_freed_under_others", _NONCONTIG,
           "\t\tput_page(pages[num]);",
           "\t\tset_page_count(pages[num], 1);\n\t\t__free_page(pages[num]);",
           guest("noncontig_page_outlives_buffer_in_a_pipe")),
    Mutant("noncontig_not_charged", _NONCONTIG,
           "GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN",
           "GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN",
           guest("limits_noncontig_memory_is_charged")),
    Mutant("bounced_memory_synchronised", "kernel/bus.c",
           "\tif (!buf->need_sync || buf->bounced)\n\t\treturn;",
           "\tif (!buf->need_sync)\n\t\treturn;",
           guest("buf_sync_after_a_transfer_keeps_its_bytes", SWIOTLB)),

    # --- userptr ----------------------------------------------------------------------------------
    Mutant("pages_got_and_not_pinned", _USERPTR,
           "#define PIN_CHUNK\t512",
           "#define PIN_CHUNK\t512\n#define FOLL_LONGTERM 0\n#define pin_user_pages_fast get_user_pages_fast\n"
           "#define unpin_user_pages(pages, num) release_pages(pages, num)\n"
           "#define unpin_user_pages_dirty_lock(pages, num, dirty) release_pages(pages, num)",
           guest("pin_stays_the_parent_s_after_fork")),
    Mutant("pinned_pages_left_clean", _USERPTR,
           "!(buf->object.attrs & MMAPDEMO_OBJ_DEV_READS));",
           "false);",
           guest("pin_written_by_the_device_survives_reclaim")),
    Mutant("charge_given_to_who_frees", _USERPTR,
           "\tatomic64_sub(num, &mm->pinned_vm);\n\tmmdrop(mm);",
           "\tatomic64_sub(num, current->mm ? &current->mm->pinned_vm : &mm->pinned_vm);\n\tmmdrop(mm);",
           guest("pin_ends_in_another_process")),
    Mutant("unmapping_copies_back", "kernel/bus.c",
           "dma_unmap_sgtable(&buf->mdev->pdev->dev, &buf->sgt, buf->dir, DMA_ATTR_SKIP_CPU_SYNC);",
           "dma_unmap_sgtable(&buf->mdev->pdev->dev, &buf->sgt, buf->dir, 0);",
           guest("pin_memory_goes_through_the_device_and_back", SWIOTLB)),
)
