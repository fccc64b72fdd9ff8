// SPDX-License-Identifier: MIT
/* CRC-32 of ISO 3309 (polynomial 0xEDB88320), as zlib, PNG and Python's zlib.crc32 have it. */
#ifndef HB_BASE_CRC32_H
#define HB_BASE_CRC32_H

#include "base/str.h"

/* Goes on from `crc`, which is 0 for the first bytes. */
uint32_t hb_crc32(uint32_t crc, hb_str bytes);

#endif
