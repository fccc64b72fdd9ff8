// SPDX-License-Identifier: MIT
/* How a function leaves the module. Outside WebAssembly the mark is empty, so that
 * scripts/make-abi.mjs can run the layout natively. */
#ifndef HB_ABI_EXPORT_H
#define HB_ABI_EXPORT_H

#if defined(__wasm__)
#define HB_EXPORT(name) __attribute__((used, export_name(#name)))
#else
#define HB_EXPORT(name)
#endif

uint32_t hb_abi_version(void);
uint32_t hb_abi_layout(void);
/* The layout as text, NUL-terminated; made once, kept until the module ends. NULL: out of memory.
 */
const char *hb_abi_layout_text(void);

#endif
