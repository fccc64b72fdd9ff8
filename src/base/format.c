// SPDX-License-Identifier: MIT
#include "base/format.h"

#include <string.h>

#include "base/num.h"

typedef struct sink {
    char *out;
    size_t cap;
    uint32_t len; /* of the whole text, also beyond cap */
} sink;

/* One conversion: what stands between '%' and its letter. */
typedef struct conversion {
    bool zeros;
    uint32_t width;
    uint32_t precision; /* UINT32_MAX: none */
    uint32_t longs;     /* 2 for ll */
    bool size;
} conversion;

static void sink_add(sink *s, const char *text, size_t len) {
    if (s->len + 1 < s->cap) {
        const size_t room = s->cap - 1 - s->len;
        memcpy(s->out + s->len, text, len < room ? len : room);
    }
    s->len += (uint32_t)len;
}

static void sink_pad(sink *s, uint32_t len, uint32_t width, char with) {
    for (; len < width; len++) sink_add(s, &with, 1);
}

static void add_digits(sink *s, const conversion *form, uint64_t value, bool negative,
                       uint32_t base) {
    char digits[24];
    uint32_t count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value > 0);
    const uint32_t len = count + (negative ? 1 : 0);
    if (!form->zeros) sink_pad(s, len, form->width, ' ');
    if (negative) sink_add(s, "-", 1);
    if (form->zeros) sink_pad(s, len, form->width, '0');
    while (count > 0) sink_add(s, &digits[--count], 1);
}

static void add_text(sink *s, const conversion *form, const char *text) {
    const char *end = form->precision == UINT32_MAX ? NULL : memchr(text, '\0', form->precision);
    const size_t len = end                             ? (size_t)(end - text)
                       : form->precision == UINT32_MAX ? strlen(text)
                                                       : form->precision;
    sink_pad(s, (uint32_t)len, form->width, ' ');
    sink_add(s, text, len);
}

static void add_f64(sink *s, const conversion *form, double value) {
    char text[HB_NUM_TEXT_MAX + 1];
    uint32_t len = hb_num_write_f64(value, text);
    if (len > 2 && text[len - 2] == '.' && text[len - 1] == '0') len -= 2;
    sink_pad(s, len, form->width, ' ');
    sink_add(s, text, len);
}

static uint32_t read_number(const char **at) {
    uint32_t value = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++) value = value * 10 + (uint32_t)(**at - '0');
    return value;
}

/* A precision of '*' is taken by the caller: va_list is passed by value on some machines. */
static conversion read_form(const char **at, bool *star) {
    conversion out = { .precision = UINT32_MAX };
    *star = false;
    if (**at == '0') out.zeros = true;
    out.width = read_number(at);
    if (**at == '.') {
        (*at)++;
        *star = **at == '*';
        if (*star)
            (*at)++;
        else
            out.precision = read_number(at);
    }
    for (; **at == 'l'; (*at)++) out.longs++;
    if (**at == 'z') {
        out.size = true;
        (*at)++;
    }
    return out;
}

uint32_t hb_format_list(char *out, size_t cap, const char *fmt, va_list args) {
    sink s = { out, cap, 0 };
    for (const char *at = fmt; *at != '\0'; at++) {
        if (*at != '%') {
            sink_add(&s, at, 1);
            continue;
        }
        at++;
        bool star;
        conversion form = read_form(&at, &star);
        if (star) form.precision = (uint32_t)va_arg(args, int);
        switch (*at) {
        case 's': add_text(&s, &form, va_arg(args, const char *)); break;
        case 'c': {
            const char byte = (char)va_arg(args, int);
            sink_add(&s, &byte, 1);
            break;
        }
        case 'd':
        case 'i': {
            const int64_t value = form.longs > 1   ? va_arg(args, long long)
                                  : form.longs > 0 ? va_arg(args, long)
                                                   : va_arg(args, int);
            add_digits(&s, &form, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0, 10);
            break;
        }
        case 'u':
        case 'x': {
            const uint64_t value = form.size        ? va_arg(args, size_t)
                                   : form.longs > 1 ? va_arg(args, unsigned long long)
                                   : form.longs > 0 ? va_arg(args, unsigned long)
                                                    : va_arg(args, unsigned);
            add_digits(&s, &form, value, false, *at == 'x' ? 16 : 10);
            break;
        }
        case 'g': add_f64(&s, &form, va_arg(args, double)); break;
        default: HB_ASSERT(*at == '%'); sink_add(&s, at, 1);
        }
    }
    if (cap > 0) out[s.len < cap ? s.len : cap - 1] = '\0';
    return s.len;
}

uint32_t hb_format(char *out, size_t cap, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    const uint32_t len = hb_format_list(out, cap, fmt, args);
    va_end(args);
    return len;
}
