// SPDX-License-Identifier: MIT
/* MD5 (RFC 1321) in pieces. For ids and checksums that others defined with it; not for secrets. */
#ifndef HB_BASE_MD5_H
#define HB_BASE_MD5_H

#include <stddef.h>
#include <stdint.h>

#define HB_MD5_LEN 16

typedef struct hb_md5 {
    uint32_t state[4];
    uint64_t len;           /* bytes so far */
    uint8_t block[64];      /* the part that does not fill a block yet */
} hb_md5;

void hb_md5_init(hb_md5 *md5);
void hb_md5_add(hb_md5 *md5, const void *bytes, size_t len);
/* The digest; `md5` must be initialised again before further use. */
void hb_md5_finish(hb_md5 *md5, uint8_t out[HB_MD5_LEN]);

#endif
