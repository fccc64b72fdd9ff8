// SPDX-License-Identifier: MIT
/* Python's pattern syntax read once, left to right, and written as PCRE2's. What both spell alike
 * is copied; what differs (\Z, \v, \uXXXX, octal, sets with '[', {,n}, flags) is rewritten; what
 * only PCRE2 knows ((?R), (*VERB), \K, \p, [:alpha:], ...) is refused as Python refuses it. */
#include "text/regex.h"

#include "base/limits.h"

#define GROUP_DEPTH_MAX 100u
#define REPEAT_NONE UINT32_MAX      /* no upper bound */
#define REPEAT_MAX 65535u           /* PCRE2's largest count */

/* What Python's \s and \w hold, and what they do not, as members of a set. PCRE2's own \w under UCP
 * has marks and connector punctuation besides, and its \s lacks U+001C to U+001F. */
#define SPACES                                                                                   \
    "\\t-\\r\\x1c-\\x20\\x85\\xa0\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}"        \
    "\\x{205f}\\x{3000}"
#define NO_SPACES                                                                                \
    "\\x00-\\x08\\x0e-\\x1b\\x21-\\x84\\x86-\\x9f\\xa1-\\x{167f}\\x{1681}-\\x{1fff}"             \
    "\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}"               \
    "\\x{3001}-\\x{10ffff}"
#define WORDS "\\p{L}\\p{N}_"
#define NO_WORDS                                                                                 \
    "\\p{M}\\p{S}\\p{Z}\\p{C}\\p{Pd}\\p{Pe}\\p{Pf}\\p{Pi}\\p{Po}\\p{Ps}\\x{203f}\\x{2040}"       \
    "\\x{2054}\\x{fe33}\\x{fe34}\\x{fe4d}-\\x{fe4f}\\x{ff3f}"
/* Python's \B does not hold in an empty text. */
#define BEFORE_IS "(?<=[" WORDS "])"
#define BEFORE_IS_NOT "(?<![" WORDS "])"
#define AFTER_IS "(?=[" WORDS "])"
#define AFTER_IS_NOT "(?![" WORDS "])"
#define AT_EDGE "(?:" BEFORE_IS AFTER_IS_NOT "|" BEFORE_IS_NOT AFTER_IS ")"
#define AT_NO_EDGE "(?!\\A\\z)(?:" BEFORE_IS AFTER_IS "|" BEFORE_IS_NOT AFTER_IS_NOT ")"

/* What a quantifier would apply to. */
typedef enum atom_kind { ATOM_NONE, ATOM_ITEM, ATOM_ANCHOR, ATOM_REPEAT } atom_kind;

typedef struct group {
    bool unbounded;     /* holds *, + or {n,} at any depth */
    bool verbose;       /* (?x) holds inside */
} group;

typedef struct reader {
    hb_str in;
    uint32_t pos;
    hb_buf *out;
    hb_err *err;
    hb_regex_source *source;
    atom_kind atom;
    bool atom_unbounded;                /* the atom is a group that holds an unbounded repeat */
    uint32_t flags_end;                 /* behind global flags and comments at the start */
    uint32_t depth;
    group groups[GROUP_DEPTH_MAX + 1];  /* [0] is the whole pattern */
} reader;

static hb_status refuse(const reader *r, uint32_t at, const char *why) {
    hb_err_set(r->err, HB_E_QUERY, "invalid regex pattern: %s at byte %u", why, (unsigned)at);
    if (r->err != NULL) r->err->at = at;
    return HB_E_QUERY;
}

static bool at_end(const reader *r) {
    return r->pos >= r->in.len;
}

/* The byte `ahead` of the position, or 0 behind the end. */
static char peek(const reader *r, uint32_t ahead) {
    return ahead < r->in.len - r->pos ? r->in.ptr[r->pos + ahead] : '\0';
}

