// SPDX-License-Identifier: MIT
/* Calendar arithmetic: the proleptic Gregorian calendar, years 1 to 9999, UTC, no leap seconds.
 * Text forms are those of ISO 8601 that Python's fromisoformat reads, without week dates. */
#ifndef HB_VALUE_TIME_H
#define HB_VALUE_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* "YYYY-MM-DD" or "YYYYMMDD", surrounding white space allowed -> canonical "YYYY-MM-DD" (10
 * bytes). False when malformed; a date with a time is malformed. */
bool hb_time_parse_date(hb_str text, char out[10]);
/* ISO 8601 date or date-time (no zone means UTC; 'Z', +hh:mm; fraction, truncated beyond
 * microseconds) to microseconds since 1970. */
bool hb_time_parse_timestamp(hb_str text, int64_t *us);

/* Payload of the MessagePack timestamp extension (4, 8 or 12 bytes), truncated to microseconds.
 * False when malformed or outside the calendar. */
bool hb_time_from_ext(hb_str payload, int64_t *us);
/* The date of a time within the calendar; false outside. */
bool hb_time_write_date(int64_t us, char out[10]);
/* "2024-02-29T12:34:56Z", with as many of 3 or 6 decimals as it needs; 0 outside the calendar. */
#define HB_TIME_TEXT_MAX 32
uint32_t hb_time_write_iso(int64_t us, char out[HB_TIME_TEXT_MAX]);

#endif
