// SPDX-License-Identifier: MIT
#include "value/time.h"

#define SECOND_US INT64_C(1000000)
#define DAY_US (86400 * SECOND_US)
#define CALENDAR_MIN_US INT64_C(-62135596800000000)     /* 0001-01-01T00:00:00 */
#define CALENDAR_MAX_US INT64_C(253402300799999999)     /* 9999-12-31T23:59:59.999999 */

/* Days since 1970-01-01. Years are counted from March, so that the leap day comes last; an era is
 * 400 years. */
static int64_t days_from_civil(int32_t year, int32_t month, int32_t day) {
    const int32_t y = month <= 2 ? year - 1 : year;
    const int32_t era = (y >= 0 ? y : y - 399) / 400;
    const int32_t year_of_era = y - era * 400;
    const int32_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    const int32_t leap_days = year_of_era / 4 - year_of_era / 100;
    const int32_t day_of_era = year_of_era * 365 + leap_days + day_of_year;
    return (int64_t)era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, int32_t *year, int32_t *month, int32_t *day) {
    const int64_t shifted = days + 719468;
    const int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    const int32_t day_of_era = (int32_t)(shifted - era * 146097);
    const int32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int32_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int32_t month_from_march = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    *month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    *year = (int32_t)(year_of_era + era * 400) + (*month <= 2 ? 1 : 0);
}

static int32_t days_in_month(int32_t year, int32_t month) {
    static const int8_t days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* ---- reading ---------------------------------------------------------------------------- */

typedef struct cursor {
    hb_str text;
    uint32_t pos;
} cursor;

static char peek(const cursor *c) {
    return c->pos < c->text.len ? c->text.ptr[c->pos] : '\0';
}

static bool take(cursor *c, char wanted) {
    if (c->pos >= c->text.len || c->text.ptr[c->pos] != wanted) return false;
    c->pos++;
    return true;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Exactly `count` digits. */
static bool take_number(cursor *c, uint32_t count, int32_t *out) {
    int32_t value = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!is_digit(peek(c))) return false;
        value = value * 10 + (c->text.ptr[c->pos++] - '0');
    }
    *out = value;
    return true;
}

static bool take_date(cursor *c, int32_t *year, int32_t *month, int32_t *day) {
    if (!take_number(c, 4, year)) return false;
    const bool dashed = take(c, '-');
    if (!take_number(c, 2, month) || (dashed && !take(c, '-')) || !take_number(c, 2, day)) {
        return false;
    }
    return *year >= 1 && *month >= 1 && *month <= 12 && *day >= 1 &&
           *day <= days_in_month(*year, *month);
}

/* Hours, then minutes and seconds as far as they are there, with or without colons. */
static bool take_clock(cursor *c, int64_t *us) {
    int32_t parts[3] = { 0, 0, 0 };
    if (!take_number(c, 2, &parts[0])) return false;
    const bool colons = peek(c) == ':';
    uint32_t count = 1;
    for (; count < 3; count++) {
        if (colons ? !take(c, ':') : !is_digit(peek(c))) break;
        if (!take_number(c, 2, &parts[count])) return false;
    }
    int64_t fraction = 0;
    if (count == 3 && (take(c, '.') || take(c, ','))) {
        if (!is_digit(peek(c))) return false;
        for (uint32_t digit = 0; is_digit(peek(c)) || digit < 6; digit++) {
            const int32_t value = is_digit(peek(c)) ? c->text.ptr[c->pos++] - '0' : 0;
            if (digit < 6) fraction = fraction * 10 + value;
        }
    }
    if (parts[0] > 23 || parts[1] > 59 || parts[2] > 59) return false;
    *us = (int64_t)(parts[0] * 3600 + parts[1] * 60 + parts[2]) * SECOND_US + fraction;
    return true;
}

