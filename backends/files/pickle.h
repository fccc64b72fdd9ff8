// SPDX-License-Identifier: MIT
/* The opcodes of pickles (protocols 2 to 5) that carry data, and those that are refused. */
#ifndef HB_BACKENDS_FILES_PICKLE_H
#define HB_BACKENDS_FILES_PICKLE_H

#include "backends/files/files_priv.h"

#define PICKLE_MARK '('
#define PICKLE_STOP '.'
#define PICKLE_POP '0'
#define PICKLE_POP_MARK '1'
#define PICKLE_DUP '2'
#define PICKLE_BINFLOAT 'G'
#define PICKLE_BININT 'J'
#define PICKLE_BININT1 'K'
#define PICKLE_BININT2 'M'
#define PICKLE_NONE 'N'
#define PICKLE_BINSTRING 'T'
#define PICKLE_SHORT_BINSTRING 'U'
#define PICKLE_BINUNICODE 'X'
#define PICKLE_BINBYTES 'B'
#define PICKLE_SHORT_BINBYTES 'C'
#define PICKLE_APPEND 'a'
#define PICKLE_APPENDS 'e'
#define PICKLE_LIST 'l'
#define PICKLE_EMPTY_LIST ']'
#define PICKLE_TUPLE 't'
#define PICKLE_EMPTY_TUPLE ')'
#define PICKLE_DICT 'd'
#define PICKLE_EMPTY_DICT '}'
#define PICKLE_SETITEM 's'
#define PICKLE_SETITEMS 'u'
#define PICKLE_BINGET 'h'
#define PICKLE_LONG_BINGET 'j'
#define PICKLE_BINPUT 'q'
#define PICKLE_LONG_BINPUT 'r'
#define PICKLE_PROTO ((char)0x80)
#define PICKLE_TUPLE1 ((char)0x85)
#define PICKLE_TUPLE2 ((char)0x86)
#define PICKLE_TUPLE3 ((char)0x87)
#define PICKLE_NEWTRUE ((char)0x88)
#define PICKLE_NEWFALSE ((char)0x89)
#define PICKLE_LONG1 ((char)0x8a)
#define PICKLE_LONG4 ((char)0x8b)
#define PICKLE_SHORT_BINUNICODE ((char)0x8c)
#define PICKLE_BINUNICODE8 ((char)0x8d)
#define PICKLE_BINBYTES8 ((char)0x8e)
#define PICKLE_EMPTY_SET ((char)0x8f)
#define PICKLE_ADDITEMS ((char)0x90)
#define PICKLE_FROZENSET ((char)0x91)
#define PICKLE_MEMOIZE ((char)0x94)
#define PICKLE_FRAME ((char)0x95)
#define PICKLE_BYTEARRAY8 ((char)0x96)

/* A pickle of plain values as one MessagePack value: tuples and sets become lists. CORRUPT with the
 * opcode's name in err->native when it would import, call or build something, or is malformed. */
hb_status files_pickle_decode(hb_str bytes, hb_buf *pack, hb_err *err);

#endif
