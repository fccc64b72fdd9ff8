// SPDX-License-Identifier: MIT
#include "value/archive.h"

#include <string.h>

#include "base/crc32.h"

#define VERSION 1u
static const char magic[8] = { 'H', 'B', 'E', 'X', 'P', 'O', 'R', 'T' };

static uint32_t u32_at(hb_str bytes, uint32_t at) {
    uint32_t value;
    memcpy(&value, bytes.ptr + at, sizeof(value));
    return value;
}

static void add_u32(hb_buf *out, uint32_t value) {
    hb_buf_add(out, &value, sizeof(value));
}

void hb_archive_write_file_head(hb_buf *out) {
    hb_buf_add(out, magic, sizeof(magic));
    add_u32(out, VERSION);
    add_u32(out, 0);
}

hb_status hb_archive_read_file_head(hb_str bytes, hb_err *err) {
    if (bytes.len < HB_ARCHIVE_FILE_HEAD_LEN || memcmp(bytes.ptr, magic, sizeof(magic)) != 0) {
        return hb_err_set(err, HB_E_CORRUPT, "not an exported workspace");
    }
    if (u32_at(bytes, 8) != VERSION || u32_at(bytes, 12) != 0) {
        return hb_err_set(err, HB_E_CORRUPT,
                          "an export of version %u cannot be read, only one of version %u",
                          (unsigned)u32_at(bytes, 8), VERSION);
    }
    return HB_OK;
}

uint32_t hb_archive_begin(hb_archive_kind kind, uint32_t number, hb_buf *out) {
    HB_ASSERT(out->len % 8 == 0);
    uint32_t begin = out->len;
    add_u32(out, kind);
    add_u32(out, number);
    hb_buf_add_zero(out, 8);
    return begin;
}

static uint32_t record_crc(hb_str head, hb_str payload) {
    return hb_crc32(hb_crc32(0, hb_str_n(head.ptr, 12)), payload);
}

void hb_archive_end(uint32_t begin, hb_buf *out) {
    if (out->failed || out->over) return;
    char *head = out->ptr + begin;
    uint32_t len = out->len - begin - HB_ARCHIVE_RECORD_HEAD_LEN;
    memcpy(head + 8, &len, sizeof(len));
    uint32_t crc = record_crc(hb_str_n(head, HB_ARCHIVE_RECORD_HEAD_LEN),
                              hb_str_n(head + HB_ARCHIVE_RECORD_HEAD_LEN, len));
    memcpy(head + 12, &crc, sizeof(crc));
    hb_buf_align(out, 8);
}

hb_status hb_archive_read(hb_str bytes, uint32_t number, hb_archive_record *out, hb_err *err) {
    uint32_t room =
        bytes.len >= HB_ARCHIVE_RECORD_HEAD_LEN ? bytes.len - HB_ARCHIVE_RECORD_HEAD_LEN : 0;
    if (bytes.len < HB_ARCHIVE_RECORD_HEAD_LEN || u32_at(bytes, 8) > room) {
        return hb_err_set(err, HB_E_CORRUPT, "the export ends within record %u", (unsigned)number);
    }
    uint32_t kind = u32_at(bytes, 0), found = u32_at(bytes, 4), len = u32_at(bytes, 8);
    hb_str payload = hb_str_n(bytes.ptr + HB_ARCHIVE_RECORD_HEAD_LEN, len);
    if (record_crc(bytes, payload) != u32_at(bytes, 12)) {
        return hb_err_set(err, HB_E_CORRUPT,
                          "record %u of the export is damaged: its checksum is "
                          "another",
                          (unsigned)number);
    }
    if (found != number || kind < HB_ARCHIVE_HEAD || kind > HB_ARCHIVE_END) {
        return hb_err_set(err, HB_E_CORRUPT,
                          "record %u of the export is not where it belongs: found number %u of "
                          "kind %u",
                          (unsigned)number, (unsigned)found, (unsigned)kind);
    }
    uint32_t padding = (8 - len % 8) % 8;
    if (padding > room - len) padding = room - len;
    *out = (hb_archive_record){ (hb_archive_kind)kind, found, payload,
                                HB_ARCHIVE_RECORD_HEAD_LEN + len + padding };
    return HB_OK;
}