/* "", "Z", "+hh", "+hh:mm", "+hhmm", "+hh:mm:ss": microseconds east of UTC. */
static bool take_zone(cursor *c, int64_t *offset) {
    *offset = 0;
    if (c->pos == c->text.len || take(c, 'Z')) return true;
    const bool west = peek(c) == '-';
    if (!take(c, '+') && !take(c, '-')) return false;
    if (!take_clock(c, offset)) return false;
    if (west) *offset = -*offset;
    return true;
}

bool hb_time_parse_date(hb_str text, char out[10]) {
    cursor c = { hb_str_trim(text), 0 };
    int32_t year, month, day;
    if (!take_date(&c, &year, &month, &day) || c.pos != c.text.len) return false;
    return hb_time_write_date(days_from_civil(year, month, day) * DAY_US, out);
}

bool hb_time_parse_timestamp(hb_str text, int64_t *us) {
    cursor c = { hb_str_trim(text), 0 };
    int32_t year, month, day;
    if (!take_date(&c, &year, &month, &day)) return false;
    int64_t clock = 0;
    int64_t offset = 0;
    if (c.pos < c.text.len) {
        if (!take(&c, 'T') && !take(&c, 't') && !take(&c, ' ')) return false;
        if (!take_clock(&c, &clock) || !take_zone(&c, &offset)) return false;
        if (c.pos != c.text.len) return false;
    }
    *us = days_from_civil(year, month, day) * DAY_US + clock - offset;
    return true;
}

bool hb_time_from_ext(hb_str payload, int64_t *us) {
    uint64_t words[2] = { 0, 0 };
    const bool wide = payload.len == 12;
    if (payload.len != 4 && payload.len != 8 && !wide) return false;
    for (uint32_t i = 0; i < payload.len; i++) {
        uint64_t *word = &words[wide && i >= 4 ? 1 : 0];
        *word = *word << 8 | (unsigned char)payload.ptr[i];
    }
    const int64_t seconds = payload.len == 4   ? (int64_t)words[0]
                            : payload.len == 8 ? (int64_t)(words[0] & 0x3ffffffffu)
                                               : (int64_t)words[1];
    const uint64_t nanos = payload.len == 4 ? 0 : payload.len == 8 ? words[0] >> 34 : words[0];
    if (nanos > 999999999u || seconds < CALENDAR_MIN_US / SECOND_US ||
        seconds > CALENDAR_MAX_US / SECOND_US) {
        return false;
    }
    *us = seconds * SECOND_US + (int64_t)(nanos / 1000);
    return true;
}

/* ---- writing ---------------------------------------------------------------------------- */

static void put_digits(char *out, int32_t value, uint32_t count) {
    for (uint32_t i = count; i > 0; i--) {
        out[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
}

bool hb_time_write_date(int64_t us, char out[10]) {
    if (us < CALENDAR_MIN_US || us > CALENDAR_MAX_US) return false;
    int32_t year, month, day;
    const int64_t rest = us % DAY_US;
    civil_from_days((us - rest) / DAY_US - (rest < 0 ? 1 : 0), &year, &month, &day);
    put_digits(out, year, 4);
    out[4] = '-';
    put_digits(out + 5, month, 2);
    out[7] = '-';
    put_digits(out + 8, day, 2);
    return true;
}

uint32_t hb_time_write_iso(int64_t us, char out[HB_TIME_TEXT_MAX]) {
    if (!hb_time_write_date(us, out)) return 0;
    const int64_t clock = (us % DAY_US + DAY_US) % DAY_US;
    const int32_t seconds = (int32_t)(clock / SECOND_US);
    const int32_t micros = (int32_t)(clock % SECOND_US);
    out[10] = 'T';
    put_digits(out + 11, seconds / 3600, 2);
    out[13] = ':';
    put_digits(out + 14, seconds / 60 % 60, 2);
    out[16] = ':';
    put_digits(out + 17, seconds % 60, 2);
    uint32_t len = 19;
    if (micros != 0) {
        const bool millis = micros % 1000 == 0;
        out[len++] = '.';
        put_digits(out + len, millis ? micros / 1000 : micros, millis ? 3 : 6);
        len += millis ? 3 : 6;
    }
    out[len++] = 'Z';
    return len;
}