static bool looking_at(const reader *r, const char *text) {
    const hb_str want = hb_str_c(text);
    return hb_str_starts(hb_str_sub(r->in, r->pos, want.len), want);
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_octal(char c) {
    return c >= '0' && c <= '7';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A literal code point, in a set or outside: controls and ASCII punctuation by number, so that
 * nothing in it can mean something else. */
static void add_cp(reader *r, uint32_t cp) {
    if (cp < 0x80 && (is_letter((char)cp) || is_digit((char)cp) || cp == '_')) {
        hb_buf_add_char(r->out, (char)cp);
    } else {
        hb_buf_printf(r->out, "\\x{%x}", (unsigned)cp);
    }
}

/* `digits` hexadecimal digits behind \x, \u or \U. */
static hb_status read_hex(reader *r, uint32_t digits, uint32_t *cp) {
    uint32_t value = 0;
    for (uint32_t i = 0; i < digits; i++) {
        const int digit = at_end(r) ? -1 : hex_value(peek(r, 0));
        if (digit < 0) return refuse(r, r->pos, "incomplete escape");
        value = value * 16 + (uint32_t)digit;
        r->pos++;
    }
    if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
        return refuse(r, r->pos, "escape of no character");
    }
    *cp = value;
    return HB_OK;
}

/* Escapes that mean one character wherever they stand; `c` is behind the backslash and consumed.
 * *known says whether it was one. */
static hb_status read_char_escape(reader *r, char c, uint32_t *cp, bool *known) {
    *known = true;
    switch (c) {
    case 'a': *cp = 7; return HB_OK;
    case 'f': *cp = 12; return HB_OK;
    case 'n': *cp = 10; return HB_OK;
    case 'r': *cp = 13; return HB_OK;
    case 't': *cp = 9; return HB_OK;
    case 'v': *cp = 11; return HB_OK;
    case 'x': return read_hex(r, 2, cp);
    case 'u': return read_hex(r, 4, cp);
    case 'U': return read_hex(r, 8, cp);
    default: break;
    }
    if (!is_letter(c) && !is_digit(c)) {
        r->pos--;
        *cp = hb_utf8_next(r->in, &r->pos);
        return HB_OK;
    }
    *known = false;
    return HB_OK;
}

/* Up to three octal digits, the first of which is `c`. */
static hb_status read_octal(reader *r, char c, uint32_t *cp) {
    uint32_t value = (uint32_t)(c - '0');
    for (int i = 0; i < 2 && is_octal(peek(r, 0)); i++) {
        value = value * 8 + (uint32_t)(peek(r, 0) - '0');
        r->pos++;
    }
    if (value > 0377) return refuse(r, r->pos, "octal escape beyond \\377");
    *cp = value;
    return HB_OK;
}

/* The sets that a letter stands for, as Python reads them. False for any other letter. */
static bool add_category(reader *r, char c, bool in_set) {
    const char *members = c == 's'   ? SPACES
                          : c == 'S' ? NO_SPACES
                          : c == 'w' ? WORDS
                          : c == 'W' ? NO_WORDS
                          : c == 'd' ? "\\d"
                          : c == 'D' ? "\\D"
                                     : NULL;
    if (members == NULL) return false;
    if (r->source->ascii) {
        /* Without UCP all six are the same in both: \s is [ \t\n\r\f\v]. */
        hb_buf_add_char(r->out, '\\');
        hb_buf_add_char(r->out, c);
        return true;
    }
    hb_buf_add_c(r->out, in_set ? "" : "[");
    hb_buf_add_c(r->out, members);
    hb_buf_add_c(r->out, in_set ? "" : "]");
    return true;
}

/* \A \Z \b \B. */
static void add_anchor(reader *r, char c) {
    r->atom = ATOM_ANCHOR;
    if (c == 'A' || c == 'Z') hb_buf_add_c(r->out, c == 'A' ? "\\A" : "\\z");
    else if (r->source->ascii) hb_buf_add_c(r->out, c == 'b' ? "\\b" : "(?!\\A\\z)\\B");
    else hb_buf_add_c(r->out, c == 'b' ? AT_EDGE : AT_NO_EDGE);
}

/* A back reference by number, or an octal escape of three digits. */
static hb_status read_number_escape(reader *r, char c) {
    const char second = peek(r, 0);
    if (c == '0' || (is_octal(c) && is_octal(second) && is_octal(peek(r, 1)))) {
        uint32_t cp = 0;
        HB_TRY(read_octal(r, c, &cp));
        add_cp(r, cp);
        return HB_OK;
    }
    uint32_t number = (uint32_t)(c - '0');
    if (is_digit(second)) {
        number = number * 10 + (uint32_t)(second - '0');
        r->pos++;
    }
    hb_buf_printf(r->out, "\\g{%u}", (unsigned)number);
    return HB_OK;
}

static hb_status read_escape(reader *r) {
    const uint32_t start = r->pos++;
    if (at_end(r)) return refuse(r, start, "bad escape (end of pattern)");
    const char c = r->in.ptr[r->pos++];
    r->atom = ATOM_ITEM;
    r->atom_unbounded = false;
    if (c == 'A' || c == 'b' || c == 'B' || c == 'Z') {
        add_anchor(r, c);
        return HB_OK;
    }
    if (is_digit(c)) return read_number_escape(r, c);
    if (add_category(r, c, false)) return HB_OK;
    uint32_t cp = 0;
    bool known = false;
    HB_TRY(read_char_escape(r, c, &cp, &known));
    if (!known) return refuse(r, start, "bad escape");
    add_cp(r, cp);
    return HB_OK;
}

/* One member of a set: a character in *cp, or a category already written, with *cp UINT32_MAX. */
static hb_status read_member(reader *r, uint32_t *cp) {
    if (at_end(r)) return refuse(r, r->pos, "unterminated character set");
    if (peek(r, 0) != '\\') {
        *cp = hb_utf8_next(r->in, &r->pos);
        return HB_OK;
    }
    const uint32_t start = r->pos++;
    if (at_end(r)) return refuse(r, start, "bad escape (end of pattern)");
    const char c = r->in.ptr[r->pos++];
    *cp = UINT32_MAX;
    if (add_category(r, c, true)) return HB_OK;
    if (c == 'b') {
        *cp = 8;
        return HB_OK;
    }
    if (is_octal(c)) return read_octal(r, c, cp);
    bool known = false;
    HB_TRY(read_char_escape(r, c, cp, &known));
    return known ? HB_OK : refuse(r, start, "bad escape in a character set");
}

static hb_status read_set(reader *r) {
    r->pos++;
    hb_buf_add_char(r->out, '[');
    if (peek(r, 0) == '^') {
        hb_buf_add_char(r->out, '^');
        r->pos++;
    }
    for (bool first = true; first || peek(r, 0) != ']'; first = false) {
        const uint32_t start = r->pos;
        uint32_t cp = 0;
        HB_TRY(read_member(r, &cp));
        const bool range = peek(r, 0) == '-' && r->in.len - r->pos > 1 && peek(r, 1) != ']';
        if (cp != UINT32_MAX) add_cp(r, cp);
        if (!range) continue;
        r->pos++;
        uint32_t last = 0;
        HB_TRY(read_member(r, &last));
        if (cp == UINT32_MAX || last == UINT32_MAX || last < cp) {
            return refuse(r, start, "bad character range");
        }
        hb_buf_add_char(r->out, '-');
        add_cp(r, last);
    }
    r->pos++;
    hb_buf_add_char(r->out, ']');
    r->atom = ATOM_ITEM;
    r->atom_unbounded = false;
    return HB_OK;
}

static bool read_count(reader *r, uint32_t *count) {
    if (!is_digit(peek(r, 0))) return false;
    uint32_t value = 0;
    while (is_digit(peek(r, 0))) {
        if (value <= REPEAT_MAX) value = value * 10 + (uint32_t)(peek(r, 0) - '0');
        r->pos++;
    }
    *count = value;
    return true;
}

/* {n} {n,} {,m} {n,m}; false, with the position as before, when the brace is a literal. */
static bool read_braces(reader *r, uint32_t *least, uint32_t *most) {
    const uint32_t start = r->pos++;
    if (peek(r, 0) != '}') {
        const bool has_least = read_count(r, least);
        if (!has_least) *least = 0;
        *most = *least;
        bool comma = false;
        if (peek(r, 0) == ',') {
            comma = true;
            r->pos++;
            if (!read_count(r, most)) *most = REPEAT_NONE;
        }
        if ((has_least || comma) && peek(r, 0) == '}') {
            r->pos++;
            return true;
        }
    }
    r->pos = start;
    return false;
}

static hb_status check_repeat(const reader *r, uint32_t at, uint32_t least, uint32_t most) {
    if (r->atom == ATOM_NONE || r->atom == ATOM_ANCHOR) return refuse(r, at, "nothing to repeat");
    if (r->atom == ATOM_REPEAT) return refuse(r, at, "multiple repeat");
    if (least > REPEAT_MAX || (most > REPEAT_MAX && most != REPEAT_NONE)) {
        return refuse(r, at, "repeat count beyond 65535");
    }
    if (least > most) return refuse(r, at, "min repeat greater than max repeat");
    if (most == REPEAT_NONE && r->atom_unbounded) {
        hb_err_set(r->err, HB_E_QUERY,
                   "unsafe regex pattern: an unbounded repeat of an unbounded repeat at byte %u",
                   (unsigned)at);
        if (r->err != NULL) r->err->at = at;
        return HB_E_QUERY;
    }
    return HB_OK;
}

static hb_status read_repeat(reader *r) {
    const uint32_t start = r->pos;
    const char c = peek(r, 0);
    uint32_t least = c == '+' ? 1 : 0;
    uint32_t most = c == '?' ? 1 : REPEAT_NONE;
    if (c != '{') {
        r->pos++;
    } else if (!read_braces(r, &least, &most)) {
        r->pos++;
        add_cp(r, '{');
        r->atom = ATOM_ITEM;
        r->atom_unbounded = false;
        return HB_OK;
    }
    HB_TRY(check_repeat(r, start, least, most));
    if (most == REPEAT_NONE) hb_buf_printf(r->out, "{%u,}", (unsigned)least);
    else hb_buf_printf(r->out, "{%u,%u}", (unsigned)least, (unsigned)most);
    if (peek(r, 0) == '?' || peek(r, 0) == '+') {
        hb_buf_add_char(r->out, peek(r, 0));
        r->pos++;
    }
    r->atom = ATOM_REPEAT;
    if (most == REPEAT_NONE) r->groups[r->depth].unbounded = true;
    return HB_OK;
}

static hb_status open_group(reader *r, const char *as) {
    if (r->depth == GROUP_DEPTH_MAX) return refuse(r, r->pos, "groups nested too deep");
    const bool verbose = r->groups[r->depth].verbose;
    r->groups[++r->depth] = (group){ .verbose = verbose };
    hb_buf_add_c(r->out, as);
    r->atom = ATOM_NONE;
    return HB_OK;
}

/* The name up to `end`, which is consumed. */
static hb_status read_name(reader *r, char end, hb_str *name) {
    const uint32_t start = r->pos;
    while (!at_end(r) && peek(r, 0) != end && peek(r, 0) != ')' && peek(r, 0) != '(') {
        r->pos++;
    }
    *name = hb_str_sub(r->in, start, r->pos - start);
    if (at_end(r) || peek(r, 0) != end || name->len == 0) {
        return refuse(r, start, "bad group name");
    }
    r->pos++;
    return HB_OK;
}

/* (?aiLmsux) for the whole pattern at its very start, (?aiLmsux-imsx:...) for a group. */
static hb_status read_flags(reader *r, uint32_t start) {
    char on[8] = "";
    char off[8] = "";
    char *list = on;
    uint32_t len = 0;
    bool verbose = r->groups[r->depth].verbose;
    bool ascii = false;
    for (;; r->pos++) {
        const char c = peek(r, 0);
        if (c == '-' && list == on) {
            list = off;
            len = 0;
            continue;
        }
        if (c == 'x') verbose = list == on;
        if (c == 'a') ascii = true;
        if ((c == 'a' || c == 'u') && list == on) continue;
        if (c == '\0' || strchr("imsx", c) == NULL) break;
        if (len + 1 < sizeof(on) && strchr(list, c) == NULL) list[len++] = c;
    }
    const char end = peek(r, 0);
    const bool negative = list == off;
    if ((end != ')' && end != ':') || (negative && (off[0] == '\0' || end == ')'))) {
        return refuse(r, start, "unknown extension or flag");
    }
    if (end == ')' && start != r->flags_end) {
        return refuse(r, start, "global flags not at the start of the expression");
    }
    if (ascii && end == ':') return refuse(r, start, "flag 'a' must stand for the whole pattern");
    r->pos++;
    if (ascii) r->source->ascii = true;
    if (end == ')') {
        r->groups[0].verbose = verbose;
        r->flags_end = r->pos;
        if (on[0] != '\0') hb_buf_printf(r->out, "(?%s)", on);
        r->atom = ATOM_NONE;
        return HB_OK;
    }
    HB_TRY(open_group(r, "(?"));
    r->groups[r->depth].verbose = verbose;
    hb_buf_printf(r->out, negative ? "%s-%s:" : "%s%s:", on, off);
    return HB_OK;
}

/* (?P<name>...) and (?P=name); the position is behind (?P. */
static hb_status read_named(reader *r, uint32_t start) {
    hb_str name;
    const char c = peek(r, 0);
    if (c != '<' && c != '=') return refuse(r, start, "unknown extension");
    r->pos++;
    HB_TRY(read_name(r, c == '<' ? '>' : ')', &name));
    if (c == '<') {
        HB_TRY(open_group(r, "(?P<"));
        hb_buf_add_str(r->out, name);
        hb_buf_add_char(r->out, '>');
        return HB_OK;
    }
    hb_buf_printf(r->out, "(?P=%.*s)", HB_ARG(name));
    r->atom = ATOM_ITEM;
    r->atom_unbounded = false;
    return HB_OK;
}

/* (?(1)yes|no) and (?(name)yes|no); the position is behind (?(. */
static hb_status read_conditional(reader *r) {
    hb_str name;
    HB_TRY(read_name(r, ')', &name));
    bool number = true;
    for (uint32_t i = 0; i < name.len; i++) {
        number = number && is_digit(name.ptr[i]);
    }
    HB_TRY(open_group(r, "(?"));
    hb_buf_printf(r->out, number ? "(%.*s)" : "(<%.*s>)", HB_ARG(name));
    return HB_OK;
}

static hb_status read_group(reader *r) {
    static const char *const alike[] = { "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>" };
    const uint32_t start = r->pos;
    if (peek(r, 1) == '*') return refuse(r, start + 1, "nothing to repeat");
    if (peek(r, 1) != '?') {
        r->pos++;
        return open_group(r, "(");
    }
    for (size_t i = 0; i < sizeof(alike) / sizeof(alike[0]); i++) {
        if (!looking_at(r, alike[i])) continue;
        r->pos += (uint32_t)strlen(alike[i]);
        return open_group(r, alike[i]);
    }
    if (looking_at(r, "(?#")) {
        while (!at_end(r) && peek(r, 0) != ')') {
            r->pos++;
        }
        if (at_end(r)) return refuse(r, start, "missing ), unterminated comment");
        r->pos++;
        if (start == r->flags_end) r->flags_end = r->pos;
        return HB_OK;
    }
    if (looking_at(r, "(?P")) {
        r->pos += 3;
        return read_named(r, start);
    }
    if (looking_at(r, "(?(")) {
        r->pos += 3;
        return read_conditional(r);
    }
    r->pos += 2;
    return read_flags(r, start);
}

static hb_status close_group(reader *r) {
    if (r->depth == 0) return refuse(r, r->pos, "unbalanced parenthesis");
    const bool unbounded = r->groups[r->depth--].unbounded;
    r->groups[r->depth].unbounded |= unbounded;
    r->atom = ATOM_ITEM;
    r->atom_unbounded = unbounded;
    r->pos++;
    hb_buf_add_char(r->out, ')');
    return HB_OK;
}

/* White space and comments of verbose patterns; true when one was skipped. */
static bool skip_verbose(reader *r) {
    if (!r->groups[r->depth].verbose) return false;
    const char c = peek(r, 0);
    if (c == '#') {
        while (!at_end(r) && peek(r, 0) != '\n') {
            r->pos++;
        }
        return true;
    }
    if (c == '\0' || strchr(" \t\n\r\f\v", c) == NULL) return false;
    r->pos++;
    return true;
}

static void read_simple(reader *r) {
    const char c = peek(r, 0);
    if (c == '|' || c == '^' || c == '$' || c == '.') {
        hb_buf_add_char(r->out, c);
        r->pos++;
        r->atom = c == '|' ? ATOM_NONE : c == '.' ? ATOM_ITEM : ATOM_ANCHOR;
    } else {
        add_cp(r, hb_utf8_next(r->in, &r->pos));
        r->atom = ATOM_ITEM;
    }
    r->atom_unbounded = false;
}

hb_status hb_regex_translate(hb_str pattern, hb_buf *out, hb_regex_source *source, hb_err *err) {
    reader r = { .in = pattern, .out = out, .err = err, .source = source };
    while (!at_end(&r)) {
        if (skip_verbose(&r)) continue;
        switch (r.in.ptr[r.pos]) {
        case '\\': HB_TRY(read_escape(&r)); break;
        case '[': HB_TRY(read_set(&r)); break;
        case '(': HB_TRY(read_group(&r)); break;
        case ')': HB_TRY(close_group(&r)); break;
        case '*':
        case '+':
        case '?':
        case '{': HB_TRY(read_repeat(&r)); break;
        default: read_simple(&r); break;
        }
    }
    if (r.depth > 0) return refuse(&r, r.pos, "missing ), unterminated subpattern");
    return HB_OK;
}
